//! Models for other programs.

use std::path::Path;

use numpy::{IntoPyArray, PyArrayDyn, PyArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};
use seesaw_arch::zoo;
use seesaw_export::{
    onnx::{self, Groups, Input, Options},
    pytorch::{self, Code},
};
use seesaw_format::{StoredPrecision, safetensors};
use seesaw_train::recipe::Recipe;

use crate::{errors, model::metadata};

/// What an ONNX file is like; ignored by other formats.
#[derive(Clone, Copy)]
pub struct OnnxOptions<'a> {
    pub groups: &'a str,
    pub input: &'a str,
    pub half: bool,
    pub softmax: bool,
}

impl OnnxOptions<'_> {
    fn parse(&self) -> PyResult<Options> {
        let unknown = |what: &str, value: &str, known: &str| {
            PyValueError::new_err(format!("{what} is {value:?}; choose one of {known}"))
        };
        let groups = match self.groups {
            "auto" => Groups::Auto,
            "dense" => Groups::Dense,
            "split" => Groups::Split,
            other => return Err(unknown("groups", other, "auto, dense, split")),
        };
        let input = match self.input {
            "tensor" => Input::Tensor,
            "pixels" => Input::Pixels,
            "photo" => Input::Photo,
            other => return Err(unknown("input", other, "tensor, pixels, photo")),
        };
        Ok(Options { groups, input, half: self.half, softmax: self.softmax })
    }
}

/// Writes a model in the format that the extension of the path names. Returns what was left out.
pub fn write(
    model: &seesaw::Model,
    path: &Path,
    options: &OnnxOptions<'_>,
) -> PyResult<Vec<String>> {
    let options = options.parse()?;
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        Some("onnx") => {
            onnx::write(path, &model.weights, &metadata(model), &options).map_err(errors::model)?;
        }
        Some("pth") => {
            let tensors = model.weights.to_tensors(&model.net).map_err(errors::model)?;
            pytorch::write_state_dict(path, &tensors).map_err(errors::model)?;
        }
        Some("safetensors") => write_safetensors(model, path)?,
        Some("py") => {
            let mut recipe = Recipe::default_for(&model.net);
            recipe.follow_normalization(&seesaw::preprocess_of(model));
            let left_out = write_code(&model.net, &model.labels, &recipe, path)?;
            let sentence =
                |field| format!("the PyTorch code trains without the recipe's `{field}`");
            return Ok(left_out.into_iter().map(sentence).collect());
        }
        _ => {
            let message = format!(
                "{}: the extension decides on the format; choose .onnx, .pth, .py or .safetensors",
                path.display()
            );
            return Err(PyValueError::new_err(message));
        }
    }
    Ok(Vec::new())
}

fn write_safetensors(model: &seesaw::Model, path: &Path) -> PyResult<()> {
    let tensors = model.weights.to_tensors(&model.net).map_err(errors::model)?;
    let written = safetensors::write(path, &tensors, Some(&metadata(model)), StoredPrecision::F32);
    written.map_err(errors::model)
}

/// A model as the bytes of a safetensors file.
pub fn to_bytes(model: &seesaw::Model) -> PyResult<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    write_safetensors(model, &path)?;
    Ok(std::fs::read(path)?)
}

fn write_code(
    net: &seesaw_arch::Net,
    labels: &[String],
    recipe: &Recipe,
    path: &Path,
) -> PyResult<Vec<&'static str>> {
    // By way of text: there, 32-bit numbers are as short as in the recipe.
    let json = serde_json::to_string(recipe).and_then(|text| serde_json::from_str(&text));
    let json = json.map_err(errors::model)?;
    let preprocess = recipe.preprocess(net.input_size);
    let code = Code { net, preprocess: &preprocess, labels, recipe: &json };
    pytorch::write_code(path, &code).map_err(errors::model)
}

/// The PyTorch code of a net, with so many classes if they are given.
#[pyfunction]
pub fn pytorch_code(name: &str, classes: Option<usize>) -> PyResult<String> {
    let net = zoo::net(name).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let net = match classes {
        Some(classes) => net.with_classes(classes),
        None => net,
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("net.py");
    write_code(&net, &[], &Recipe::default_for(&net), &path)?;
    Ok(std::fs::read_to_string(path)?)
}

/// The tensors of a model's bytes under PyTorch's names.
#[pyfunction]
pub fn state_dict<'py>(
    py: Python<'py>,
    model: &crate::model::Model,
) -> PyResult<Bound<'py, PyDict>> {
    let model = py.detach(|| model.model())?;
    let tensors = model.weights.to_tensors(&model.net).map_err(errors::model)?;
    let dict = PyDict::new(py);
    for (name, tensor) in tensors.iter() {
        let array: Bound<'py, PyArrayDyn<f32>> =
            tensor.data.clone().into_pyarray(py).reshape(tensor.shape.clone())?;
        dict.set_item(name, array)?;
    }
    Ok(dict)
}
