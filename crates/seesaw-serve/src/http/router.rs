//! Which address leads where.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};

use super::{App, classify, infer, observe::observe};
use crate::{error::Problem, openapi, page};

/// Addresses that need no token: they tell nothing and compute nothing.
pub fn is_open(endpoint: &str) -> bool {
    page::FILES.iter().any(|file| file.address == endpoint)
        || ["/v2/health/live", "/v2/health/ready", "/openapi.json"].contains(&endpoint)
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/v1/classify", post(classify::classify))
        .route("/v1/embed", post(classify::embed))
        .route("/v1/collect", post(classify::collect))
        .route("/v1/models", get(classify::models))
        .route("/v2", get(infer::server))
        .route("/v2/", get(infer::server))
        .route("/v2/health/live", get(infer::live))
        .route("/v2/health/ready", get(infer::ready))
        .route("/v2/models/{model}", get(infer::model))
        .route("/v2/models/{model}/ready", get(infer::model_ready))
        .route("/v2/models/{model}/infer", post(infer::infer))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(|| async { Json(openapi::document()) }));
    for version in ["", "/ready", "/infer"] {
        let path = format!("/v2/models/{{model}}/versions/{{version}}{version}");
        router = router.route(&path, get(infer::version).post(infer::version));
    }
    for file in page::FILES.iter() {
        router = router.route(&file.address, get(|| async { file.response() }));
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_here)
        .layer(from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let metrics = &app.shop.metrics;
    metrics.queue_length.set(app.shop.queue.len() as i64);
    metrics.body_bytes.set(app.bodies.used() as i64);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], metrics.text()).into_response()
}

async fn wrong_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not take {method}"))
}

async fn nothing_here(request: Request) -> Problem {
    let message =
        format!("nothing is at {}: /openapi.json lists what there is", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, message)
}
