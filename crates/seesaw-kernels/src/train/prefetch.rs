//! Hints to the caches: what is read next, and what other threads may see.

use crate::simd::CBLOCK;

/// f32 between what is worked on and what is fetched: far enough for memory to answer in time.
const AHEAD: usize = 64 * CBLOCK;

/// Asks for the cache line [`AHEAD`] of `at`. Processors foresee a walk, but not over the end of
/// a page of 4 KB, and maps are walked in pieces shorter than that.
#[inline(always)]
pub(super) fn fetch_ahead(at: *const f32) {
    fetch(at.wrapping_add(AHEAD));
}

/// Asks for the cache line of `at`.
#[inline(always)]
pub(super) fn fetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint; it reads nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// What a kernel fetches from memory for the next while it computes: some blocks of each map.
///
/// Where memory is read and where is computed take turns; so that each does not wait for the
/// other, what the next turn reads is fetched in this one's arithmetic.
#[derive(Debug, Default)]
pub struct Prefetch<'a> {
    maps: &'a [PrefetchMap<'a>],
    block: usize,
}

/// Some neighboring pixels of all blocks of a map that are read next.
#[derive(Debug, Clone, Copy)]
pub struct PrefetchMap<'a> {
    /// The map, from the first of the pixels on.
    pub map: &'a [f32],
    /// f32 from one block to the next.
    pub stride: usize,
    /// f32 from one pixel to the next.
    pub pixel: usize,
}

impl<'a> Prefetch<'a> {
    /// All blocks of `maps`.
    pub fn new(maps: &'a [PrefetchMap<'a>]) -> Self {
        Self { maps, block: 0 }
    }

    /// The next block and the f32 of its pixels, or `other` if there is none.
    #[inline(always)]
    pub(super) fn next_or(&mut self, other: *const f32) -> (*const f32, usize) {
        while let [upcoming, rest @ ..] = self.maps {
            if let Some(at) = upcoming.map.get(self.block * upcoming.stride..)
                && !at.is_empty()
            {
                self.block += 1;
                return (at.as_ptr(), upcoming.pixel);
            }
            (self.maps, self.block) = (rest, 0);
        }
        (other, CBLOCK)
    }
}

/// Lets other threads see what was streamed before they are told of it.
#[inline(always)]
pub(super) fn publish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}
