//! Why a command stopped, and what the user can do about it.

use std::{fmt, io, path::Path};

use clap::builder::styling::{AnsiColor, Style};
use seesaw_format::FormatError;

/// What ends a command before its work is done; the process exits with code 2.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong that the user can mend.
    Error {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Whoever read standard output has closed it, as `head` does; that is no error.
    OutputClosed,
}

impl Failure {
    /// An error without a hint.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::Error { message: message.to_string(), hint: None }
    }

    /// An error about a file.
    pub fn file(path: &Path, error: impl fmt::Display) -> Self {
        Self::new(format_args!("{}: {error}", path.display()))
    }

    /// An error about a file of weights or tensors.
    pub fn format(path: &Path, error: &FormatError) -> Self {
        match error {
            // These name the file themselves.
            FormatError::Io { .. } | FormatError::TooLarge { .. } => Self::new(error),
            FormatError::Unrecognized { .. } | FormatError::Ambiguous { .. } => Self::file(
                path, error,
            )
            .hint("say which net it is: `--net NAME`, or `--net FILE.toml` for one of your own"),
            _ => Self::file(path, error),
        }
    }

    /// The same with a hint; a closed output stays as it is.
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        match self {
            Self::Error { message, .. } => Self::Error { message, hint: Some(hint.to_string()) },
            Self::OutputClosed => self,
        }
    }

    /// Writes the error to standard error, in color on a terminal.
    pub fn report(&self) {
        let Self::Error { message, hint } = self else { return };
        error(message);
        if let Some(hint) = hint {
            report("hint", AnsiColor::Cyan.on_default().bold(), hint);
        }
    }
}

/// Errors of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::new(format_args!("standard output: {error}")),
        }
    }
}

/// Writes `error: ...` to standard error.
pub fn error(message: impl fmt::Display) {
    report("error", AnsiColor::Red.on_default().bold(), message);
}

/// Writes `warning: ...` to standard error.
pub fn warn(message: impl fmt::Display) {
    report("warning", AnsiColor::Yellow.on_default().bold(), message);
}

fn report(kind: &str, style: Style, message: impl fmt::Display) {
    use io::Write;
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "{style}{kind}{style:#}: {message}");
}
