//! Which MPI libraries are looked for.

use std::env;

/// Names the library.
const VARIABLE: &str = "SEESAW_MPI";
/// How many processes a launcher has started: Open MPI's, those of MPICH and Intel MPI, Slurm's.
const STARTED: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];
const OPEN_MPI: &str = "libmpi.so.40";
#[cfg(target_os = "macos")]
const NAMES: [&str; 3] = ["libmpi_abi.dylib", "libmpi.12.dylib", "libmpi.40.dylib"];
#[cfg(not(target_os = "macos"))]
const NAMES: [&str; 4] = ["libmpi_abi.so.1", "libmpi_abi.so.0", "libmpi.so.12", OPEN_MPI];

/// Files to try, in this order.
pub fn names() -> Vec<String> {
    let by_open_mpi = env::var_os(STARTED[0]).is_some();
    in_order(env::var(VARIABLE).ok().filter(|name| !name.is_empty()), by_open_mpi)
}

/// The one that was named, or all; Open MPI first where its launcher started this process.
fn in_order(named: Option<String>, by_open_mpi: bool) -> Vec<String> {
    if let Some(name) = named {
        return vec![name];
    }
    let mut names = NAMES.map(str::to_owned).to_vec();
    // To others, the processes of its launcher are strangers.
    names.sort_by_key(|name| by_open_mpi && name != OPEN_MPI);
    names
}

/// How many processes the launcher has started, as it says in the environment; 1 where there is none.
pub fn started() -> usize {
    let number = |name| env::var(name).ok()?.trim().parse().ok();
    STARTED.iter().filter_map(number).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_launchers_library_comes_first() {
        assert_eq!(in_order(None, false), NAMES);
        assert_eq!(in_order(Some("/a/libmpi.so".to_owned()), true), ["/a/libmpi.so"]);
        #[cfg(not(target_os = "macos"))]
        assert_eq!(in_order(None, true)[..2], [OPEN_MPI, "libmpi_abi.so.1"]);
    }
}
