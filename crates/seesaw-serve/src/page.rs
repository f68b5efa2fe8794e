//! The page and its files, which the program carries.

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    response::{IntoResponse, Response},
};

/// Nothing but what comes from here, and photos that the page itself holds.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Where it is.
    pub address: &'static str,
    content_type: &'static str,
    content: &'static str,
}

/// All files of the page.
pub static FILES: [File; 1] = [File {
    address: "/",
    content_type: "text/html; charset=utf-8",
    content: include_str!("../page/index.html"),
}];

impl File {
    /// The file as an answer.
    pub fn response(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, self.content_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            // A newer program has newer files.
            (CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.content).into_response()
    }
}
