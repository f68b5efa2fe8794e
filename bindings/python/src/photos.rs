//! Photos as Python has them: paths, the bytes of files, and pixels.

use std::path::PathBuf;

use numpy::{PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*, pybacked::PyBackedBytes};
use seesaw::{Classifier, DecodeMemory, RgbImage};
use seesaw_image::{Limits, decode};

use crate::errors;

/// One photo. `python/seesaw` has turned everything into one of these.
pub enum Photo {
    /// The bytes of a file.
    Bytes(PyBackedBytes),
    /// Pixels.
    Pixels(RgbImage),
    /// A file.
    Path(PathBuf),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Photo {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.extract::<PyBackedBytes>() {
            return Ok(Self::Bytes(bytes));
        }
        if let Ok(array) = object.extract::<PyReadonlyArray3<'_, u8>>() {
            return pixels(&array).map(Self::Pixels);
        }
        object.extract::<PathBuf>().map(Self::Path)
    }
}

/// An array `[height, width, 3]` as an image.
fn pixels(array: &PyReadonlyArray3<'_, u8>) -> PyResult<RgbImage> {
    let shape = array.shape().to_vec();
    let wrong =
        || PyValueError::new_err(format!("pixels of shape {shape:?}, not [height, width, 3]"));
    let &[height, width, 3] = shape.as_slice() else { return Err(wrong()) };
    let side = |side: usize| u32::try_from(side).map_err(|_| wrong());
    // In the order of rows, whatever the strides are.
    let samples = array.as_array().iter().copied().collect();
    RgbImage::new(side(width)?, side(height)?, samples).ok_or_else(wrong)
}

impl Photo {
    /// The photo as an input of the net.
    fn load(&self, classifier: &Classifier, memory: &DecodeMemory) -> PyResult<Vec<f32>> {
        let loaded = match self {
            Self::Bytes(bytes) => classifier.load_bytes(bytes, memory),
            Self::Pixels(image) => return classifier.prepare(image).map_err(errors::photo),
            Self::Path(path) => {
                let failed = |error: &dyn std::fmt::Display| {
                    errors::photo(format_args!("{}: {error}", path.display()))
                };
                let bytes = decode::read(path, &Limits::default()).map_err(|e| failed(&e))?;
                let loaded = classifier.load_bytes(&bytes, memory);
                return loaded.map(|photo| photo.input).map_err(|e| failed(&e));
            }
        };
        loaded.map(|photo| photo.input).map_err(errors::photo)
    }
}

/// Loads photos ahead on all threads of the model and hands each window of inputs, at most a batch,
/// to `take`. The first photo that cannot be loaded ends it.
pub fn each_batch(
    classifier: &Classifier,
    photos: &[Photo],
    mut take: impl FnMut(&[f32]) -> PyResult<()>,
) -> PyResult<()> {
    let threads = classifier.machine().threads();
    let memory = DecodeMemory::new(threads);
    let load = |photo: &Photo| photo.load(classifier, &memory);
    seesaw::pipeline::windows(photos, classifier.plan().batch(), threads, load, |window| {
        let inputs: Vec<Vec<f32>> = window.into_iter().collect::<PyResult<_>>()?;
        take(&inputs.concat())
    })
}
