//! Trains Seesaw-Nets on the CPU.
#![forbid(unsafe_code)]

pub mod layout;
