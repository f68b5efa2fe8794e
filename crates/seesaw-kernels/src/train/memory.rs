//! Memory for maps that are too large for the caches, and hints about it.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::simd::BLOCK;

/// A huge page of most processors.
const HUGE: usize = 2 << 20;

/// A cache line.
const LINE: usize = 64;

/// A buffer for feature maps, in huge pages where the system has them.
///
/// A step of training walks over gigabytes; with pages of 4 KB, a copy of a large map runs at two
/// thirds of the speed.
pub struct MapBuffer {
    data: NonNull<f32>,
    len: usize,
    capacity: usize,
}

impl MapBuffer {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        if len == 0 {
            return Self { data: NonNull::dangling(), len, capacity: len };
        }
        let layout = Self::layout(len);
        // SAFETY: the layout is not empty; zeros are f32, and all `len` are written before use.
        unsafe {
            let Some(data) = NonNull::new(alloc(layout).cast::<f32>()) else {
                handle_alloc_error(layout)
            };
            advise_huge(data, layout);
            data.write_bytes(0, len);
            Self { data, len, capacity: len }
        }
    }

    /// Makes the buffer `len` long; what it holds is lost where it grows.
    pub fn resize(&mut self, len: usize) {
        if len <= self.capacity {
            self.len = len;
        } else {
            // Given back first, so that both never exist together.
            *self = Self::default();
            *self = Self::zeros(len);
        }
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.saturating_mul(size_of::<f32>());
        let align = if bytes >= HUGE { HUGE } else { LINE };
        // Too large a length is reported as what it is, an allocation that cannot be had.
        Layout::from_size_align(bytes, align)
            .unwrap_or_else(|_| handle_alloc_error(Layout::new::<f32>()))
    }
}

impl Default for MapBuffer {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl Drop for MapBuffer {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: `zeros` allocated it with the layout of the same length.
            unsafe { dealloc(self.data.as_ptr().cast(), Self::layout(self.capacity)) }
        }
    }
}

impl Deref for MapBuffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: at least `len` initialised values that this buffer owns.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl DerefMut for MapBuffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

// SAFETY: the buffer owns its memory as a vector does.
unsafe impl Send for MapBuffer {}
// SAFETY: as for `Send`.
unsafe impl Sync for MapBuffer {}

impl std::fmt::Debug for MapBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MapBuffer({} f32)", self.len)
    }
}

/// Asks for huge pages, which Linux gives by default only to who asks.
#[cfg(target_os = "linux")]
fn advise_huge(data: NonNull<f32>, layout: Layout) {
    if layout.align() == HUGE {
        // SAFETY: the range was just allocated and begins on a page. Where the system refuses, it
        // is as usable as before.
        unsafe { libc::madvise(data.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise_huge(_: NonNull<f32>, _: Layout) {}

/// f32 between what is worked on and what is fetched: far enough for memory to answer in time.
const AHEAD: usize = 64 * BLOCK;

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
pub struct Ahead<'a> {
    maps: &'a [Upcoming<'a>],
    block: usize,
}

/// Some neighbouring pixels of all blocks of a map that are read next.
#[derive(Debug, Clone, Copy)]
pub struct Upcoming<'a> {
    /// The map, from the first of the pixels on.
    pub map: &'a [f32],
    /// f32 from one block to the next.
    pub stride: usize,
    /// f32 from one pixel to the next.
    pub pixel: usize,
}

impl<'a> Ahead<'a> {
    /// All blocks of `maps`.
    pub fn new(maps: &'a [Upcoming<'a>]) -> Self {
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
        (other, BLOCK)
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
