//! Trainings, with their events handed to Python.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};
use seesaw::{Machine, bundled::Bundled};
use seesaw_arch::{Net, zoo};
use seesaw_train::{
    TrainError,
    recipe::Recipe,
    run::EpochRow,
    trainer::{
        Choice, Event, Init, Listener, Outcome, RunOptions, Start, StartWeights, Trainer, Wishes,
        choose,
    },
};

use crate::errors;

/// Hands events to a Python function and looks for Ctrl-C. What Python raises stops the training,
/// which saves first, and is raised again afterwards.
struct Bridge {
    listener: Py<PyAny>,
    stop: Arc<AtomicBool>,
    raised: Option<PyErr>,
}

impl Bridge {
    fn new(listener: Py<PyAny>) -> Self {
        Self { listener, stop: Arc::default(), raised: None }
    }

    fn on(&mut self, event: Event<'_>) {
        if self.raised.is_some() {
            return;
        }
        let told = Python::attach(|py| {
            py.check_signals()?;
            let Some(dict) = to_dict(py, event)? else { return Ok(()) };
            self.listener.call1(py, (dict,)).map(drop)
        });
        if let Err(error) = told {
            self.raised = Some(error);
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// An event as a dict with its kind under `event`; none for those without an equivalent.
fn to_dict<'py>(py: Python<'py>, event: Event<'_>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let dict = PyDict::new(py);
    let kind = match event {
        Event::Verifying { part, done, total } => {
            dict.set_item("part", part)?;
            set_progress(&dict, done, total)?;
            "verifying"
        }
        Event::Broken { path, reason } => {
            dict.set_item("path", path)?;
            dict.set_item("reason", reason)?;
            "broken"
        }
        Event::Fitting { done, total } => {
            set_progress(&dict, done, total)?;
            "fitting"
        }
        Event::Note(note) => {
            dict.set_item("note", note)?;
            "note"
        }
        Event::EpochBegins { epoch, epochs, batches, batch, size, done } => {
            let numbers =
                [("epoch", epoch), ("epochs", epochs), ("batch_size", batch), ("size", size)];
            numbers.iter().try_for_each(|(name, number)| dict.set_item(name, number))?;
            set_progress(&dict, done, batches)?;
            "epoch_begins"
        }
        Event::Batch { done, images, loss, mean_loss, top1, rate } => {
            dict.set_item("done", done)?;
            dict.set_item("images", images)?;
            let numbers =
                [("loss", loss), ("mean_loss", mean_loss), ("top1", top1), ("rate", rate)];
            numbers.iter().try_for_each(|(name, number)| dict.set_item(name, number))?;
            "batch"
        }
        Event::Validating { done, total } => {
            set_progress(&dict, done, total)?;
            "validating"
        }
        Event::EpochEnds { row, images_per_second } => {
            set_row(&dict, row)?;
            dict.set_item("images_per_second", images_per_second)?;
            "epoch"
        }
        Event::Saved { step } => {
            dict.set_item("step", step)?;
            "saved"
        }
        _ => return Ok(None),
    };
    dict.set_item("event", kind)?;
    Ok(Some(dict))
}

fn set_progress(dict: &Bound<'_, PyDict>, done: usize, total: usize) -> PyResult<()> {
    dict.set_item("done", done)?;
    dict.set_item("total", total)
}

/// The fields of a line of `train --json`.
fn set_row(dict: &Bound<'_, PyDict>, row: &EpochRow) -> PyResult<()> {
    let json = serde_json::to_string(row).map_err(errors::train)?;
    let loads = dict.py().import("json")?.getattr("loads")?;
    dict.update(loads.call1((json,))?.cast()?)
}

/// What a training is asked for; see `seesaw.train`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request {
    data: PathBuf,
    out: PathBuf,
    net: Option<String>,
    recipe: Option<String>,
    init: Option<PathBuf>,
    from_scratch: bool,
    settings: Vec<(String, String)>,
    threads: usize,
}

/// Starts a run and trains until it is finished or the listener raises. Returns whether it is finished.
#[pyfunction]
pub fn train(py: Python<'_>, request: Request, listener: Py<PyAny>) -> PyResult<bool> {
    let threads = request.threads;
    follow(py, threads, listener, move |machine, options, on| {
        let start = start(request)?;
        Trainer::start(&start, machine, options, on).map_err(errors::train)
    })
}

/// Resumes a run, as [`train`].
#[pyfunction]
pub fn resume(
    py: Python<'_>,
    folder: PathBuf,
    threads: usize,
    epochs: Option<usize>,
    listener: Py<PyAny>,
) -> PyResult<bool> {
    follow(py, threads, listener, move |machine, options, on| {
        let options = options.clone().epochs(epochs);
        Trainer::resume(&folder, machine, &options, on).map_err(errors::train)
    })
}

fn follow(
    py: Python<'_>,
    threads: usize,
    listener: Py<PyAny>,
    begin: impl FnOnce(&Machine, &RunOptions, Listener<'_>) -> PyResult<Trainer> + Send,
) -> PyResult<bool> {
    let machine =
        Machine::from_env(threads).map_err(|error| PyValueError::new_err(error.to_string()))?;
    py.detach(|| {
        let mut bridge = Bridge::new(listener);
        let stop = Arc::clone(&bridge.stop);
        let mut on = |event: Event<'_>| bridge.on(event);
        let mut trainer = begin(&machine, &RunOptions::default(), &mut on)?;
        let outcome: Result<Outcome, TrainError> = trainer.run(&stop, &mut on);
        match bridge.raised {
            Some(raised) => Err(raised),
            None => Ok(outcome.map_err(errors::train)? != Outcome::Stopped),
        }
    })
}

/// The run that is asked for, with everything else chosen as the command does.
fn start(request: Request) -> PyResult<Start> {
    let recipe = request.recipe.map(|name| Recipe::load(&name)).transpose();
    let wishes = Wishes {
        net: request.net.as_deref().map(net).transpose()?,
        init: request.init.map(start_weights).transpose()?,
        recipe: recipe.map_err(errors::train)?.map(|loaded| loaded.recipe),
        from_scratch: request.from_scratch,
        ..Wishes::default()
    };
    let choice = choose(wishes, &request.data, |net| {
        let bundled = net.map_or(Some(Bundled::default()), Bundled::for_net);
        let weights = |bundled: &Bundled| {
            let model = bundled.model().map_err(|error| Raised(errors::model(error)))?;
            Ok(StartWeights::named(bundled.name, model))
        };
        bundled.map(weights).transpose()
    });
    let Choice { net, init, mut recipe } = choice.map_err(|Raised(error)| error)?;
    let settings: Vec<_> = request.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    recipe.set_all(&settings).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut start = Start::new(request.data, net, recipe, request.out);
    start.init = init;
    Ok(start)
}

/// A net of the zoo, or the one that a TOML file describes.
fn net(name: &str) -> PyResult<Net> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        let text = std::fs::read_to_string(path)?;
        return Net::from_toml(&text).map_err(|error| PyValueError::new_err(error.to_string()));
    }
    zoo::net(name).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Bundled weights by name, or those in a file.
fn start_weights(path: PathBuf) -> PyResult<StartWeights> {
    let bundled = path.to_str().and_then(Bundled::named).filter(|_| !path.exists());
    if let Some(bundled) = bundled {
        return Ok(StartWeights::named(bundled.name, bundled.model().map_err(errors::model)?));
    }
    let model = seesaw_format::load_model(&path, None)
        .map_err(|error| errors::model(format_args!("{}: {error}", path.display())))?;
    Ok(StartWeights { init: Init::File(path), model: Arc::new(model) })
}

/// An exception on its way through the library.
struct Raised(PyErr);

impl From<TrainError> for Raised {
    fn from(error: TrainError) -> Self {
        Self(errors::train(error))
    }
}
