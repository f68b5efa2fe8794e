//! The C interface: models by handle, pixels in, probabilities out.
//!
//! Every function returns a [`SeesawStatus`], or a plain number or pointer where it cannot fail.
//! Handles are numbers that look like pointers: a registry ([`registry`]) turns them into models, so
//! that a freed or invented handle is an error and not a crash. Whatever C passes as a pointer goes
//! through [`memory`], the only place that makes slices of them. A panic becomes a status.

mod error;
mod memory;
mod model;
mod registry;
mod run;
#[cfg(test)]
mod tests;

use std::ffi::c_char;

pub use error::{SeesawStatus, seesaw_last_error};
pub use model::{
    SeesawModel, SeesawOptions, seesaw_model_classes, seesaw_model_features, seesaw_model_free,
    seesaw_model_input_size, seesaw_model_label, seesaw_model_note, seesaw_model_open,
    seesaw_model_open_bytes,
};
pub use run::{
    seesaw_classify_photo, seesaw_classify_rgb, seesaw_features, seesaw_features_rgb, seesaw_run,
};

/// The version of this interface. It grows by one when a program that was compiled with an older
/// header must be compiled again; added functions and options do not change it.
pub const SEESAW_ABI_VERSION: u32 = 1;

/// `SEESAW_ABI_VERSION` of the library that is loaded, to compare with that of the header.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_abi_version() -> u32 {
    SEESAW_ABI_VERSION
}

/// The version of the library, such as "0.1.0". Never null; valid forever.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
