//! Classifies photos with Seesaw-Nets.
//!
//! A [`Classifier`] is a model ready to run: it decodes a photo, prepares it as the model wants it
//! and ranks the classes.
//!
//! ```
//! use seesaw::{Classifier, RgbImage};
//!
//! // The default of the bundled models; `Classifier::open("model.safetensors")` opens a file.
//! let classifier = Classifier::bundled()?;
//! // Any pixels; `classifier.classify_file("photo.jpg")` decodes a photo.
//! let gray = RgbImage::new(300, 200, vec![128; 3 * 300 * 200]).unwrap();
//! let guesses = classifier.classify(&gray)?;
//! println!("{} {:.1} %", guesses[0].label, 100.0 * guesses[0].probability);
//! # assert_eq!(guesses.len(), 1000);
//! # Ok::<(), seesaw::Error>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`Classifier`], [`Builder`] | a model from the program itself, a file or bytes; one photo or many; features; where a class is seen |
//! | [`answer`] | what is said of a photo, as JSON |
//! | [`bundled`] | the weights that the program carries |
//! | [`labels`] | class names from a file |
//! | [`ranking`] | from logits to probabilities |
//! | [`similarity`] | photos that look alike to a net |
//! | [`pipeline`] | loading ahead on several threads, in order and in bounded memory |
#![forbid(unsafe_code)]

pub mod answer;
#[cfg(feature = "bundled")]
pub mod bundled;
mod classifier;
mod error;
pub mod labels;
mod photos;
pub mod pipeline;
pub mod ranking;
pub mod similarity;

pub use classifier::{Builder, Classifier, Explanation, Guess, preprocess_of};
pub use error::{Error, PhotoError};
pub use photos::{DecodeMemory, LoadedPhoto};
pub use seesaw_arch::Preprocess;
pub use seesaw_engine::{ClassMaps, Isa, Machine};
pub use seesaw_format::{Model, Note};
pub use seesaw_image::RgbImage;
