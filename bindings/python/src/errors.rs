//! The library's errors as Python exceptions.

use pyo3::{create_exception, exceptions::PyException, prelude::*};

create_exception!(seesaw, Error, PyException, "Base class of the errors of this package.");
create_exception!(
    seesaw,
    ModelError,
    Error,
    "A model cannot be read, is damaged, does not fit, or cannot be written."
);
create_exception!(seesaw, PhotoError, Error, "A photo cannot be decoded or is too large.");
create_exception!(seesaw, TrainError, Error, "A training cannot start or cannot continue.");

/// As a [`ModelError`].
pub fn model(error: impl std::fmt::Display) -> PyErr {
    ModelError::new_err(error.to_string())
}

/// As a [`PhotoError`].
pub fn photo(error: impl std::fmt::Display) -> PyErr {
    PhotoError::new_err(error.to_string())
}

/// As a [`TrainError`].
pub fn train(error: impl std::fmt::Display) -> PyErr {
    TrainError::new_err(error.to_string())
}
