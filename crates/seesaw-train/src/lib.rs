//! Trains Seesaw-Nets on the CPU.
#![forbid(unsafe_code)]

pub mod ema;
mod error;
pub mod layout;
pub mod loss;
pub mod optim;
pub mod schedule;
#[cfg(test)]
mod testing;

pub use error::TrainError;
