//! Where no MPI is supported.

use std::time::Duration;

use crate::{CommError, Group, Incoming, Outgoing};

/// A rank that a launcher of MPI started; not on this system.
#[derive(Debug)]
pub enum Mpi {}

impl Mpi {
    /// Opens nothing.
    ///
    /// # Errors
    /// [`CommError::Unsupported`].
    pub fn from_env(_: impl Fn(usize, CommError) + Send + 'static) -> Result<Self, CommError> {
        Err(CommError::Unsupported)
    }

    /// The file or name of the library.
    pub fn library(&self) -> &str {
        match *self {}
    }

    /// Ends the use of MPI.
    ///
    /// # Errors
    /// Never.
    pub fn finalize(&self) -> Result<(), CommError> {
        match *self {}
    }
}

impl Group for Mpi {
    fn rank(&self) -> usize {
        match *self {}
    }

    fn ranks(&self) -> usize {
        match *self {}
    }

    fn host(&self) -> String {
        match *self {}
    }

    fn all_to_all(&self, _: Outgoing<'_>, _: Incoming<'_>) -> Result<(), CommError> {
        match *self {}
    }

    fn all_gather(&self, _: &[u8], _: Incoming<'_>) -> Result<(), CommError> {
        match *self {}
    }

    fn broadcast(&self, _: usize, _: &mut [u8]) -> Result<(), CommError> {
        match *self {}
    }

    fn barrier(&self) -> Result<(), CommError> {
        match *self {}
    }

    fn set_patience(&self, _: Option<Duration>) {
        match *self {}
    }
}
