//! How many cores a rank may use.

use std::thread::available_parallelism;

use crate::{CommError, Group, gather_bytes};

/// How many threads this rank should compute with: as many as it may use cores, divided by the number
/// of ranks that may use the same ones.
///
/// A launcher that binds ranks gives each its own cores, which the system reports to each. One that
/// does not leaves all cores of a machine to all of its ranks.
///
/// # Errors
/// As [`Group::all_gather`].
pub fn share_of_cores(group: &dyn Group) -> Result<usize, CommError> {
    let cores = available_parallelism().map_or(1, usize::from);
    let own = format!("{}\n{cores}\n{}", group.host(), allowed());
    let all = gather_bytes(group, own.as_bytes())?;
    let same = all.iter().filter(|other| **other == own.as_bytes()).count();
    Ok((cores / same).max(1))
}

/// The cores that the system lets this process use, as it writes them; empty where it does not say.
fn allowed() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap_or_default().trim().to_owned()
}
