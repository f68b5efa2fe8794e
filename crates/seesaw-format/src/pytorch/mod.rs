//! PyTorch checkpoints.

use crate::{FormatError, Tensors};

/// Whether these first bytes are a PyTorch checkpoint's: a zip archive or a pickle.
pub fn is_pytorch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x80])
}

/// Reads a checkpoint.
///
/// # Errors
/// Always, for now.
pub fn read(_bytes: &[u8]) -> Result<Tensors, FormatError> {
    Err(FormatError::UnknownKind)
}
