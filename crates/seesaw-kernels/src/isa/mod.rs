//! The instruction sets, and the one place where kernels are chosen.
//!
//! An instruction set is a file here, with its vectors, its features and its table of kernels, and a
//! line in the list below.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod table;
mod token;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

use std::{fmt, str::FromStr};

pub use table::PanelKernels;
pub(crate) use table::{Bf16Table, KernelTable, PlanarKernels};
pub use token::{Bf16Token, IsaToken};

use crate::KernelError;

/// Makes [`Isa`] of a list, slowest first: name of the variant, name to the user, module, and what the
/// module is compiled for.
macro_rules! instruction_sets {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $module:ident $(if $target:meta)?;)+) => {
        /// An instruction set that kernels are written for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Isa {
            $($(#[$doc])* $variant,)+
        }

        impl Isa {
            /// All instruction sets, slowest first.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name, in lower case.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Its kernels, where they are compiled for this architecture.
            fn table(self) -> Option<&'static KernelTable> {
                match self {
                    $($(#[cfg($target)])? Self::$variant => Some(&$module::KERNELS),)+
                    #[allow(unreachable_patterns, reason = "an architecture may have all")]
                    _ => None,
                }
            }
        }
    };
}

instruction_sets! {
    /// Plain Rust, for any processor. WebAssembly modules with SIMD are spared it.
    Portable = "portable" in portable
        if any(test, not(all(target_arch = "wasm32", target_feature = "simd128")));
    /// WebAssembly with fixed-width SIMD, and relaxed SIMD where it is compiled with that.
    Simd128 = "simd128" in wasm if all(target_arch = "wasm32", target_feature = "simd128");
    /// aarch64 with NEON.
    Neon = "neon" in neon if target_arch = "aarch64";
    /// x86-64 with AVX2 and FMA.
    Avx2 = "avx2" in avx2 if target_arch = "x86_64";
    /// x86-64 with AVX-512 F and VL.
    Avx512 = "avx512" in avx512 if target_arch = "x86_64";
}

impl Isa {
    /// Whether this processor has it.
    pub fn is_present(self) -> bool {
        self.table().is_some_and(|table| (table.is_present)())
    }

    /// Those that this processor has, slowest first.
    pub fn present() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_present()).collect()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        let known = Self::ALL.into_iter().find(|isa| isa.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| KernelError::UnknownIsa(name.chars().take(40).collect()))
    }
}

/// Defines the features of an instruction set: the only place that names them. `$base` are features
/// that must be present too.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! features {
    ($(#[$doc:meta])* $name:ident $(: $base:ident)? = $detected:ident($($feature:tt),+)) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl $name {
            /// Whether this processor has the features.
            pub fn is_present() -> bool {
                $($base::is_present() &&)? $(std::arch::$detected!($feature))&&+
            }
        }

        impl $crate::simd::InstructionSet for $name {
            #[target_feature($(enable = $feature),+)]
            unsafe fn run<K: $crate::simd::Kernel>(args: K::Args<'_>) {
                // SAFETY: the caller's contract; the features are enabled here.
                unsafe { K::run(args) }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use features;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_isa_gives_no_token() {
        for isa in Isa::ALL {
            assert_eq!(IsaToken::new(isa).is_ok(), isa.is_present());
            assert_eq!(isa.to_string().parse(), Ok(isa));
            assert!(isa.table().is_none_or(|table| table.isa == isa));
        }
        assert!("sse9".parse::<Isa>().is_err());
        assert!(IsaToken::best().isa().is_present());
    }

    #[test]
    fn the_narrowest_panel_is_one_block_wide() {
        for table in Isa::ALL.into_iter().filter_map(Isa::table) {
            let planar = table.planar.iter().map(|kernels| kernels.width).collect();
            let mut all = vec![table.panels.iter().map(|kernels| kernels.width).collect(), planar];
            all.extend(table.bf16.map(|bf16| bf16.table.panels.iter().map(|k| k.width).collect()));
            for widths in all as Vec<Vec<usize>> {
                assert!(
                    widths.is_sorted_by(|a, b| a > b) && widths.last() == Some(&1),
                    "{widths:?}"
                );
            }
        }
    }

    #[test]
    fn the_error_lists_all_names() {
        let message = "sse9".parse::<Isa>().unwrap_err().to_string();
        assert!(
            message.starts_with("unknown instruction set `sse9`; choose portable, "),
            "{message}"
        );
        assert!(Isa::ALL.iter().all(|isa| message.contains(isa.name())), "{message}");
    }
}
