//! Conversion between named tensors and a net's weights.

use std::collections::HashSet;

use seesaw_arch::Net;

use crate::{
    BatchNorm, BlockWeights, ConvBn, FormatError, Linear, NetWeights, Tensor, Tensors,
    error::shown,
    names::{CLASSIFIERS, Entry, Field, Scheme, entries},
};

/// How many tensors of a kind an error names.
const NAMED: usize = 6;

impl NetWeights {
    /// The weights of `net` from tensors under the published names or torchvision's.
    ///
    /// # Errors
    /// [`FormatError::Mismatch`] with the tensors that are missing, left over or of another shape;
    /// [`FormatError::BadValue`] when a weight is not finite or a variance is negative.
    pub fn from_tensors(net: &Net, tensors: &Tensors) -> Result<Self, FormatError> {
        Self::take_tensors(net, tensors.clone())
    }

    /// As [`Self::from_tensors`], but most numbers are moved instead of copied.
    ///
    /// # Errors
    /// Those of [`Self::from_tensors`].
    pub fn take_tensors(net: &Net, mut tensors: Tensors) -> Result<Self, FormatError> {
        net.validate()?;
        let entries = entries_in(net, &tensors);
        check(net, &entries, &tensors)?;
        let mut weights = Self::empty(net);
        for entry in &entries {
            let Tensor { data, .. } =
                tensors.remove(&entry.name).expect("the check found every tensor");
            check_values(entry, &data)?;
            let values = weights.values(entry.layer, entry.field).expect("an entry of this net");
            if values.is_empty() {
                *values = data;
            } else {
                values.extend(data);
            }
        }
        Ok(weights)
    }

    /// The same weights as tensors under the published names; counterpart of
    /// [`Self::from_tensors`].
    ///
    /// # Errors
    /// [`FormatError::Mismatch`] when the weights are not those of `net`.
    pub fn to_tensors(&self, net: &Net) -> Result<Tensors, FormatError> {
        net.validate()?;
        let mut rest = self.clone();
        let mut tensors = Tensors::new();
        for entry in entries(net, Scheme::Reference) {
            let len = entry.shape.iter().product();
            let values = rest.values(entry.layer, entry.field).filter(|v| v.len() >= len);
            let Some(values) = values else {
                let details = format!("`{}` lacks values", entry.name);
                return Err(FormatError::Mismatch { net: shown(&net.name), details });
            };
            let data = values.drain(..len).collect();
            tensors.insert(entry.name, Tensor { shape: entry.shape, data });
        }
        if rest != Self::empty(net) {
            let details = "there are more values than the net has".to_owned();
            return Err(FormatError::Mismatch { net: shown(&net.name), details });
        }
        Ok(tensors)
    }

    /// Weights without any values yet.
    fn empty(net: &Net) -> Self {
        let bn = BatchNorm { gamma: vec![], beta: vec![], mean: vec![], var: vec![] };
        let conv = ConvBn { weight: vec![], bn };
        let block = |block: &seesaw_arch::Block| BlockWeights {
            expand: block.expand.is_some().then(|| conv.clone()),
            depthwise: conv.clone(),
            project: conv.clone(),
        };
        Self {
            stem: conv.clone(),
            blocks: net.blocks().iter().map(block).collect(),
            head: conv.clone(),
            classifier: Linear { weight: vec![], bias: vec![] },
        }
    }
}

/// The net's tensors as this file names them. The linear layer may have any of its names, because a
/// dropout before it changes the name and nothing else.
fn entries_in(net: &Net, tensors: &Tensors) -> Vec<Entry> {
    let mut entries = entries(net, Scheme::detect(tensors));
    let present = |name: &&str| tensors.get(&format!("{name}.weight")).is_some();
    if let Some(found) = CLASSIFIERS.into_iter().find(|name| present(name)) {
        for entry in entries.iter_mut().rev().take(2) {
            let (_, part) = entry.name.rsplit_once('.').expect("a layer and a field");
            entry.name = format!("{found}.{part}");
        }
    }
    entries
}

/// Whether a file has all tensors of `net`, by names and shapes, and no others that such a net could
/// have. `any_linear`: the linear layer may have any of its names.
pub(crate) fn fits(net: &Net, tensors: &Tensors, any_linear: bool) -> bool {
    let entries = match any_linear {
        true => entries_in(net, tensors),
        false => entries(net, Scheme::detect(tensors)),
    };
    entries.len() <= tensors.len() && strays_of(&entries, tensors).is_some()
}

