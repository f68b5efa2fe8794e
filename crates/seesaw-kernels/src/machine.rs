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
    /// [`KernelError::AbsentIsa`] when the processor lacks `isa`; [`KernelError::Threads`] when
    /// `threads` is not 1 to 256, or the system does not start them.
    pub fn new(threads: usize, isa: Option<Isa>) -> Result<Self, KernelError> {
        let token = isa.map_or_else(|| Ok(IsaToken::best()), IsaToken::new)?;
        Ok(Self { team: Arc::new(Team::new(threads)?), token })
    }

    /// As [`Self::new`], with the instruction set that the environment variable `SEESAW_ISA` names.
    ///
    /// # Errors
    /// As [`Self::new`], and [`KernelError::UnknownIsa`] for a name that is none.
    pub fn from_env(threads: usize) -> Result<Self, KernelError> {
        let isa = match std::env::var("SEESAW_ISA") {
            Ok(name) => Some(name.parse()?),
            Err(_) => None,
        };
        Self::new(threads, isa)
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
