//! `/v2`: the Open Inference Protocol.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    App,
    classify::{receive, submit},
    context::Deadline,
    reply::JSON_LENGTH,
};
use crate::{error::Problem, models::Model, protocol::infer, work::Task};

pub async fn server() -> Json<Value> {
    Json(infer::server())
}

/// Live as long as it answers.
pub async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let ready = !app.is_ending();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready }))).into_response()
}

pub async fn model(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(infer::metadata(&*find(&app, &name)?)))
}

pub async fn model_ready(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    find(&app, &name)?;
    Ok(Json(json!({ "name": name, "ready": !app.is_ending() })))
}

pub async fn infer(
    State(app): State<Arc<App>>,
    Extension(deadline): Extension<Deadline>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let model = find(&app, &name)?;
    let json_len = match request.headers().get(JSON_LENGTH) {
        None => None,
        Some(value) => {
            Some(value.to_str().ok().and_then(|len| len.parse().ok()).ok_or_else(|| {
                Problem::bad("Inference-Header-Content-Length must be a number of bytes")
            })?)
        }
    };
    let (body, held) = receive(&app, deadline, request).await?;
    let task = Task::Infer { model, body, json_len };
    let models = app.models.get();
    Ok(submit(&app, deadline, (task, held), models).await?.into_response())
}

/// Models have no versions here.
pub async fn version(Path(_): Path<Vec<(String, String)>>) -> Problem {
    let message = "models have no versions: leave `/versions/...` out";
    Problem::new(StatusCode::NOT_FOUND, message)
}

fn find(app: &App, name: &str) -> Result<Arc<Model>, Problem> {
    app.models.get().get(Some(name)).cloned().ok_or_else(|| Problem::no_model(name))
}
