//! The engine as a WebAssembly module: a C interface of ten functions, which `web/seesaw.js` calls.
//!
//! A caller loads a model from the bytes of a safetensors file and gets a handle. It shows the model a
//! photo, as RGBA pixels or as a normalized tensor, and asks what is on it: logits, features, or where
//! a class is seen. The caller decodes photos; the module has no decoders.
//!
//! | module | holds |
//! |---|---|
//! | [`model`] | a model with its buffers; safe code |
//! | [`ffi`] | the functions, and all `unsafe` code |
//!
//! Compiled for other targets, it is an ordinary library, which the tests use.

mod error;
pub mod ffi;
pub mod model;

pub use error::Error;
