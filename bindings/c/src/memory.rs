//! C's pointers as slices, after the checks that can be made.

use std::slice;

use crate::error::Failure;

/// The `length` values at `pointer`.
///
/// # Errors
/// When the pointer is null or misaligned, or the length is more than memory can hold.
///
/// # Safety
/// Unless one of these is the case, `length` readable values lie there, and nobody changes them for `'a`.
pub unsafe fn input<'a, T>(
    name: &str,
    pointer: *const T,
    length: usize,
) -> Result<&'a [T], Failure> {
    check(name, pointer, length)?;
    // SAFETY: it is neither null nor misaligned, the length is in range, and the caller answers for the rest.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// The `length` values at `pointer`, to be written.
///
/// # Errors
/// As [`input`].
///
/// # Safety
/// As [`input`], with writable values that nobody else uses for `'a`.
pub unsafe fn output<'a, T>(
    name: &str,
    pointer: *mut T,
    length: usize,
) -> Result<&'a mut [T], Failure> {
    check(name, pointer, length)?;
    // SAFETY: it is neither null nor misaligned, the length is in range, and the caller answers for the rest.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, length) })
}

fn check<T>(name: &str, pointer: *const T, length: usize) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(format!("{name} is null")));
    }
    if !pointer.is_aligned() {
        let align = align_of::<T>();
        return Err(Failure::argument(format!("{name} is not aligned to {align} bytes")));
    }
    if length > isize::MAX as usize / size_of::<T>() {
        let what = format!("{name} has {length} values, more than memory can hold");
        return Err(Failure::argument(what));
    }
    Ok(())
}
