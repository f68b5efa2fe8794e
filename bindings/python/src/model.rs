//! Models.

use std::{path::PathBuf, sync::Arc};

use numpy::{
    IntoPyArray, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray4, PyUntypedArrayMethods,
};
use pyo3::{
    exceptions::{PyMemoryError, PyValueError},
    prelude::*,
    pybacked::PyBackedBytes,
    types::{PyBytes, PyDict},
};
use seesaw::{Builder, Classifier, Machine, bundled::Bundled, ranking};
use seesaw_arch::{Fit, Net, zoo};
use seesaw_format::{Contents, Metadata};

use crate::{
    errors,
    export::{self, OnnxOptions},
    photos::{Photo, each_batch},
};

/// Where a model came from, to read it again for an export.
enum Source {
    File(PathBuf, Hints),
    Bytes(Arc<[u8]>, Hints),
    Bundled(&'static Bundled),
}

/// What a file does not say itself.
struct Hints {
    /// The name of a net, or its description in TOML.
    net: Option<String>,
    /// Where in a checkpoint the weights are.
    key: Option<String>,
}

impl Hints {
    fn net(&self) -> PyResult<Option<Net>> {
        let wrong = |error: seesaw_arch::ArchError| PyValueError::new_err(error.to_string());
        let read =
            |text: &str| if text.contains('=') { Net::from_toml(text) } else { zoo::net(text) };
        self.net.as_deref().map(read).transpose().map_err(wrong)
    }
}

impl Source {
    fn read(&self) -> PyResult<seesaw::Model> {
        match self {
            Self::File(path, hints) => {
                let failed = |error: &dyn std::fmt::Display| {
                    errors::model(format_args!("{}: {error}", path.display()))
                };
                if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")) {
                    return seesaw_export::onnx::read(path).map_err(|error| failed(&error));
                }
                let contents = seesaw_format::load_keyed(path, hints.key.as_deref());
                let contents = contents.map_err(|error| failed(&error))?;
                contents.into_model(hints.net()?, path).map_err(|error| failed(&error))
            }
            Self::Bytes(bytes, hints) => {
                let contents = Contents::from_keyed_bytes(bytes, hints.key.as_deref());
                let contents = contents.map_err(errors::model)?;
                contents.into_model(hints.net()?, "".as_ref()).map_err(errors::model)
            }
            Self::Bundled(bundled) => bundled.model().map_err(errors::model),
        }
    }
}

/// What the net sees, and the logits of each place.
type Explained<'py> = (Bound<'py, PyArray3<u8>>, Bound<'py, PyArray3<f32>>);

/// A model ready to classify photos; immutable, and shared by threads.
#[pyclass(frozen, module = "seesaw._seesaw")]
pub struct Model {
    classifier: Classifier,
    source: Source,
}

