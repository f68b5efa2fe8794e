//! Trains Seesaw-Nets on the CPU.
//!
//! | module | holds |
//! |---|---|
//! | [`trainer`] | the loop: from a folder of photos to a model, stopped and resumed at any step |
//! | [`recipe`] | how a net is trained, as a file says it; the built-in recipes |
//! | [`run`] | the folder of a run: configuration, checkpoint, models, log |
//! | [`metrics`] | accuracy, loss, confusion and calibration of a net on a data set |
//! | [`comparison`] | what finished runs say of nets: scores, spread of seeds, differences |
//! | [`draw`], [`tensorboard`] | curves, matrices and sheets as pictures; TensorBoard's files |
//! | [`net`], [`layout`] | a net that is trained, and its numbers as one vector |
//! | [`optim`], [`schedule`], [`loss`], [`ema`] | the arithmetic of a step |
//!
//! ```no_run
//! use seesaw_train::{recipe::Recipe, trainer::{Event, Machine, Start, Trainer}};
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-imagenet")?;
//! let mut recipe = Recipe::built_in("photos-modern")?;
//! recipe.set("epochs", "20")?;
//! let start = Start::new("photos", net, recipe, "runs/first");
//! let mut listen = |event: Event<'_>| {
//!     if let Event::EpochEnds { row, .. } = event && let Some(top1) = row.val_top1 {
//!         eprintln!("epoch {}: {:.1} % right", row.epoch, 100.0 * top1);
//!     }
//! };
//! let mut trainer = Trainer::start(&start, Machine::default(), &mut listen)?;
//! trainer.run(&false.into(), &mut listen)?;
//! # Ok::<(), seesaw_train::TrainError>(())
//! ```
#![forbid(unsafe_code)]

pub mod comparison;
pub mod ema;
mod error;
pub mod layout;
pub mod loss;
pub mod metrics;
pub mod net;
pub mod optim;
#[cfg(feature = "plots")]
pub mod pictures;
pub mod recipe;
pub mod run;
pub mod schedule;
pub mod tensorboard;
#[cfg(test)]
mod testing;
pub mod trainer;

pub use error::TrainError;
