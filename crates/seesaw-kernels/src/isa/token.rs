//! Tokens: proof that this processor has an instruction set or an extension of one.

use std::fmt;

use super::{Bf16Table, Isa, KernelTable, portable};
use crate::KernelError;

/// Proof that this processor has an instruction set: the only access to its kernels.
#[derive(Clone, Copy)]
pub struct IsaToken(&'static KernelTable);

impl IsaToken {
    /// The token for `isa`.
    ///
    /// # Errors
    /// [`KernelError::AbsentIsa`] when the processor lacks it.
    pub fn new(isa: Isa) -> Result<Self, KernelError> {
        let table = isa.table().filter(|table| (table.is_present)());
        table.map(Self).ok_or(KernelError::AbsentIsa(isa))
    }

    /// The best one that this processor has.
    pub fn best() -> Self {
        let best = Isa::ALL.into_iter().rev().find_map(|isa| Self::new(isa).ok());
        best.expect("portable kernels run on every processor")
    }

    /// Which instruction set it is.
    pub fn isa(self) -> Isa {
        self.0.isa
    }

    /// Proof that this instruction set, on this processor, multiplies bf16 faster than f32.
    pub fn bf16(self) -> Option<Bf16Token> {
        let extension = self.0.bf16.filter(|extension| (extension.is_present)())?;
        Some(Bf16Token(extension.table))
    }

    pub(crate) fn kernels(self) -> &'static KernelTable {
        self.0
    }
}

/// Proof that this processor multiplies bf16: the only access to the kernels that do.
#[derive(Clone, Copy)]
pub struct Bf16Token(&'static Bf16Table);

impl Bf16Token {
    /// Plain Rust, for any processor: correct, and slower than f32.
    pub fn portable() -> Self {
        Self(&portable::BF16_KERNELS)
    }

    pub(crate) fn kernels(self) -> &'static Bf16Table {
        self.0
    }
}

impl PartialEq for IsaToken {
    fn eq(&self, other: &Self) -> bool {
        self.isa() == other.isa()
    }
}

impl Eq for IsaToken {}

impl fmt::Debug for IsaToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IsaToken").field(&self.isa()).finish()
    }
}

impl fmt::Debug for Bf16Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bf16Token").field(&self.0.name).finish()
    }
}