#[pymethods]
impl Model {
    /// Opens a file.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        net: Option<String>,
        key: Option<String>,
        threads: usize,
        batch: usize,
    ) -> PyResult<Self> {
        py.detach(|| Self::new(Source::File(path, Hints { net, key }), threads, batch))
    }

    /// Reads the bytes of a file.
    #[staticmethod]
    fn from_bytes(
        py: Python<'_>,
        bytes: PyBackedBytes,
        net: Option<String>,
        key: Option<String>,
        threads: usize,
        batch: usize,
    ) -> PyResult<Self> {
        let bytes = Arc::from(&*bytes);
        py.detach(|| Self::new(Source::Bytes(bytes, Hints { net, key }), threads, batch))
    }

    /// Opens bundled weights; the default ones without a name.
    #[staticmethod]
    fn bundled(py: Python<'_>, name: Option<&str>, threads: usize, batch: usize) -> PyResult<Self> {
        let bundled = match name {
            None => Bundled::default(),
            Some(name) => Bundled::named(name)
                .ok_or_else(|| PyValueError::new_err(format!("no bundled weights `{name}`")))?,
        };
        py.detach(|| Self::new(Source::Bundled(bundled), threads, batch))
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.classifier.labels().to_vec()
    }

    #[getter]
    fn notes(&self) -> Vec<String> {
        self.classifier.notes().iter().map(ToString::to_string).collect()
    }

    #[getter]
    fn net(&self) -> String {
        self.classifier.net().name.clone()
    }

    #[getter]
    fn input_size(&self) -> usize {
        self.classifier.plan().input_size()
    }

    #[getter]
    fn feature_count(&self) -> usize {
        self.classifier.net().head.channels
    }

    #[getter]
    fn threads(&self) -> usize {
        self.classifier.machine().threads()
    }

    #[getter]
    fn batch(&self) -> usize {
        self.classifier.plan().batch()
    }

    /// `(resize, crop, mean, std, fit)`.
    #[getter]
    fn preprocess<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let preprocess = self.classifier.preprocess();
        let dict = PyDict::new(py);
        dict.set_item("resize", preprocess.resize)?;
        dict.set_item("crop", preprocess.crop)?;
        dict.set_item("mean", preprocess.mean)?;
        dict.set_item("std", preprocess.std)?;
        let fit = match preprocess.fit {
            Fit::Crop => "crop",
            Fit::Pad => "pad",
            Fit::Squeeze => "squeeze",
        };
        dict.set_item("fit", fit)?;
        Ok(dict)
    }

    /// Logits of normalized images, `[n, 3, size, size]` to `[n, classes]`.
    fn run<'py>(
        &self,
        py: Python<'py>,
        images: PyReadonlyArray4<'py, f32>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let classes = self.classifier.labels().len();
        self.run_tensor(py, &images, classes, |inputs| self.classifier.plan().logits(inputs))
    }

    /// Features of normalized images, `[n, 3, size, size]` to `[n, features]`.
    fn run_features<'py>(
        &self,
        py: Python<'py>,
        images: PyReadonlyArray4<'py, f32>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let width = self.feature_count();
        self.run_tensor(py, &images, width, |inputs| self.classifier.plan().pooled(inputs))
    }

    /// The probability of each class of each photo, `[n, classes]`.
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        photos: Vec<Photo>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let classes = self.classifier.labels().len();
        let rows = py.detach(|| {
            let mut rows = Vec::with_capacity(photos.len() * classes);
            each_batch(&self.classifier, &photos, |inputs| {
                let logits = self.classifier.plan().logits(inputs).map_err(errors::model)?;
                for logits in logits.chunks_exact(classes) {
                    // Refuses logits that are not numbers.
                    self.classifier.rank(logits).map_err(errors::model)?;
                    rows.extend(ranking::probabilities(logits));
                }
                Ok(())
            })?;
            PyResult::Ok(rows)
        })?;
        rows.into_pyarray(py).reshape([photos.len(), classes])
    }

    /// The features of each photo, `[n, features]`.
    fn features<'py>(
        &self,
        py: Python<'py>,
        photos: Vec<Photo>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let width = self.feature_count();
        let rows = py.detach(|| {
            let mut rows = Vec::with_capacity(photos.len() * width);
            each_batch(&self.classifier, &photos, |inputs| {
                rows.extend(self.classifier.plan().pooled(inputs).map_err(errors::model)?);
                Ok(())
            })?;
            PyResult::Ok(rows)
        })?;
        rows.into_pyarray(py).reshape([photos.len(), width])
    }

    /// Photos as inputs of the net, `[n, 3 * size * size]`.
    fn inputs<'py>(
        &self,
        py: Python<'py>,
        photos: Vec<Photo>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let width = 3 * self.input_size() * self.input_size();
        let rows = py.detach(|| {
            let mut rows = Vec::new();
            each_batch(&self.classifier, &photos, |inputs| {
                rows.extend_from_slice(inputs);
                Ok(())
            })?;
            PyResult::Ok(rows)
        })?;
        rows.into_pyarray(py).reshape([photos.len(), width])
    }

    /// What the net sees of a photo, `[size, size, 3]`, and the logits of each place,
    /// `[classes, rows, columns]`.
    fn explain<'py>(&self, py: Python<'py>, photo: Photo) -> PyResult<Explained<'py>> {
        let explanation = py.detach(|| {
            let mut found = None;
            each_batch(&self.classifier, &[photo], |input| {
                found = Some(self.classifier.explain_input(input));
                Ok(())
            })?;
            PyResult::Ok(found.expect("one photo"))
        })?;
        let (side, maps) = (self.input_size(), explanation.maps);
        let seen = explanation.seen.into_pixels().into_pyarray(py).reshape([side, side, 3])?;
        let values: Vec<f32> = (0..maps.classes).flat_map(|class| maps.of(class)).collect();
        let shape = [maps.classes, maps.side, maps.side];
        Ok((seen, values.into_pyarray(py).reshape(shape)?))
    }

    /// Writes the model for another program; returns warnings.
    #[pyo3(signature = (path, *, groups, input, half, softmax))]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        groups: &str,
        input: &str,
        half: bool,
        softmax: bool,
    ) -> PyResult<Vec<String>> {
        let options = OnnxOptions { groups, input, half, softmax };
        py.detach(|| export::write(&self.model()?, &path, &options))
    }

    /// The model as the bytes of a safetensors file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| export::to_bytes(&self.model()?))?;
        Ok(PyBytes::new(py, &bytes))
    }
}

