//! Errors of decoding.

use std::{fmt, io};

use super::Format;

/// An error of reading or decoding an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file could not be read.
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
    /// The file or slice is empty.
    #[error("the file is empty")]
    Empty,
    /// The content is in no image format, whatever the file is called.
    #[error(
        "not an image: JPEG, PNG, WebP, HEIC, GIF, TIFF, BMP and PNM are recognized by their content"
    )]
    NotAnImage,
    /// A file in another well-known format.
    #[error("{name} is not supported: {advice}")]
    Foreign {
        /// The format.
        name: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// An image of a supported format, but of an unsupported kind.
    #[error("{0} is not supported: convert the image to a common JPEG or PNG")]
    Unsupported(String),
    /// The data ends before the image does.
    #[error("the {0} is truncated: copy or download it again")]
    Truncated(Format),
    /// The data contradicts its format.
    #[error(
        "the {format} is damaged ({reason}): copy it again, or save it again with an image editor"
    )]
    Damaged {
        /// The format, by the first bytes.
        format: Format,
        /// What is wrong with it.
        reason: String,
    },
    /// The image is, or claims to be, larger than the [`Limits`](super::Limits) allow.
    #[error(
        "too large: {} {quantity}, and the limit is {}: scale the image down first",
        amount(*.value, *.quantity),
        amount(*.limit, *.quantity)
    )]
    TooLarge {
        /// What is too large.
        quantity: Quantity,
        /// The size.
        value: u64,
        /// The limit.
        limit: u64,
    },
}

/// What a limit applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Bytes of the encoded file.
    FileBytes,
    /// Pixels of the longer side.
    Side,
    /// Pixels of the image.
    Pixels,
    /// Peak bytes of memory while decoding, the encoded file included.
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

    /// Refuses a `value` that exceeds `limit`.
    pub(super) fn check(quantity: Quantity, value: u64, limit: u64) -> Result<(), Self> {
        if value > limit { Err(Self::TooLarge { quantity, value, limit }) } else { Ok(()) }
    }
}