/// The tensors beside those of `net`, such as `n_averaged` or a loss's, which can be left out; `None`
/// where the net's own are not complete, or others are in its layers, so that it is another net.
pub(crate) fn strays(net: &Net, tensors: &Tensors) -> Option<Vec<String>> {
    strays_of(&entries_in(net, tensors), tensors)
}

fn strays_of(entries: &[Entry], tensors: &Tensors) -> Option<Vec<String>> {
    let has = |e: &Entry| tensors.get(&e.name).is_some_and(|tensor| tensor.shape == e.shape);
    if !entries.iter().all(has) {
        return None;
    }
    let layer = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let layers: HashSet<String> = entries.iter().map(|entry| layer(&entry.name)).collect();
    let known: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let others = tensors.iter().map(|(name, _)| name).filter(|name| !known.contains(name));
    let others: Vec<String> = others.map(str::to_owned).collect();
    others.iter().all(|name| !layers.contains(&layer(name))).then_some(others)
}

/// How far these tensors are from those of a net: the number of its tensors that are missing or have
/// another shape, the number of its tensors, and which they are.
pub(crate) fn distance(net: &Net, tensors: &Tensors) -> (usize, usize, String) {
    let entries = entries_in(net, tensors);
    let differences = differences(&entries, tensors);
    let count = differences.missing.len() + differences.reshaped.len();
    (count, entries.len(), differences.details())
}

/// How a file's tensors differ from a net's.
struct Differences {
    missing: Vec<String>,
    extra: Vec<String>,
    reshaped: Vec<String>,
    /// How many tensors of the net there are.
    of: usize,
}

impl Differences {
    /// What is different, with the first few names; empty where nothing is.
    fn details(&self) -> String {
        if self.missing.len() == self.of && !self.extra.is_empty() {
            let (net, file) = (list("", &self.missing), list("", &self.extra));
            return format!("no tensor has a name of the net's, {net}; they are called {file}");
        }
        let Self { missing, extra, reshaped, .. } = self;
        let kinds = [("missing", missing), ("left over", extra), ("of another shape", reshaped)];
        let details: Vec<String> =
            kinds.iter().filter(|(_, names)| !names.is_empty()).map(|(k, n)| list(k, n)).collect();
        details.join("; ")
    }
}

/// Compares a file's tensors with a net's.
fn check(net: &Net, entries: &[Entry], tensors: &Tensors) -> Result<(), FormatError> {
    let details = differences(entries, tensors).details();
    if details.is_empty() {
        return Ok(());
    }
    Err(FormatError::Mismatch { net: shown(&net.name), details })
}

fn differences(entries: &[Entry], tensors: &Tensors) -> Differences {
    let (mut missing, mut reshaped) = (Vec::new(), Vec::new());
    for entry in entries {
        match tensors.get(&entry.name) {
            None => missing.push(entry.name.clone()),
            Some(tensor) if tensor.shape != entry.shape => reshaped
                .push(format!("{} {:?} instead of {:?}", entry.name, tensor.shape, entry.shape)),
            Some(_) => {}
        }
    }
    let known: HashSet<&str> = entries.iter().map(|e| e.name.as_str()).collect();
    let extra = tensors.iter().filter(|(name, _)| !known.contains(name));
    let extra = extra.map(|(name, _)| name.to_owned()).collect();
    Differences { missing, extra, reshaped, of: entries.len() }
}

/// `3 missing (a, b, c)`, or without a kind `a, b, c`, with the first few names.
fn list(kind: &str, names: &[String]) -> String {
    let first: Vec<String> = names.iter().take(NAMED).map(|name| shown(name)).collect();
    let more = if names.len() > NAMED { ", ..." } else { "" };
    let first = first.join(", ");
    if kind.is_empty() {
        return format!("{first}{more}");
    }
    format!("{} {kind} ({first}{more})", names.len())
}

fn check_values(entry: &Entry, values: &[f32]) -> Result<(), FormatError> {
    // Without a branch for each number, the compiler checks several at once.
    let fine = |x: &f32| x.is_finite() & (entry.field != Field::Var || *x >= 0.0);
    if values.chunks(1024).all(|part| part.iter().fold(true, |all, x| all & fine(x))) {
        return Ok(());
    }
    let what = if values.iter().any(|x| x.is_nan()) {
        "NaN"
    } else if values.iter().any(|x| x.is_infinite()) {
        "infinity"
    } else {
        "a negative variance"
    };
    Err(FormatError::BadValue { name: entry.name.clone(), what })
}
