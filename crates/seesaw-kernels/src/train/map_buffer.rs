//! Buffers for maps that are too large for the caches, in huge pages.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// A huge page of most processors.
const HUGE: usize = 2 << 20;

/// A cache line.
const LINE: usize = 64;

/// A buffer for feature maps, in huge pages where the system has them.
///
/// A training step walks over gigabytes; with pages of 4 KB, a copy of a large map runs at two thirds
/// of the speed.
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

    /// Makes the buffer `len` long; its contents are lost if it grows beyond its capacity.
    pub fn resize(&mut self, len: usize) {
        if len <= self.capacity {
            self.len = len;
        } else {
            // Freed first, so that both never exist at the same time.
            *self = Self::default();
            *self = Self::zeros(len);
        }
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.saturating_mul(size_of::<f32>());
        let align = if bytes >= HUGE { HUGE } else { LINE };
        // A length that is too large is reported as what it is, an allocation that fails.
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
        // SAFETY: at least `len` initialized values that this buffer owns.
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

/// Requests huge pages, which Linux grants by default only on request.
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
