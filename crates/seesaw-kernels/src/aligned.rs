//! Buffers of f32 that begin on a cache line.

/// Bytes of a cache line.
const LINE: usize = 64;

/// A buffer of f32, zero at first, whose first value lies on a cache line.
///
/// Vectors never straddle two lines when they start at multiples of their own length.
pub struct Aligned {
    /// The buffer, with room for a line's beginning before it.
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros. A large buffer comes from the system, whose pages are zero: nothing is written.
    pub fn zeros(len: usize) -> Self {
        let spare = LINE / size_of::<f32>() - 1;
        let values = vec![0.0; len + spare];
        // `align_offset` may decline to answer, which costs speed and nothing else.
        let start = values.as_ptr().align_offset(LINE).min(spare);
        Self { values, start, len }
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut clone = Self::zeros(self.len);
        clone.copy_from_slice(self);
        clone
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}

impl std::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aligned({} f32)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_on_a_line_and_clones_too() {
        for len in [0, 1, 15, 16, 1000, 1 << 20] {
            let mut buffer = Aligned::zeros(len);
            assert!(buffer.len() == len && buffer.iter().all(|x| *x == 0.0));
            buffer.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
            let clone = buffer.clone();
            assert_eq!(*clone, *buffer);
            assert!([buffer.as_ptr(), clone.as_ptr()].iter().all(|p| p.addr() % LINE == 0));
        }
    }
}
