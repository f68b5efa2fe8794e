//! Opening models and asking them what they are.

use std::{ffi::c_char, num::NonZeroUsize, path::PathBuf, thread};

use classifier::{Builder, Classifier, Machine};

use crate::{
    error::{Failure, SeesawStatus, guard},
    memory, registry,
};

/// A model, known by its handle alone. Threads may share it and call it at the same time.
pub struct SeesawModel {
    _private: (),
}

/// How a model is opened. Set `size` to `sizeof(SeesawOptions)` and everything else to zero, then
/// change what should differ from the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct SeesawOptions {
    /// `sizeof(SeesawOptions)`, so that a library can tell which options the program knows.
    pub size: usize,
    /// Threads of a call, 1 to 1024; 0 for as many as the processor has cores. With 1, calls from
    /// several threads run side by side; with more, they share the threads and take turns.
    pub threads: usize,
    /// The most images of one call of `seesaw_run` or `seesaw_features`, 1 to 4096; 0 for 1.
    pub batch: usize,
}

/// What a handle stands for.
pub(crate) struct Model {
    pub classifier: Classifier,
    /// Each label with a zero after it.
    labels: Vec<String>,
    notes: Vec<String>,
}

impl Model {
    fn new(classifier: Classifier) -> Self {
        let text = |text: String| format!("{text}\0");
        let labels = classifier.labels().iter().cloned().map(text).collect();
        let notes = classifier.notes().iter().map(|note| text(note.to_string())).collect();
        Self { classifier, labels, notes }
    }
}

/// Opens a model file: safetensors as Seesaw writes it, or a PyTorch checkpoint of a net that is
/// known.
///
/// `path` has `path_length` bytes and needs no zero at the end; it is UTF-8, or on Unix whatever the
/// file system has. `options` may be null. `*model` receives the handle, which
/// `seesaw_model_free` ends.
///
/// # Safety
/// `path` points at `path_length` readable bytes, `options` is null or points at an options
/// structure of the size that it names, `model` points at a writable pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_model_open(
    path: *const c_char,
    path_length: usize,
    options: *const SeesawOptions,
    model: *mut *mut SeesawModel,
) -> SeesawStatus {
    guard(|| {
        // SAFETY: the caller says so.
        let target = unsafe { memory::output("model", model, 1) }?;
        // SAFETY: the caller says so.
        let path = to_path(unsafe { memory::input("path", path.cast(), path_length) }?)?;
        // SAFETY: the caller says so.
        let builder = builder(unsafe { read_options(options) }?)?;
        target[0] = registry::insert(Model::new(builder.open(path)?));
        Ok(())
    })
}

/// Opens a model from the bytes of its file, which are copied. Otherwise as `seesaw_model_open`.
///
/// # Safety
/// `bytes` points at `length` readable bytes; otherwise as `seesaw_model_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_model_open_bytes(
    bytes: *const u8,
    length: usize,
    options: *const SeesawOptions,
    model: *mut *mut SeesawModel,
) -> SeesawStatus {
    guard(|| {
        // SAFETY: the caller says so.
        let target = unsafe { memory::output("model", model, 1) }?;
        // SAFETY: the caller says so.
        let bytes = unsafe { memory::input("bytes", bytes, length) }?;
        // SAFETY: the caller says so.
        let builder = builder(unsafe { read_options(options) }?)?;
        target[0] = registry::insert(Model::new(builder.from_bytes(bytes)?));
        Ok(())
    })
}

/// Ends a handle. Calls that other threads are in are finished first; null and ended handles are
/// ignored.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_model_free(model: *mut SeesawModel) {
    guard(|| {
        registry::remove(model);
        Ok(())
    });
}

/// The number of classes: of logits and probabilities of an image. 0 for a handle that is not open.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_model_classes(model: *const SeesawModel) -> usize {
    number(model, |classifier| classifier.labels().len())
}

/// The side of the images of `seesaw_run`, in pixels. 0 for a handle that is not open.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_model_input_size(model: *const SeesawModel) -> usize {
    number(model, |classifier| classifier.plan().input_size())
}

/// The number of features of an image. 0 for a handle that is not open.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_model_features(model: *const SeesawModel) -> usize {
    number(model, |classifier| classifier.net().head.channels)
}

