//! Searches a space of nets for the best at a given cost.
//!
//! | module | holds |
//! |---|---|
//! | [`explore`] | which choices to try next: ask and tell, without nets |
//! | [`effects`] | the model behind it: what each choice adds |
//! | [`cost`] | bringing nets to multiply-adds or milliseconds |
//! | [`search`] | a search in its folder: which training is next, and who takes it |
//! | [`journal`], [`state`] | all that happened, and what it adds up to |
//! | [`recipes`], [`run`] | how nets are trained, and threads that do it |
//! | [`report`] | what was found |
//!
//! A space of nets is a [`seesaw_arch::space::Space`]. Each trial of a search is an ordinary run of
//! [`seesaw_train`].
#![doc = include_str!("../README.md")]
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
