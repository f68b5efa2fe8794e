//! Conversion between named tensors and a net's weights.

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
    pub(crate) fn take_tensors(net: &Net, mut tensors: Tensors) -> Result<Self, FormatError> {
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

/// Whether a file has exactly the tensors of `net`, by names and shapes.
pub(crate) fn fits(net: &Net, tensors: &Tensors) -> bool {
    let entries = entries(net, Scheme::detect(tensors));
    entries.len() == tensors.len()
        && entries.iter().all(|e| tensors.get(&e.name).is_some_and(|t| t.shape == e.shape))
}

/// Compares a file's tensors with a net's.
fn check(net: &Net, entries: &[Entry], tensors: &Tensors) -> Result<(), FormatError> {
    let (mut missing, mut reshaped) = (Vec::new(), Vec::new());
    for entry in entries {
        match tensors.get(&entry.name) {
            None => missing.push(entry.name.clone()),
            Some(tensor) if tensor.shape != entry.shape => reshaped
                .push(format!("{} {:?} instead of {:?}", entry.name, tensor.shape, entry.shape)),
            Some(_) => {}
        }
    }
    let known: std::collections::HashSet<&str> = entries.iter().map(|e| e.name.as_str()).collect();
    let extra = tensors.iter().filter(|(name, _)| !known.contains(name));
    let extra: Vec<String> = extra.map(|(name, _)| name.to_owned()).collect();
    let kinds = [("missing", missing), ("left over", extra), ("of another shape", reshaped)];
    let details: Vec<String> =
        kinds.iter().filter(|(_, names)| !names.is_empty()).map(|(k, n)| list(k, n)).collect();
    if details.is_empty() {
        return Ok(());
    }
    Err(FormatError::Mismatch { net: shown(&net.name), details: details.join("; ") })
}

/// `3 missing (a, b, c)`, with the first few names.
fn list(kind: &str, names: &[String]) -> String {
    let first: Vec<String> = names.iter().take(NAMED).map(|name| shown(name)).collect();
    let more = if names.len() > NAMED { ", ..." } else { "" };
    format!("{} {kind} ({}{more})", names.len(), first.join(", "))
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