/// The name of a class, or its number where the model has no names. `*label` receives UTF-8 text
/// with a zero after it, valid until the model is freed; `*length`, unless `length` is null, its
/// length in bytes without that zero.
///
/// # Safety
/// `label` points at a writable pointer; `length` is null or points at a writable `size_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_model_label(
    model: *const SeesawModel,
    class_index: usize,
    label: *mut *const c_char,
    length: *mut usize,
) -> SeesawStatus {
    // SAFETY: the caller says so.
    guard(|| unsafe {
        give_text(model, "class", |model| &model.labels, class_index, (label, length))
    })
}

/// What was chosen, assumed or left out when the model was opened: its note number `index`, from 0;
/// `SEESAW_STATUS_ARGUMENT` after the last one. Otherwise as `seesaw_model_label`.
///
/// # Safety
/// As `seesaw_model_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_model_note(
    model: *const SeesawModel,
    index: usize,
    note: *mut *const c_char,
    length: *mut usize,
) -> SeesawStatus {
    // SAFETY: the caller says so.
    guard(|| unsafe { give_text(model, "note", |model| &model.notes, index, (note, length)) })
}

/// Writes one of a model's texts.
///
/// # Safety
/// As `seesaw_model_label`.
unsafe fn give_text(
    model: *const SeesawModel,
    what: &str,
    texts: impl Fn(&Model) -> &[String],
    index: usize,
    (text, length): (*mut *const c_char, *mut usize),
) -> Result<(), Failure> {
    let model = registry::get(model)?;
    let texts = texts(&model);
    let Some(found) = texts.get(index) else {
        return Err(Failure::argument(format!("{what} {index} of {}", texts.len())));
    };
    // SAFETY: the caller says so.
    let target = unsafe { memory::output(what, text, 1) }?;
    if !length.is_null() {
        // SAFETY: the caller says so.
        unsafe { memory::output("length", length, 1) }?[0] = found.len() - 1;
    }
    target[0] = found.as_ptr().cast();
    Ok(())
}

fn number(model: *const SeesawModel, number: impl Fn(&Classifier) -> usize) -> usize {
    let mut found = 0;
    guard(|| {
        found = number(&registry::get(model)?.classifier);
        Ok(())
    });
    found
}

/// The options of a program, which may know fewer or more of them than this library.
///
/// # Safety
/// `options` is null or points at as many readable bytes as its `size` says.
unsafe fn read_options(options: *const SeesawOptions) -> Result<SeesawOptions, Failure> {
    /// No version has as many options.
    const MAX: usize = 4096;
    const KNOWN: usize = size_of::<SeesawOptions>();
    if options.is_null() {
        return Ok(SeesawOptions::default());
    }
    // SAFETY: `size` comes first in every version.
    let size = unsafe { memory::input("options", options.cast::<usize>(), 1) }?[0];
    if !(size_of::<usize>()..=MAX).contains(&size) {
        let message = format!("options.size is {size}; set it to sizeof(SeesawOptions)");
        return Err(Failure::argument(message));
    }
    // SAFETY: the caller says that `size` bytes are readable.
    let bytes = unsafe { memory::input("options", options.cast::<u8>(), size) }?;
    if bytes.iter().skip(KNOWN).any(|&byte| byte != 0) {
        let message = "options are set that this version of the library does not know";
        return Err(Failure::argument(message));
    }
    let word = |index: usize| {
        let width = size_of::<usize>();
        let bytes = bytes.get(index * width..(index + 1) * width)?;
        Some(usize::from_ne_bytes(bytes.try_into().ok()?))
    };
    Ok(SeesawOptions { size, threads: word(1).unwrap_or(0), batch: word(2).unwrap_or(0) })
}

fn builder(options: SeesawOptions) -> Result<Builder, Failure> {
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        threads => threads,
    };
    let machine = Machine::from_env(threads)
        .map_err(|error| Failure::new(SeesawStatus::System, error.to_string()))?;
    let batch = options.batch.max(1);
    if batch > 4096 {
        return Err(Failure::argument(format!("options.batch is {batch}, more than 4096")));
    }
    Ok(Builder::new(&machine).batch(batch))
}

#[cfg(unix)]
fn to_path(bytes: &[u8]) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;

    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn to_path(bytes: &[u8]) -> Result<PathBuf, Failure> {
    let text = std::str::from_utf8(bytes);
    Ok(text.map_err(|error| Failure::argument(format!("path is not UTF-8: {error}")))?.into())
}
