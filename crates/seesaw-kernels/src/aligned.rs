//! Buffers that begin on a cache line.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A buffer of numbers, zero at first, whose first element lies on a cache line.
///
/// Vectors never straddle two lines when they start at multiples of their own length.
pub struct Aligned<T = f32> {
    /// The buffer, with a few spare elements.
    values: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `len` zeros. A large buffer of f32 comes from the system, whose pages are zero: nothing is
    /// written.
    pub fn zeros(len: usize) -> Self {
        let spare = LINE / size_of::<T>() - 1;
        let values = vec![T::default(); len + spare];
        // `align_offset` may decline to answer, which costs speed and nothing else.
        let start = values.as_ptr().align_offset(LINE).min(spare);
        Self { values, start, len }
    }
}

impl<T: Copy + Default> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        let mut clone = Self::zeros(self.len);
        clone.copy_from_slice(self);
        clone
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.len]
    }
}

impl<T> fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aligned({} x {})", self.len, std::any::type_name::<T>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_on_a_line_and_clones_too() {
        for len in [0, 1, 15, 16, 1000, 1 << 20] {
            let mut buffer = Aligned::<f32>::zeros(len);
            assert!(buffer.len() == len && buffer.iter().all(|x| *x == 0.0));
            buffer.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
            let clone = buffer.clone();
            assert_eq!(*clone, *buffer);
            assert!([buffer.as_ptr(), clone.as_ptr()].iter().all(|p| p.addr() % LINE == 0));
        }
    }
}
