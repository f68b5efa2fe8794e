//! What every group can do.

use std::{fmt, time::Duration};

use crate::CommError;

/// What a rank sends to each rank, one after another.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The bytes for all ranks, in the order of the ranks.
    pub bytes: &'a [u8],
    /// How many of them go to each rank.
    pub lens: &'a [usize],
}

/// Where a rank receives from each rank, one after another.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Room for the bytes of all ranks, in the order of the ranks.
    pub bytes: &'a mut [u8],
    /// How many of them come from each rank.
    pub lens: &'a [usize],
}

/// The ranks of a training, as one of them sees it.
///
/// Calls are collective: each waits until all ranks have made it, and every rank has to make the
/// same calls in the same order, with lengths that match. The numbers in the bytes are those of the
/// machine: ranks on machines of different byte order do not understand each other.
pub trait Group: fmt::Debug + Send + Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn ranks(&self) -> usize;

    /// A name for the machine of this rank: the same for all ranks on it.
    fn host(&self) -> String;

    /// Sends something to each rank, and receives something from each, this one included.
    ///
    /// # Errors
    /// When another rank has ended, or does not answer.
    ///
    /// # Panics
    /// When there is not a length for each rank, or lengths do not add up to the bytes.
    fn all_to_all(&self, send: Outgoing<'_>, receive: Incoming<'_>) -> Result<(), CommError>;

    /// Sends the same to all ranks, and receives what each sent, this one included.
    ///
    /// # Errors
    /// As [`Self::all_to_all`].
    ///
    /// # Panics
    /// As [`Self::all_to_all`].
    fn all_gather(&self, send: &[u8], receive: Incoming<'_>) -> Result<(), CommError>;

    /// Sends the bytes of rank `root` to all others, which overwrites theirs.
    ///
    /// # Errors
    /// As [`Self::all_to_all`].
    ///
    /// # Panics
    /// When there is no rank `root`.
    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), CommError>;

    /// Waits until all ranks are here.
    ///
    /// # Errors
    /// As [`Self::all_to_all`].
    fn barrier(&self) -> Result<(), CommError>;

    /// How long the following calls wait for the others; `None` for ever, which is the default.
    fn set_patience(&self, limit: Option<Duration>);
}

/// The bytes of every rank, which may be of any length, in the order of the ranks.
///
/// # Errors
/// As [`Group::all_gather`].
pub fn gather_bytes(group: &dyn Group, own: &[u8]) -> Result<Vec<Vec<u8>>, CommError> {
    let ranks = group.ranks();
    let mut lens = vec![0; 8 * ranks];
    let receive = Incoming { bytes: &mut lens, lens: &vec![8; ranks] };
    group.all_gather(&(own.len() as u64).to_ne_bytes(), receive)?;
    let lens: Vec<usize> =
        lens.as_chunks().0.iter().map(|len| u64::from_ne_bytes(*len) as usize).collect();
    let mut all = vec![0; lens.iter().sum()];
    group.all_gather(own, Incoming { bytes: &mut all, lens: &lens })?;
    let mut rest = &all[..];
    let part = |len: &usize| {
        let (part, after) = rest.split_at(*len);
        rest = after;
        part.to_vec()
    };
    Ok(lens.iter().map(part).collect())
}

/// The bytes of rank 0, of any length, on every rank; the others give nothing.
///
/// # Errors
/// As [`Group::broadcast`].
pub fn broadcast_bytes(group: &dyn Group, own: Vec<u8>) -> Result<Vec<u8>, CommError> {
    let mut len = (own.len() as u64).to_ne_bytes();
    group.broadcast(0, &mut len)?;
    let mut bytes = own;
    if group.rank() != 0 {
        bytes = vec![0; u64::from_ne_bytes(len) as usize];
    }
    group.broadcast(0, &mut bytes)?;
    Ok(bytes)
}

/// Checks that there is a length for each rank, and that they add up to the bytes.
pub(crate) fn check_lens(what: &str, bytes: usize, lens: &[usize], ranks: usize) {
    assert_eq!(lens.len(), ranks, "a length of what is {what} for each rank");
    assert_eq!(lens.iter().sum::<usize>(), bytes, "the lengths of what is {what}");
}
