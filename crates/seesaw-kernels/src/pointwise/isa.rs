//! The microkernel on each instruction set.
//!
//! Tile sizes follow from the registers: with 16, 6 pixels of two vectors leave room for the
//! weights and one broadcast; AVX-512's 32 take 14 pixels of two double vectors. A wide panel
//! needs fewer loads for each multiplication; narrow ones take what is left of a group.

use super::kernel::{PanelFn, Source, Target, panel_fn, sums};
use crate::{
    isa::{Isa, IsaToken},
    simd,
};

/// Panels by their width in blocks of output channels, widest first; the last is one block wide.
pub(crate) type Panels = &'static [(usize, PanelFn)];

/// The panels for inputs in blocked layout.
pub(crate) fn blocked(token: IsaToken) -> Panels {
    match token.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &[(4, avx512_x4), (2, avx512_x2), (1, avx512_x1)],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &[(2, avx2_x2), (1, avx2_x1)],
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &[(2, neon_x2), (1, neon_x1)],
        _ => &[(1, portable_x1)],
    }
}

/// The panels for inputs in blocked layout, and weights, that are pairs of bf16; as wide as
/// [`blocked`]'s on the same `token`, which must be one that [`has_bf16`] or portable.
pub(crate) fn paired(token: IsaToken) -> Panels {
    match token.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &[(4, avx512_paired_x4), (2, avx512_paired_x2), (1, avx512_paired_x1)],
        _ => &[(1, portable_paired_x1)],
    }
}

/// The panels for planar inputs whose pixels lie 1 value apart.
pub(crate) fn planar(token: IsaToken) -> Panels {
    match token.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &[(4, avx512_planar_x4), (1, avx512_planar_x1)],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &[(2, avx2_planar_x2), (1, avx2_planar_x1)],
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &[(2, neon_planar_x2), (1, neon_planar_x1)],
        _ => &[(1, portable_planar_x1)],
    }
}

/// The panels for planar inputs of which every other pixel is taken.
pub(crate) fn planar_stride_2(token: IsaToken) -> Panels {
    match token.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &[(4, avx512_stride_2_x4), (1, avx512_stride_2_x1)],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &[(2, avx2_stride_2_x2), (1, avx2_stride_2_x1)],
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &[(2, neon_stride_2_x2), (1, neon_stride_2_x1)],
        _ => &[(1, portable_stride_2_x1)],
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Source, Target, panel_fn, simd, sums};
    use simd::{Avx2, Avx512, Pairs256, Pairs512};

    panel_fn!(avx512_x4, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx512, 2, 8, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_x2, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx512, 1, 8, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_x1, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 1, 8, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_paired_x4, #[target_feature(enable = "avx512f,avx512bf16,avx512vl,avx2,fma")], Pairs512, 2, 4, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_paired_x2, #[target_feature(enable = "avx512f,avx512bf16,avx512vl,avx2,fma")], Pairs512, 1, 4, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_paired_x1, #[target_feature(enable = "avx512f,avx512bf16,avx512vl,avx2,fma")], Pairs256, 1, 4, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_planar_x4, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx512, 2, 1, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_planar_x1, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 1, 1, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_stride_2_x4, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx512, 2, 2, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx512_stride_2_x1, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 1, 2, 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    panel_fn!(avx2_x2, #[target_feature(enable = "avx2,fma")], Avx2, 2, 8, 6: 1 2 3 4 5 6);
    panel_fn!(avx2_x1, #[target_feature(enable = "avx2,fma")], Avx2, 1, 8, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
    panel_fn!(avx2_planar_x2, #[target_feature(enable = "avx2,fma")], Avx2, 2, 1, 6: 1 2 3 4 5 6);
    panel_fn!(avx2_planar_x1, #[target_feature(enable = "avx2,fma")], Avx2, 1, 1, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
    panel_fn!(avx2_stride_2_x2, #[target_feature(enable = "avx2,fma")], Avx2, 2, 2, 6: 1 2 3 4 5 6);
    panel_fn!(avx2_stride_2_x1, #[target_feature(enable = "avx2,fma")], Avx2, 1, 2, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
}
#[cfg(target_arch = "x86_64")]
use x86::*;

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{Source, Target, panel_fn, simd, sums};
    use simd::Neon;

    panel_fn!(neon_x2, #[target_feature(enable = "neon")], Neon, 2, 8, 6: 1 2 3 4 5 6);
    panel_fn!(neon_x1, #[target_feature(enable = "neon")], Neon, 1, 8, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
    panel_fn!(neon_planar_x2, #[target_feature(enable = "neon")], Neon, 2, 1, 6: 1 2 3 4 5 6);
    panel_fn!(neon_planar_x1, #[target_feature(enable = "neon")], Neon, 1, 1, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
    panel_fn!(neon_stride_2_x2, #[target_feature(enable = "neon")], Neon, 2, 2, 6: 1 2 3 4 5 6);
    panel_fn!(neon_stride_2_x1, #[target_feature(enable = "neon")], Neon, 1, 2, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
}
#[cfg(target_arch = "aarch64")]
use arm::*;

panel_fn!(portable_x1, , simd::Portable, 1, 8, 4: 1 2 3 4);
panel_fn!(portable_paired_x1, , simd::PortablePairs, 1, 4, 4: 1 2 3 4);
panel_fn!(portable_planar_x1, , simd::Portable, 1, 1, 4: 1 2 3 4);
panel_fn!(portable_stride_2_x1, , simd::Portable, 1, 2, 4: 1 2 3 4);
