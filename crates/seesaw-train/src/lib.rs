//! Trains Seesaw-Nets on the CPU.
//!
//! | module | holds |
//! |---|---|
//! | [`trainer`] | runs: from a data set to a model, resumable at any step |
//! | [`ranks`] | several workers that train one net together |
//! | [`learner`] | one step after another in memory, for loops of your own |
//! | [`graft`](mod@graft) | first weights for a net with groups from a trained net without |
//! | [`recipe`] | how a net is trained, as a TOML file; the built-in recipes |
//! | [`run`] | the folder of a run: configuration, checkpoint, models, log |
//! | [`metrics`] | accuracy, loss, confusion and calibration of a net on a data set |
//! | [`comparison`] | nets compared by their finished runs: scores, spread over seeds, differences |
//! | `pictures`, [`tensorboard`] | charts of runs and mistakes (feature `plots`); TensorBoard's files |
//! | [`net`], [`layout`] | a net in training, and its numbers as one vector |
//! | [`optim`], [`schedule`], [`loss`], [`ema`] | the arithmetic of a step |
//!
//! ```no_run
//! use seesaw_kernels::Machine;
//! use seesaw_train::{recipe::Recipe, trainer::{Event, RunOptions, Start, Trainer}};
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-imagenet")?;
//! let mut recipe = Recipe::default_for(&net);
//! recipe.set("epochs", "20")?;
//! let start = Start::new("photos", net, recipe, "runs/first");
//! let mut listen = |event: Event<'_>| {
//!     if let Event::EpochEnds { row, .. } = event && let Some(top1) = row.val_top1 {
//!         eprintln!("epoch {}: top-1 {:.1} %", row.epoch, 100.0 * top1);
//!     }
//! };
//! let machine = Machine::from_env(4)?;
//! let mut trainer = Trainer::start(&start, &machine, &RunOptions::default(), &mut listen)?;
//! trainer.run(&false.into(), &mut listen)?;
//! # Ok::<(), seesaw_train::TrainError>(())
//! ```
#![forbid(unsafe_code)]

pub mod comparison;
mod counterparts;
pub mod ema;
mod error;
pub mod graft;
pub mod layout;
pub mod learner;
mod linear_fit;
pub mod loss;
pub mod metrics;
pub mod net;
pub mod optim;
#[cfg(feature = "plots")]
pub mod pictures;
pub mod ranks;
pub mod recipe;
pub mod run;
pub mod schedule;
pub mod tensorboard;
#[cfg(test)]
mod testing;
pub mod trainer;

pub use error::{Divergence, TrainError};
