//! The first weights of a run.

use std::path::Path;

use seesaw_arch::Net;
use seesaw_format::{NetWeights, load};

use crate::TrainError;

/// Random weights, or those of a file; and a note on the choice that the user should see.
///
/// The linear layer is the file's only if the classes are the same, by name where the file names
/// them.
pub(super) fn first_weights(
    net: &Net,
    classes: &[String],
    init: Option<&Path>,
    seed: u64,
) -> Result<(NetWeights, Option<String>), TrainError> {
    let fresh = NetWeights::random(net, seed)?;
    let Some(path) = init else { return Ok((fresh, None)) };
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
        return Ok((model.weights, None));
    }
    let note = format!(
        "the classes of {} differ from those of the data, so its last layer is reinitialized",
        path.display()
    );
    Ok((NetWeights { classifier: fresh.classifier, ..model.weights }, Some(note)))
}
