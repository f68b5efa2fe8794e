//! What requests say and what they are answered, apart from HTTP.

pub mod classify;
pub mod infer;
mod numbers;
pub mod tensors;
pub mod wishes;
