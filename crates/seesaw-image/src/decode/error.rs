//! Why a picture cannot be had.

use std::{fmt, io};

use super::Format;

/// Why a file or some bytes did not become a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file could not be read.
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
    /// There are no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is no picture at all, whatever the name says.
    #[error("not a picture: JPEG, PNG, WebP and BMP are recognized by their content")]
    NotAnImage,
    /// A picture of a kind that is not read.
    #[error("{0} is not supported: convert the picture to a common JPEG or PNG")]
    Unsupported(String),
    /// The data ends before the picture does.
    #[error("the {0} is cut short: copy or download it again")]
    Truncated(Format),
    /// The data contradicts its format.
    #[error(
        "the {format} is damaged ({reason}): copy it again, or save it anew with an image editor"
    )]
    Damaged {
        /// What the content begins as.
        format: Format,
        /// What is wrong with it.
        reason: String,
    },
    /// The picture is, or claims to be, larger than the [`Limits`](super::Limits) allow.
    #[error("too large: {} {quantity}, and the limit is {}: scale the picture down first", amount(*.value, *.quantity), amount(*.limit, *.quantity))]
    TooLarge {
        /// What is too large.
        quantity: Quantity,
        /// How much it is.
        value: u64,
        /// How much it may be.
        limit: u64,
    },
}

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Bytes of the encoded file.
    FileBytes,
    /// Pixels of the longer side.
    Side,
    /// Pixels of the picture.
    Pixels,
    /// Bytes that decoding takes at its peak, the encoded file included.
    Memory,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileBytes => "of file",
            Self::Side => "pixels on a side",
            Self::Pixels => "pixels",
            Self::Memory => "of memory to decode",
        })
    }
}

fn amount(value: u64, quantity: Quantity) -> String {
    match quantity {
        Quantity::FileBytes | Quantity::Memory if value >= 1 << 20 => {
            format!("{:.1} MiB", value as f64 / f64::from(1 << 20))
        }
        Quantity::FileBytes | Quantity::Memory => format!("{value} bytes"),
        Quantity::Side | Quantity::Pixels => value.to_string(),
    }
}

impl ImageError {
    pub(super) fn damaged(format: Format, reason: impl fmt::Display) -> Self {
        Self::Damaged { format, reason: reason.to_string() }
    }

    /// An error where `value` exceeds `limit`.
    pub(super) fn check(quantity: Quantity, value: u64, limit: u64) -> Result<(), Self> {
        if value > limit { Err(Self::TooLarge { quantity, value, limit }) } else { Ok(()) }
    }
}
