//! Why the service does not start, and what is wrong with a request.

use std::{io, net::SocketAddr, path::PathBuf};

use axum::http::StatusCode;
use seesaw::PhotoError;
use seesaw_image::ImageError;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is no model to serve.
    #[error("no model to serve")]
    NoModel,
    /// A model's name could not be part of an address.
    #[error(
        "`{0}` is no name for a model: use letters, digits, `.`, `_` and `-`, at most 128 of them"
    )]
    Name(String),
    /// Two models have the same name.
    #[error("two models are called `{0}`: give one of them another name")]
    DuplicateName(String),
    /// Nothing can listen on the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system refuses threads, signals or sockets.
    #[error("cannot start the service: {0}")]
    Start(#[from] io::Error),
    /// The file of tokens cannot be read.
    #[error("{}: {source}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of tokens has none, or one that is too short.
    #[error("{}: {what}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The folder for collected photos cannot be used.
    #[error("{}: {source}", path.display())]
    Collect {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why a request is not answered as it wants to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub message: String,
    /// Seconds after which the same request may succeed.
    pub retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// The request contradicts its own format or ours.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn no_model(name: &str) -> Self {
        let message = format!("no model `{name}`: GET /v1/models lists them");
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The service has too much to do.
    pub fn busy(message: &str, retry_after: u64) -> Self {
        let retry_after = Some(retry_after.max(1));
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    /// The work ended without a result, which only an error of ours does.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed on this request")
    }
}

/// The status of a photo that cannot be classified.
pub fn photo_status(error: &PhotoError) -> StatusCode {
    match error {
        PhotoError::Image(ImageError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        PhotoError::Image(
            ImageError::NotAnImage | ImageError::Foreign { .. } | ImageError::Unsupported(_),
        ) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        PhotoError::NotFinite => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
