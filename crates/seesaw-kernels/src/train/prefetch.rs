//! Cache hints: fetching what is read next, and publishing what was streamed.

use std::cell::Cell;

use crate::simd::CBLOCK;

/// f32 between what is worked on and what is fetched: far enough for memory to answer in time.
const AHEAD: usize = 64 * CBLOCK;

/// Requests the cache line [`AHEAD`] of `at`. Processors predict a walk, but not across the end of
/// a page of 4 KB, and maps are walked in shorter pieces.
#[inline(always)]
pub(super) fn fetch_ahead(at: *const f32) {
    fetch(at.wrapping_add(AHEAD));
}

/// Requests the cache line of `at`.
#[inline(always)]
fn fetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint; it reads nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// What a kernel fetches from memory for the next one while it computes: some blocks of each map.
///
/// Reading memory and computing alternate. So that neither waits for the other, what is read next is
/// fetched during the arithmetic before.
#[derive(Debug, Default)]
pub struct Prefetch<'a> {
    maps: &'a [PrefetchMap<'a>],
    /// The map and the block that come next.
    next: Cell<(usize, usize)>,
}

/// Some neighboring pixels of all blocks of a map that is read next.
#[derive(Debug, Clone, Copy)]
pub struct PrefetchMap<'a> {
    /// The map, starting with the first of the pixels.
    pub map: &'a [f32],
    /// f32 from one block to the next.
    pub stride: usize,
    /// f32 from one pixel to the next.
    pub pixel: usize,
}

/// A block to fetch, pixel by pixel.
#[derive(Clone, Copy)]
pub(super) struct Upcoming {
    at: *const f32,
    /// f32 from one pixel to the next.
    pixel: usize,
}

impl Upcoming {
    /// Requests the cache line of a pixel.
    #[inline(always)]
    pub fn fetch(self, pixel: usize) {
        fetch(self.at.wrapping_add(pixel * self.pixel));
    }
}

impl<'a> Prefetch<'a> {
    /// All blocks of `maps`.
    pub fn new(maps: &'a [PrefetchMap<'a>]) -> Self {
        Self { maps, next: Cell::default() }
    }

    /// The next block, or the one at `other` if there is none.
    #[inline(always)]
    pub(super) fn next_or(&self, other: *const f32) -> Upcoming {
        let (mut map, mut block) = self.next.get();
        while let Some(upcoming) = self.maps.get(map) {
            if let Some(at) = upcoming.map.get(block * upcoming.stride..)
                && !at.is_empty()
            {
                self.next.set((map, block + 1));
                return Upcoming { at: at.as_ptr(), pixel: upcoming.pixel };
            }
            (map, block) = (map + 1, 0);
        }
        self.next.set((map, block));
        Upcoming { at: other, pixel: CBLOCK }
    }
}

/// Makes what was streamed visible to other threads before they are told of it.
#[inline(always)]
pub(super) fn publish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}
