//! Collectives between the ranks of a training.
//!
//! A *rank* is one of several workers that run the same program on different shares of the data. A
//! [`Group`] is what a rank knows of the others: how many there are, and how to exchange bytes with
//! all of them at once. Every rank has to make the same calls in the same order.
//!
//! | group | ranks |
//! |---|---|
//! | [`Solo`] | one |
//! | [`Threads`] | threads of this process |
//! | [`Mpi`] | processes on any number of machines, started by `mpirun` or `srun` |
//!
//! Nothing here adds numbers in an order that depends on the number of ranks: [`TreeSum`] adds
//! vectors by their numbers, whoever holds them. MPI's own reductions promise no order, and are not
//! used.
#![deny(unsafe_code)]
#![doc = include_str!("../README.md")]

mod cores;
mod error;
mod group;
mod mpi;
mod solo;
mod sum;
#[cfg(test)]
mod tests;
mod threads;
mod tree;

pub use cores::share_of_cores;
pub use error::CommError;
pub use group::{Group, Incoming, Outgoing, broadcast_bytes, gather_bytes};
pub use mpi::Mpi;
pub use solo::Solo;
pub use sum::{TreeSum, Wire};
pub use threads::Threads;
pub use tree::share;
