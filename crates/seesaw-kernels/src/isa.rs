//! Which instruction sets there are, and which this processor has.

use std::{fmt, str::FromStr};

use crate::KernelError;

/// An instruction set that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Plain Rust, for any processor.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F and VL.
    Avx512,
    /// aarch64 with NEON.
    Neon,
}

impl Isa {
    /// All instruction sets, slowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// Whether this processor has it.
    pub fn is_present(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_present()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Those that this processor has, slowest first.
    pub fn present() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_present()).collect()
    }
}

/// Proof that this processor has an instruction set: the only key to its kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsaToken(Isa);

impl IsaToken {
    /// The token for `isa`.
    ///
    /// # Errors
    /// [`KernelError::AbsentIsa`] when the processor lacks it.
    pub fn new(isa: Isa) -> Result<Self, KernelError> {
        if isa.is_present() { Ok(Self(isa)) } else { Err(KernelError::AbsentIsa(isa)) }
    }

    /// The instruction set that the environment variable `SEESAW_ISA` names, else the best here.
    ///
    /// # Errors
    /// When the variable names one that is unknown, or absent here.
    pub fn from_env() -> Result<Self, KernelError> {
        match std::env::var("SEESAW_ISA") {
            Ok(name) => Self::new(name.parse()?),
            Err(_) => Ok(Self::best()),
        }
    }

    /// The best that this processor has.
    pub fn best() -> Self {
        let best = Isa::ALL.into_iter().rev().find(|isa| isa.is_present());
        Self(best.unwrap_or(Isa::Portable))
    }

    /// The same if it has products of bf16, else plain Rust, which has them slowly.
    pub(crate) fn for_bf16(self) -> Self {
        if self.has_bf16() { self } else { Self(Isa::Portable) }
    }

    /// Whether this instruction set, on this processor, multiplies bf16 faster than f32: AVX-512 with
    /// its BF16 and BW.
    pub fn has_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let has = self.0 == Isa::Avx512
            && is_x86_feature_detected!("avx512bf16")
            && is_x86_feature_detected!("avx512bw");
        #[cfg(not(target_arch = "x86_64"))]
        let has = false;
        has
    }

    /// Which instruction set it is.
    pub fn isa(self) -> Isa {
        self.0
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        })
    }
}

impl FromStr for Isa {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        let known = Self::ALL.into_iter().find(|isa| isa.to_string().eq_ignore_ascii_case(name));
        known.ok_or_else(|| KernelError::UnknownIsa(name.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_isa_gives_no_token() {
        for isa in Isa::ALL {
            assert_eq!(IsaToken::new(isa).is_ok(), isa.is_present());
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        assert!("sse9".parse::<Isa>().is_err());
        assert!(IsaToken::best().isa().is_present());
    }
}