impl Model {
    fn new(source: Source, threads: usize, batch: usize) -> PyResult<Self> {
        let machine =
            Machine::from_env(threads).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let builder = Builder::new(&machine).batch(batch);
        let classifier = builder.build(source.read()?).map_err(errors::model)?;
        Ok(Self { classifier, source })
    }

    /// The model as it is stored.
    pub fn model(&self) -> PyResult<seesaw::Model> {
        self.source.read()
    }

    /// Runs the net on any number of images, a batch at a time.
    fn run_tensor<'py>(
        &self,
        py: Python<'py>,
        images: &PyReadonlyArray4<'py, f32>,
        width: usize,
        run: impl Fn(&[f32]) -> Result<Vec<f32>, seesaw_engine::EngineError> + Sync,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (side, shape) = (self.input_size(), images.shape());
        if shape[1..] != [3, side, side] {
            let message = format!("images of shape {shape:?}, not [n, 3, {side}, {side}]");
            return Err(PyValueError::new_err(message));
        }
        let count = shape[0];
        let values =
            images.as_slice().map_err(|_| PyValueError::new_err("images are not contiguous"))?;
        let rows = py.detach(|| {
            let mut rows = Vec::new();
            rows.try_reserve_exact(count * width)
                .map_err(|error| PyMemoryError::new_err(error.to_string()))?;
            for images in values.chunks(3 * side * side * self.batch()) {
                rows.extend(run(images).map_err(errors::model)?);
            }
            PyResult::Ok(rows)
        })?;
        rows.into_pyarray(py).reshape([count, width])
    }
}

/// The names of the bundled weights, the default first, and where each is from.
#[pyfunction]
pub fn bundled() -> Vec<(String, String)> {
    let all = seesaw::bundled::ALL.iter();
    all.map(|bundled| (bundled.name.to_owned(), bundled.source.to_owned())).collect()
}

/// The nets of the zoo: name, parameters, multiply-adds, input size.
#[pyfunction]
pub fn nets() -> Vec<(String, usize, u64, usize)> {
    let row = |net: Net| {
        let cost = net.cost(net.input_size).expect("its own size");
        (net.name, cost.params, cost.madds, net.input_size)
    };
    zoo::all().into_iter().map(row).collect()
}

/// What a file says of a model beside its weights.
pub fn metadata(model: &seesaw::Model) -> Metadata {
    let mut metadata = Metadata::new(model.net.clone())
        .labels(model.labels.clone())
        .preprocess(seesaw::preprocess_of(model));
    metadata.origin.clone_from(&model.origin);
    metadata
}
