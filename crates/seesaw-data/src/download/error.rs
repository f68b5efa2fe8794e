//! Why a download failed.

use std::{io, path::PathBuf};

/// Why a data set could not be downloaded or unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// A file that could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No answer.
    #[error(
        "{url}: {reason}; check the network, or download {page} with a browser, put it there as \
         {name} and run again"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why there is no answer.
        reason: String,
        /// Where a browser finds it.
        page: &'static str,
        /// What it must be called.
        name: &'static str,
    },
    /// The server wants an encrypted connection.
    #[error(
        "{url}: the server wants https, which is not spoken here: download {page} with a browser, \
         put it there as {name} and run again"
    )]
    Tls {
        /// What was asked for.
        url: String,
        /// Where a browser finds it.
        page: &'static str,
        /// What it must be called.
        name: &'static str,
    },
    /// The server answered with an error.
    #[error(
        "{url}: the server answers with status {status}; try again later or from another address"
    )]
    Status {
        /// What was asked for.
        url: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The connection ended early.
    #[error("{url}: cut off after {done} bytes ({source}): run again to go on from there")]
    CutOff {
        /// What was asked for.
        url: String,
        /// Bytes that are there.
        done: u64,
        /// Why.
        source: io::Error,
    },
    /// More bytes than the archive can have.
    #[error("{url}: more than {limit} bytes, which the archive does not have: check the address")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// Bytes it may have.
        limit: u64,
    },
    /// Not the official archive.
    #[error(
        "{}: its md5 is {found}, and the official archive's is {expected}: remove it, and download \
         it again",
        .path.display()
    )]
    Md5 {
        /// The archive.
        path: PathBuf,
        /// The official archive's.
        expected: String,
        /// What was computed.
        found: String,
    },
    /// An archive without one of its files, or with something else in its place.
    #[error("{}: does not hold `{name}` as it should", .path.display())]
    Content {
        /// The archive.
        path: PathBuf,
        /// The file.
        name: &'static str,
    },
}

impl DownloadError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
