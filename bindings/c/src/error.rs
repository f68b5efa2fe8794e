//! What a function returns, and the message that says more.

use std::{
    any::Any,
    cell::RefCell,
    ffi::c_char,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What a function returns. After anything but `SEESAW_STATUS_OK`, `seesaw_last_error` says more, and
/// the function has written nothing.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeesawStatus {
    /// Done.
    Ok = 0,
    /// An argument is null, misaligned, out of range, or of another length than required.
    Argument = 1,
    /// The handle was never a model, or has been freed.
    Handle = 2,
    /// The model cannot be read, is damaged, or is of a kind that is not known.
    Model = 3,
    /// The photo cannot be decoded, or is too large.
    Photo = 4,
    /// The net's outputs are not finite numbers: its weights are damaged, or the images were not finite.
    NotFinite = 5,
    /// The system refused threads or memory.
    System = 6,
    /// An error in the library itself; please report it.
    Internal = 7,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub status: SeesawStatus,
    pub message: String,
}

impl Failure {
    pub fn new(status: SeesawStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(SeesawStatus::Argument, message)
    }
}

impl From<classifier::Error> for Failure {
    fn from(error: classifier::Error) -> Self {
        let status = match &error {
            classifier::Error::Photo { source: classifier::PhotoError::NotFinite, .. } => {
                SeesawStatus::NotFinite
            }
            classifier::Error::Photo { .. } => SeesawStatus::Photo,
            _ => SeesawStatus::Model,
        };
        Self::new(status, error.to_string())
    }
}

thread_local! {
    /// The last message of this thread, and a zero.
    static LAST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The message of this thread's last failed call, in UTF-8 with a zero after it; empty before the
/// first failure. Never null; valid until the next call of this library on this thread.
///
/// `length`, unless null, receives its length in bytes without the zero.
///
/// # Safety
/// `length` is null or points at writable memory for a `size_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_last_error(length: *mut usize) -> *const c_char {
    LAST.with_borrow_mut(|message| {
        if message.is_empty() {
            message.push(0);
        }
        if !length.is_null() {
            // SAFETY: the caller says that it is writable.
            unsafe { length.write_unaligned(message.len() - 1) };
        }
        message.as_ptr().cast()
    })
}

/// Runs `body`, keeps the message of its failure, and turns a panic into a status.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), Failure>) -> SeesawStatus {
    // Nothing that a panic interrupts is used afterwards, except what stands behind locks.
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return SeesawStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(SeesawStatus::Internal, describe(&*panic)),
    };
    // A zero within the message would end it early for C.
    let mut bytes = failure.message.replace('\0', "\u{fffd}").into_bytes();
    bytes.push(0);
    LAST.set(bytes);
    failure.status
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error: {}", text.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_a_status_and_a_message() {
        assert_eq!(guard(|| panic!("at {}", 7)), SeesawStatus::Internal);
        assert_eq!(LAST.with_borrow(Vec::clone), b"internal error: at 7\0");
        assert_eq!(guard(|| Ok(())), SeesawStatus::Ok);
        let failed = guard(|| Err(Failure::argument("a\0b")));
        assert_eq!(failed, SeesawStatus::Argument);
        assert_eq!(LAST.with_borrow(Vec::clone), "a\u{fffd}b\0".as_bytes());
    }
}
