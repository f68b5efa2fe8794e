//! The microkernel on each instruction set.
//!
//! With 32 registers a tile of two rows of 7 columns keeps its sums and the 9 taps in registers,
//! and 7 divides the widths 112, 56, 28, 14 and 7. With 16 registers the taps come from the cache. At stride 2 a tile
//! shares few inputs, and 4 columns measured faster than 7.

use super::kernel::{RowsFn, TAPS, Task, rows_fn, sums};
use crate::{
    isa::{Isa, IsaToken},
    simd::{self, CBLOCK},
};

/// The microkernels of one instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    /// Stride 1, one output row.
    pub one: RowsFn,
    /// Stride 1, two output rows.
    pub two: RowsFn,
    /// Stride 2, one output row.
    pub stride_2: RowsFn,
}

/// The microkernels that `token` opens.
pub(crate) fn rows(token: IsaToken) -> Rows {
    match token.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => Rows { one: avx512_one, two: avx512_two, stride_2: avx512_stride_2 },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Rows { one: avx2_one, two: avx2_two, stride_2: avx2_stride_2 },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Rows { one: neon_one, two: neon_two, stride_2: neon_stride_2 },
        _ => Rows { one: portable_one, two: portable_two, stride_2: portable_stride_2 },
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CBLOCK, TAPS, Task, rows_fn, simd, sums};
    use simd::Avx2;

    rows_fn!(avx512_one, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 1, 1, 7: 1 2 3 4 5 6 7);
    rows_fn!(avx512_two, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 1, 2, 7: 1 2 3 4 5 6 7);
    rows_fn!(avx512_stride_2, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 2, 1, 4: 1 2 3 4);
    rows_fn!(avx2_one, #[target_feature(enable = "avx2,fma")], Avx2, 1, 1, 4: 1 2 3 4);
    rows_fn!(avx2_two, #[target_feature(enable = "avx2,fma")], Avx2, 1, 2, 4: 1 2 3 4);
    rows_fn!(avx2_stride_2, #[target_feature(enable = "avx2,fma")], Avx2, 2, 1, 4: 1 2 3 4);
}
#[cfg(target_arch = "x86_64")]
use x86::*;

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{CBLOCK, TAPS, Task, rows_fn, simd, sums};
    use simd::Neon;

    rows_fn!(neon_one, #[target_feature(enable = "neon")], Neon, 1, 1, 4: 1 2 3 4);
    rows_fn!(neon_two, #[target_feature(enable = "neon")], Neon, 1, 2, 4: 1 2 3 4);
    rows_fn!(neon_stride_2, #[target_feature(enable = "neon")], Neon, 2, 1, 4: 1 2 3 4);
}
#[cfg(target_arch = "aarch64")]
use arm::*;

rows_fn!(portable_one, , simd::Portable, 1, 1, 4: 1 2 3 4);
rows_fn!(portable_two, , simd::Portable, 1, 2, 4: 1 2 3 4);
rows_fn!(portable_stride_2, , simd::Portable, 2, 1, 4: 1 2 3 4);
