//! Searches a space of nets.
#![forbid(unsafe_code)]

pub mod effects;
pub mod explore;
