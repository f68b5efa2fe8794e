//! Reading the bytes of a pickle in order.

use super::value::bad;
use crate::FormatError;

/// The longest line of a text opcode.
const MAX_LINE: usize = 4096;

/// Bytes that have not been read.
pub(super) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| bad("it ends too early: it is cut short or damaged; get it again"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.array::<1>()?[0])
    }

    /// A length of 1, 2, 4 or 8 bytes.
    pub fn length(&mut self, size: usize) -> Result<usize, FormatError> {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(self.take(size)?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| bad("a length is too large"))
    }

    /// A length of `size` bytes, and that many bytes.
    pub fn sized(&mut self, size: usize) -> Result<&'a [u8], FormatError> {
        let len = self.length(size)?;
        self.take(len)
    }

    /// The text up to the end of the line, which is skipped.
    pub fn line(&mut self) -> Result<&'a str, FormatError> {
        let window = &self.0[..self.0.len().min(MAX_LINE)];
        let end =
            window.iter().position(|b| *b == b'\n').ok_or_else(|| bad("a line has no end"))?;
        let line = self.take(end)?;
        self.take(1)?;
        text(line)
    }
}

/// UTF-8 text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    std::str::from_utf8(bytes).map_err(|_| bad("a text is not UTF-8"))
}
