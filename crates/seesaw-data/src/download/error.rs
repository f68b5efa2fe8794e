//! Errors of downloading.

use std::{io, path::PathBuf};

/// An error of downloading or unpacking a data set.
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
    /// The server did not respond.
    #[error(
        "{url}: {reason}; check the network, or download {page} with a browser, save it in \
         the target folder as {name}, and try again"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// The network's error.
        reason: String,
        /// Where a browser can download the archive.
        page: &'static str,
        /// The name that the archive must have.
        name: &'static str,
    },
    /// The server requires an encrypted connection.
    #[error(
        "{url}: the server requires https, which is not supported: download {page} with a browser, \
         save it in the target folder as {name}, and try again"
    )]
    Tls {
        /// The address.
        url: String,
        /// Where a browser can download the archive.
        page: &'static str,
        /// The name that the archive must have.
        name: &'static str,
    },
    /// The server responded with an error.
    #[error(
        "{url}: the server responded with status {status}; try again later, or another address"
    )]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection ended early.
    #[error("{url}: interrupted after {done} bytes ({source}): try again to resume from there")]
    Interrupted {
        /// The address.
        url: String,
        /// Bytes that have been downloaded.
        done: u64,
        /// Why.
        source: io::Error,
    },
    /// More bytes than the archive has.
    #[error("{url}: more than the {limit} bytes that an archive may have: check the address")]
    TooLarge {
        /// The address.
        url: String,
        /// The most bytes that are accepted.
        limit: u64,
    },
    /// Not the official archive.
    #[error(
        "{}: its md5 is {found}, and that of the official archive {expected}: remove it, and download it \
         again",
        .path.display()
    )]
    Md5 {
        /// The archive.
        path: PathBuf,
        /// That of the official archive.
        expected: String,
        /// That of this file.
        found: String,
    },
    /// An archive in which a file is missing or has the wrong length.
    #[error("{}: `{name}` is missing or has the wrong length", .path.display())]
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
