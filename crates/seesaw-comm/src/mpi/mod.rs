//! Ranks that are processes, over an MPI library that is opened at run time.

#[cfg(unix)]
mod candidates;
#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod library;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod watch;

#[cfg(not(unix))]
pub use elsewhere::Mpi;
#[cfg(unix)]
pub use unix::Mpi;
