//! Weights of Seesaw-Nets on disk: safetensors and PyTorch checkpoints.
//!
//! A model is one `.safetensors` file: tensors under the names of the published code ([`NetWeights`]
//! says how they map to a net), and JSON about them in the header ([`Metadata`]). PyTorch files are
//! read by an unpickler that runs nothing.
//!
//! ```
//! use seesaw_format::{Metadata, NetWeights, Precision, load_model, safetensors};
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
//! let weights = NetWeights::random(&net, 1).unwrap();
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("fresh.safetensors");
//! let tensors = weights.to_tensors(&net).unwrap();
//! safetensors::write(&path, &tensors, Some(&Metadata::new(net.clone())), Precision::F32).unwrap();
//! let model = load_model(&path, None).unwrap();
//! assert_eq!((model.net, model.weights), (net, weights));
//! ```
#![forbid(unsafe_code)]

mod convert;
mod error;
mod metadata;
mod model;
mod names;
pub mod pytorch;
pub mod safetensors;
mod tensors;
mod weights;

pub use error::FormatError;
pub use metadata::Metadata;
pub use model::{Contents, Model, load, load_model, recognize};
pub use safetensors::Precision;
pub use seesaw_arch::Preprocess;
pub use tensors::{Tensor, Tensors};
pub use weights::{BatchNorm, BlockWeights, ConvBn, Linear, NetWeights};
