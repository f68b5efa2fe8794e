//! Errors of communication.

use std::{path::PathBuf, time::Duration};

/// Why ranks cannot, or can no longer, exchange anything.
///
/// After any of these, a group is of no more use: the ranks no longer agree on what comes next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommError {
    /// No MPI library can be opened.
    #[error(
        "no MPI library was found: looked for {}. Install one, such as MPICH or Open MPI, or name its \
         file in `SEESAW_MPI`",
        files(tried)
    )]
    NoMpi {
        /// The files that were looked for, each with the system's reason.
        tried: Vec<(String, String)>,
    },
    /// A library was opened that is no MPI, or one that is too old.
    #[error("{}: not an MPI library that can be used: {why}", library.display())]
    Unusable {
        /// The library.
        library: PathBuf,
        /// What is missing.
        why: String,
    },
    /// MPI is not available on this system.
    #[error("MPI is not supported on this system")]
    Unsupported,
    /// MPI can be opened once in a process.
    #[error("MPI is already open in this process, which can open it once")]
    AlreadyOpen,
    /// A launcher started several processes, and the library knows of one.
    #[error(
        "the launcher started {started} processes, and {library} knows of one: the launcher is that of \
         another MPI. Start with the launcher of this one, or name the other's library in `SEESAW_MPI`"
    )]
    OtherLauncher {
        /// Processes, as the launcher says.
        started: usize,
        /// The library.
        library: String,
    },
    /// A call of MPI failed.
    #[error("{call} failed with MPI's error code {code}")]
    Mpi {
        /// The function.
        call: &'static str,
        /// What it returned.
        code: i32,
    },
    /// MPI was opened on another thread, and may be used by that one alone.
    #[error("{call} was called on another thread than the one that opened MPI")]
    OtherThread {
        /// The function.
        call: &'static str,
    },
    /// MPI counts bytes in 32 bits.
    #[error("{call} of {bytes} bytes; MPI exchanges at most {max} at once")]
    TooLong {
        /// The function.
        call: &'static str,
        /// The bytes of all ranks together.
        bytes: usize,
        /// The most that are possible.
        max: usize,
    },
    /// Another rank ended without a word.
    #[error("rank {rank} has ended")]
    Ended {
        /// The rank.
        rank: usize,
    },
    /// The others did not come to the same point in time.
    #[error("no answer from the other ranks for {} seconds", after.as_secs())]
    NoAnswer {
        /// How long this rank waited.
        after: Duration,
    },
    /// Ranks made different calls, or expected different lengths.
    #[error("rank {rank} made another call than this rank: their programs or data differ")]
    OtherCall {
        /// The rank.
        rank: usize,
    },
}

fn files(tried: &[(String, String)]) -> String {
    let one = |(name, why): &(String, String)| match why.contains("No such file") {
        true => name.clone(),
        false => format!("{name} ({why})"),
    };
    tried.iter().map(one).collect::<Vec<_>>().join(", ")
}
