//! Images for Seesaw-Nets: finding photos, decoding them, and preparing them for a net; data sets,
//! augmentation and batches for training.
//!
//! | module | holds |
//! |---|---|
//! | [`find`] | files, folders and globs to a list of photos |
//! | [`decode`] | JPEG, PNG, WebP and BMP to 8-bit RGB, within [limits](decode::Limits) |
//! | [`resize`] | the resize and the center crop of torchvision's evaluation |
//! | [`preprocess`] | what a net wants of its input, and a photo turned into that |
//! | [`datasets`] | CIFAR, MNIST, class folders and lists, for training and for validation |
//! | [`download`] | CIFAR-10 from its official place |
//! | [`augment`] | random crops, flips, colors, erasing and mixing |
//! | [`loader`] | batches, made ahead in threads, the same whatever their number |
//! | [`rng`] | random numbers that depend on what they are for |
//!
//! ```
//! use seesaw_data::{Preprocess, decode};
//!
//! // The smallest picture: one red pixel as a BMP. A program calls `decode::open` with a path.
//! let bytes = [
//!     &b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0"[..],
//!     &[0; 24],
//!     &[0, 0, 255, 0],
//! ]
//! .concat();
//! let photo = decode::decode(&bytes, &decode::Limits::default())?;
//! assert_eq!(photo.pixels(), [255, 0, 0]);
//!
//! let preprocess = Preprocess::imagenet(224);
//! let mut input = vec![0.0; preprocess.output_len()];
//! preprocess.apply(&photo, &mut input)?;
//! assert_eq!(input.len(), 3 * 224 * 224);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod augment;
pub mod datasets;
pub mod decode;
pub mod download;
pub mod find;
mod image;
pub mod loader;
pub mod preprocess;
pub mod resize;
pub mod rng;

pub use augment::Augment;
pub use datasets::{DataError, Dataset};
pub use decode::{Format, ImageError, Limits};
pub use find::{FindError, find_photos};
pub use image::RgbImage;
pub use loader::{Batch, Loader, LoaderOptions};
pub use preprocess::{Preprocess, PreprocessError};
