//! Why a command stopped, and what the user can do about it.

use std::{fmt, io, path::Path};

use clap::builder::styling::{AnsiColor, Style};
use seesaw_format::FormatError;

use crate::{hint::Hint, output};

/// What ends a command before its work is done; the process exits with code 2.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong that the user can fix.
    Error {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// An error that was already reported, here or by another rank.
    Reported,
    /// The reader of standard output closed it, as `head` does, which is not an error.
    OutputClosed,
}

impl Failure {
    /// An error without a hint.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::Error { message: message.to_string(), hint: None }
    }

    /// An error in a file.
    pub fn file(path: &Path, error: impl fmt::Display) -> Self {
        Self::new(format_args!("{}: {error}", path.display()))
    }

    /// An error in a file, with the hint of a library's error.
    pub fn in_file(path: &Path, error: &impl Hint) -> Self {
        let message = format!("{}: {error}", path.display());
        Self::Error { message, hint: error.hint() }
    }

    /// An error in a file of weights or tensors.
    pub fn format(path: &Path, error: &FormatError) -> Self {
        match error {
            // These name the file themselves.
            FormatError::Io { .. } | FormatError::TooLarge { .. } => Self::new(error),
            _ => Self::in_file(path, error),
        }
    }

    /// The same with a hint; a closed output stays as it is.
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        match self {
            Self::Error { message, .. } => Self::Error { message, hint: Some(hint.to_string()) },
            Self::OutputClosed | Self::Reported => self,
        }
    }

    /// The same error of one of several ranks; rank 0 speaks for all.
    pub fn of_rank(self, rank: usize) -> Self {
        match self {
            Self::Error { message, hint } if rank > 0 => {
                Self::Error { message: format!("rank {rank}: {message}"), hint }
            }
            failure => failure,
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

/// Without the hint.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { message, .. } => f.write_str(message),
            Self::OutputClosed => f.write_str("standard output is closed"),
            Self::Reported => f.write_str("the command failed"),
        }
    }
}

/// Errors of the libraries, with the hints of this command.
impl<E: Hint> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error { message: error.to_string(), hint: error.hint() }
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
    if output::is_quiet() {
        return;
    }
    report("warning", AnsiColor::Yellow.on_default().bold(), message);
}

/// Writes `note: ...` to standard error.
pub fn note(message: impl fmt::Display) {
    if output::is_quiet() {
        return;
    }
    report("note", AnsiColor::Cyan.on_default().bold(), message);
}

fn report(kind: &str, style: Style, message: impl fmt::Display) {
    use io::Write;
    // If standard error is closed, there is nobody left to inform.
    let _ = writeln!(anstream::stderr(), "{style}{kind}{style:#}: {message}");
}
