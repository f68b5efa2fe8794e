//! Searches a space of nets.
#![forbid(unsafe_code)]

pub mod cost;
pub mod effects;
mod error;
pub mod explore;
mod gate;
pub mod journal;
pub mod recipes;
pub mod report;
pub mod run;
pub mod search;
pub mod state;
mod stats;
mod trial;

pub use error::SearchError;
