//! Errors of making kernels.

use crate::Isa;

/// Why a kernel cannot be made or an instruction set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// No instruction set has this name.
    #[error("unknown instruction set `{0}`; choose {names}", names = names(&Isa::ALL))]
    UnknownIsa(String),
    /// The instruction set exists, but not on this processor.
    #[error("this processor has no {0}; it has {names}", names = names(&Isa::present()).replace(" or ", " and "))]
    AbsentIsa(Isa),
    /// An environment variable has an invalid value.
    #[error("{variable}: {error}")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        error: Box<KernelError>,
    },
    /// Weights, groups or sizes do not fit together.
    #[error("{kernel}: {what}")]
    Shape {
        /// The kernel that was to be made.
        kernel: &'static str,
        /// What does not fit.
        what: String,
    },
    /// A team has from 1 to [`Team::MAX_THREADS`](crate::Team::MAX_THREADS) threads.
    #[error(
        "{0} threads requested; {rule}",
        rule = if *.0 == 0 { "at least 1 is needed".to_owned() } else { format!("the limit is {}", crate::Team::MAX_THREADS) }
    )]
    ThreadCount(usize),
    /// The system did not start a worker thread.
    #[error("cannot start a thread: {0}")]
    Spawn(String),
}

/// Names as a list: `a, b or c`.
fn names(isas: &[Isa]) -> String {
    let names: Vec<&str> = isas.iter().map(|isa| isa.name()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
