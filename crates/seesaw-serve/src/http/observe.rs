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
        header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
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
    let seen = Seen::new(&request);
    request.extensions_mut().insert(Deadline(seen.start + app.options.timeout));
    let mut response = if is_open(&seen.endpoint) || app.admits(request.headers()) {
        next.run(request).await
    } else {
        unauthorized()
    };
    if response.status().is_client_error() && is_text(&response) {
        // The router's own refusals: an address that is not UTF-8, for instance.
        let problem = Problem::new(response.status(), "the address is not as expected");
        response = problem.into_response();
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, seen.id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, time) = (response.status().as_u16(), seen.start.elapsed());
    app.shop.metrics.answered(&seen.endpoint, status, time);
    (app.events)(Event::Answered(seen.line(status, time)));
    response
}

/// What is kept of a request until it is answered.
struct Seen {
    start: Instant,
    /// Its route, for metrics: there are not many.
    endpoint: String,
    method: Method,
    path: String,
    peer: Option<Peer>,
    id: HeaderValue,
}

impl Seen {
    fn new(request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>();
        Self {
            start: Instant::now(),
            endpoint: matched.map_or("other", MatchedPath::as_str).to_owned(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            peer: request.extensions().get::<Peer>().copied(),
            id: request_id(request),
        }
    }

    fn line(&self, status: u16, time: Duration) -> AccessLine<'_> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        AccessLine {
            time: (1e3 * now.as_secs_f64()).round() / 1e3,
            peer: self.peer.map(|Peer(address)| address.to_string()),
            method: self.method.as_str(),
            path: &self.path,
            status,
            milliseconds: (1e6 * time.as_secs_f64()).round() / 1e3,
            id: self.id.to_str().unwrap_or_default(),
        }
    }
}

fn is_text(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
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
