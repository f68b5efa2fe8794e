//! What the arithmetic runs on: threads and an instruction set.

use std::sync::Arc;

use crate::{Isa, IsaToken, KernelError, Team};

/// A team of threads and an instruction set that this processor has.
///
/// The front end makes one and passes it down; nothing below it starts threads or reads the
/// environment. Clones share the team.
#[derive(Debug, Clone)]
pub struct Machine {
    team: Arc<Team>,
    token: IsaToken,
}

impl Machine {
    /// `threads` threads, the caller's included, and `isa` or else the best instruction set of
    /// this processor.
    ///
    /// # Errors
    /// [`KernelError::AbsentIsa`] when the processor lacks `isa`; [`KernelError::ThreadCount`] when
    /// `threads` is not 1 to [`Team::MAX_THREADS`]; [`KernelError::Spawn`] when the system does not
    /// start them.
    pub fn new(threads: usize, isa: Option<Isa>) -> Result<Self, KernelError> {
        let token = isa.map_or_else(|| Ok(IsaToken::best()), IsaToken::new)?;
        Ok(Self { team: Arc::new(Team::new(threads)?), token })
    }

    /// As [`Self::new`], with the instruction set that the environment variable `SEESAW_ISA` names.
    ///
    /// # Errors
    /// As [`Self::new`], and [`KernelError::Environment`] when the variable names an instruction set
    /// that is unknown or that the processor lacks.
    pub fn from_env(threads: usize) -> Result<Self, KernelError> {
        const VARIABLE: &str = "SEESAW_ISA";
        let Ok(name) = std::env::var(VARIABLE) else { return Self::new(threads, None) };
        let token = name.parse().and_then(IsaToken::new);
        let token = token.map_err(|error| KernelError::Environment {
            variable: VARIABLE,
            error: Box::new(error),
        })?;
        Ok(Self { team: Arc::new(Team::new(threads)?), token })
    }

    /// The calling thread alone, with the best instruction set of this processor.
    pub fn solo() -> Self {
        Self { team: Arc::new(Team::solo()), token: IsaToken::best() }
    }

    /// The threads.
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// The instruction set.
    pub fn token(&self) -> IsaToken {
        self.token
    }

    /// Which instruction set it is.
    pub fn isa(&self) -> Isa {
        self.token.isa()
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn a_machine_has_what_was_requested() {
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
