//! Seesaw-Nets for other programs.
//!
//! | module | writes |
//! |---|---|
//! | [`onnx`] | ONNX files, for ONNX Runtime, OpenVINO and the web; reads them back |
//! | [`pytorch`] | a Python file that defines and trains a net in PyTorch; state dicts for it |
//! | [`web`] | a page that classifies photos in the browser |
//!
//! ```
//! use seesaw_export::onnx;
//! use seesaw_format::{Metadata, NetWeights};
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
//! let weights = NetWeights::random(&net, 1).unwrap();
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("net.onnx");
//! onnx::write(&path, &weights, &Metadata::new(net.clone()), &onnx::Options::default()).unwrap();
//! assert_eq!(onnx::read(&path).unwrap().net, net);
//! ```
#![forbid(unsafe_code)]

mod error;
mod literal;
pub mod onnx;
pub mod pytorch;
pub mod web;

pub use error::ExportError;
