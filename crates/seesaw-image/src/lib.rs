//! Images for Seesaw-Nets: decoding photos and preparing them as a net's input.
//!
//! | module | holds |
//! |---|---|
//! | [`decode`] | JPEG, PNG, WebP, GIF, TIFF, BMP and Netpbm to 8-bit RGB, within [limits](decode::Limits); with the feature `decode`, which is on by default |
//! | `encode` | 8-bit RGB to JPEG; with the feature `encode` |
//! | [`resize`] | the resize and the center crop of torchvision's evaluation, and the whole photo on a square |
//!
//! ```
//! use seesaw_arch::Preprocess;
//! use seesaw_image::{Limits, decode};
//!
//! // The smallest image: one red pixel as a BMP. A program calls `decode::open` with a path.
//! let bytes = [
//!     &b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0"[..],
//!     &[0; 24],
//!     &[0, 0, 255, 0],
//! ]
//! .concat();
//! let photo = decode::decode(&bytes, &Limits::default())?;
//! assert_eq!(photo.pixels(), [255, 0, 0]);
//!
//! let preprocess = Preprocess::imagenet(224);
//! let mut input = vec![0.0; preprocess.output_len()];
//! seesaw_image::preprocess(&preprocess, &photo, &mut input)?;
//! assert_eq!(input.len(), 3 * 224 * 224);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "decode")]
pub mod decode;
#[cfg(feature = "encode")]
pub mod encode;
mod image;
mod preprocess;
pub mod resize;

#[cfg(feature = "decode")]
pub use decode::{Format, ImageError, Limits};
pub use image::RgbImage;
pub use preprocess::{Normalizer, PreprocessError, preprocess};
