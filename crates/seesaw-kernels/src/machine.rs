//! The machine that kernels run on: threads and an instruction set.

use std::sync::Arc;

use crate::{Isa, IsaToken, KernelError, Team};

/// A team of threads and an instruction set, made once and passed down by reference.
///
/// A clone shares the threads.
#[derive(Debug, Clone)]
pub struct Machine {
    team: Arc<Team>,
    token: IsaToken,
}

impl Machine {
    /// `threads` threads, the caller's included, and the instruction set `isa`, or the best one that
    /// this processor has.
    ///
    /// # Errors
    /// When the processor lacks the instruction set, `threads` is not 1 to
    /// [`Team::MAX_THREADS`], or the system does not start a thread.
    pub fn new(threads: usize, isa: Option<Isa>) -> Result<Self, KernelError> {
        let token = isa.map_or_else(|| Ok(IsaToken::best()), IsaToken::new)?;
        Ok(Self { team: Arc::new(Team::new(threads)?), token })
    }

    /// As [`Self::new`], with the instruction set that the environment variable `SEESAW_ISA` names,
    /// or the best one where it is not set.
    ///
    /// # Errors
    /// As [`Self::new`], and when the variable names no instruction set.
    pub fn from_env(threads: usize) -> Result<Self, KernelError> {
        let token = IsaToken::from_env()?;
        Ok(Self { team: Arc::new(Team::new(threads)?), token })
    }

    /// The calling thread alone, with the best instruction set that this processor has.
    pub fn solo() -> Self {
        Self { team: Arc::new(Team::solo()), token: IsaToken::best() }
    }

    /// The threads.
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// Proof of the instruction set.
    pub fn token(&self) -> IsaToken {
        self.token
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.token.isa()
    }

    /// How many threads work together.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_what_was_asked_for() {
        for isa in Isa::ALL {
            match Machine::new(2, Some(isa)) {
                Ok(machine) => assert_eq!((machine.threads(), machine.isa()), (2, isa)),
                Err(error) => assert_eq!(error, KernelError::AbsentIsa(isa)),
            }
        }
        assert_eq!(Machine::new(0, None).unwrap_err(), KernelError::ThreadCount(0));
        let machine = Machine::solo();
        assert_eq!((machine.threads(), machine.token()), (1, IsaToken::best()));
        assert!(std::ptr::eq(machine.team(), machine.clone().team()), "clones share the team");
    }
}
