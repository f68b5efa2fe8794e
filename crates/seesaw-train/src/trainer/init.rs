//! The first weights of a run.

use std::path::Path;

use seesaw_arch::Net;
use seesaw_format::{NetWeights, load, load_model};

use super::Start;
use crate::{TrainError, graft::graft, metrics::match_classes};

/// Random weights, those of a file, or a graft; and notes on the choice that the user should see.
pub(super) fn first_weights(
    net: &Net,
    classes: &[String],
    start: &Start,
    seed: u64,
) -> Result<(NetWeights, Vec<String>), TrainError> {
    let fresh = NetWeights::random(net, seed)?;
    match (&start.init, &start.graft) {
        (Some(path), _) => loaded(net, classes, fresh, path),
        (None, Some(path)) => grafted(net, classes, fresh, path),
        (None, None) => Ok((fresh, Vec::new())),
    }
}

/// The weights of a model that is grafted on the net.
fn grafted(
    net: &Net,
    classes: &[String],
    fresh: NetWeights,
    path: &Path,
) -> Result<(NetWeights, Vec<String>), TrainError> {
    let model = load_model(path, None)?;
    let columns = match_classes(classes, &model.labels, model.net.classes).ok();
    let teacher = (&model.net, &model.weights);
    let graft = graft(net, fresh, teacher, columns.as_deref())?;
    let mut notes = Vec::new();
    let kept: Vec<f64> = graft.kept.iter().copied().flatten().collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    notes.push(format!(
        "{} of {} blocks are grafted and keep {:.0} % of the energy of their paths on average",
        kept.len(),
        graft.kept.len(),
        100.0 * mean
    ));
    let missing: Vec<String> = (1..)
        .zip(&graft.kept)
        .filter(|(_, kept)| kept.is_none())
        .map(|(number, _): (usize, _)| number.to_string())
        .collect();
    if !missing.is_empty() {
        notes.push(format!("blocks without a counterpart: {}", missing.join(", ")));
    }
    for (what, taken) in [("stem", graft.stem), ("head", graft.head)] {
        if !taken {
            notes.push(format!("the {what} has another shape than the teacher's and starts fresh"));
        }
    }
    if graft.head && columns.is_none() {
        notes.push("the teacher does not know the classes, so the last layer starts fresh".into());
    }
    Ok((graft.weights, notes))
}

/// The weights of a file. The linear layer is the file's only if the classes are the same, by name
/// where the file names them.
fn loaded(
    net: &Net,
    classes: &[String],
    fresh: NetWeights,
    path: &Path,
) -> Result<(NetWeights, Vec<String>), TrainError> {
    let contents = load(path)?;
    let mut labels = Vec::new();
    if let Some(metadata) = &contents.metadata {
        let trunk = |net: &Net| (net.stem.clone(), net.head.channels, net.stages.clone());
        if trunk(&metadata.net) != trunk(net) {
            let (found, net) = (metadata.net.name.clone(), net.name.clone());
            return Err(TrainError::OtherLayers { path: path.to_owned(), found, net });
        }
        labels.clone_from(&metadata.labels);
    }
    let model = contents.into_model(Some(net.clone()), path)?;
    if model.net.classes == net.classes && (labels.is_empty() || labels == classes) {
        return Ok((model.weights, Vec::new()));
    }
    let note = format!(
        "the classes of {} differ from those of the data, so its last layer is reinitialized",
        path.display()
    );
    Ok((NetWeights { classifier: fresh.classifier, ..model.weights }, vec![note]))
}
