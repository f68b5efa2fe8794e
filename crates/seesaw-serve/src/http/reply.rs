//! Answers as HTTP.

use axum::{
    Json,
    http::{
        HeaderName, HeaderValue,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    error::Problem,
    work::{Reply, Timing},
};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Of the binary tensor extension.
pub const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, message, retry_after } = self;
        let mut response = (status, Json(json!({ "error": message }))).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Self { status, content_type, body, json_len, timing } = self;
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(SERVER_TIMING, server_timing(&timing));
        if let Some(len) = json_len {
            headers.insert(JSON_LENGTH, len.into());
        }
        response
    }
}

/// Milliseconds of each part, which browsers show and the page reads.
fn server_timing(timing: &Timing) -> HeaderValue {
    let ms = |time: std::time::Duration| 1e3 * time.as_secs_f64();
    let Timing { queue, decode, infer } = *timing;
    let text = format!(
        "queue;dur={:.3}, decode;dur={:.3}, infer;dur={:.3}",
        ms(queue),
        ms(decode),
        ms(infer)
    );
    HeaderValue::try_from(text).expect("digits and names")
}
