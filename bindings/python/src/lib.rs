//! The compiled part of the Python package: models and training. What users see is in
//! `python/seesaw`, which checks and converts arguments.

mod errors;
mod export;
mod model;
mod photos;
mod train;

use pyo3::prelude::*;

/// The compiled part of the package `seesaw`.
#[pymodule]
mod _seesaw {
    #[pymodule_export]
    use super::errors::{Error, ModelError, PhotoError, TrainError};
    #[pymodule_export]
    use super::export::{pytorch_code, state_dict};
    #[pymodule_export]
    use super::model::{Model, bundled, nets};
    #[pymodule_export]
    use super::train::{resume, train};
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
