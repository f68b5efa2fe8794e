//! Weights of Seesaw-Nets on disk: safetensors and PyTorch checkpoints.
//!
//! A model is one `.safetensors` file: tensors under the names of the published code, which
//! [`NetWeights`] maps to a net, and JSON about them in the header ([`Metadata`]). PyTorch checkpoints
//! are read by an unpickler that runs nothing, with the feature `pytorch`, which is on by default.
//!
//! ```
//! use seesaw_format::{Metadata, NetWeights, StoredPrecision, load_model, safetensors};
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
//! let weights = NetWeights::random(&net, 1).unwrap();
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("fresh.safetensors");
//! let (tensors, metadata) = (weights.to_tensors(&net).unwrap(), Metadata::new(net.clone()));
//! safetensors::write(&path, &tensors, Some(&metadata), StoredPrecision::F32).unwrap();
//! let model = load_model(&path, None).unwrap();
//! assert_eq!((model.net, model.weights), (net, weights));
//! ```
#![forbid(unsafe_code)]

mod choice;
mod convert;
mod derive;
mod error;
mod file_kind;
mod metadata;
mod model;
mod names;
mod note;
mod parts;
mod prefix;
#[cfg(feature = "pytorch")]
pub mod pytorch;
mod recognize;
mod replace;
pub mod safetensors;
mod tensors;
mod weights;

pub use error::FormatError;
pub use file_kind::FileKind;
pub use metadata::Metadata;
pub use model::{Contents, Model, load, load_keyed, load_model};
pub use note::{Assumption, Note, Reason};
pub use recognize::recognize;
pub use replace::{remove_unfinished, replace_file};
pub use safetensors::StoredPrecision;
pub use tensors::{Tensor, Tensors};
pub use weights::{BatchNorm, BlockWeights, ConvBn, Linear, NetWeights};
