//! What happens to every request: a number, a deadline, the token, metrics and the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;

use super::{
    App,
    context::{Deadline, Peer},
    router::is_open,
};
use crate::{AccessLine, Event, error::Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name of a request that is echoed.
const MAX_ID: usize = 128;

/// Answers with the same `X-Request-Id`, counts, and logs. Requests without a token go no further.
pub async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(&request);
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let endpoint = matched.as_ref().map_or("other", MatchedPath::as_str).to_owned();
    let peer = request.extensions().get::<Peer>().copied();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(Deadline(start + app.options.timeout));
    let mut response = if is_open(&endpoint) || app.admits(request.headers()) {
        next.run(request).await
    } else {
        unauthorized()
    };
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, time) = (response.status(), start.elapsed());
    app.shop.metrics.answered(&endpoint, status.as_u16(), time);
    let id = id.to_str().unwrap_or_default();
    (app.events)(Event::Answered(line(&method, &path, status, time, peer, id)));
    response
}

fn line<'a>(
    method: &'a Method,
    path: &'a str,
    status: StatusCode,
    time: Duration,
    peer: Option<Peer>,
    id: &'a str,
) -> AccessLine<'a> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AccessLine {
        time: (1e3 * now.as_secs_f64()).round() / 1e3,
        peer: peer.map(|Peer(address)| address.to_string()),
        method: method.as_str(),
        path,
        status: status.as_u16(),
        milliseconds: (1e6 * time.as_secs_f64()).round() / 1e3,
        id,
    }
}

fn unauthorized() -> Response {
    let message = "a token is needed: send it as `Authorization: Bearer TOKEN`";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, message).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The client's own name for the request, or a number that no other request of this run has.
fn request_id(request: &Request) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let own = request.headers().get(REQUEST_ID);
    let plain = |id: &&HeaderValue| {
        id.len() <= MAX_ID && !id.is_empty() && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    own.filter(plain).cloned().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed).into())
}
