//! The first weights of a run.

use std::path::Path;

use seesaw_arch::Net;
use seesaw_format::{NetWeights, load, load_model};

use crate::TrainError;

/// Fresh weights, or those of a file; and what the user should know of the choice.
///
/// The linear layer is the file's only where the classes are the same, by name if the file names
/// them.
pub(super) fn first_weights(
    net: &Net,
    classes: &[String],
    init: Option<&Path>,
    seed: u64,
) -> Result<(NetWeights, Option<String>), TrainError> {
    let fresh = NetWeights::random(net, seed)?;
    let Some(path) = init else { return Ok((fresh, None)) };
    if let Some(metadata) = load(path)?.metadata {
        let trunk = |net: &Net| (net.stem.clone(), net.head.channels, net.stages.clone());
        if trunk(&metadata.net) != trunk(net) {
            return Err(TrainError::Setup(format!(
                "{} holds {}, whose layers are not those of {}",
                path.display(),
                metadata.net.name,
                net.name
            )));
        }
    }
    let model = load_model(path, Some(net.clone()))?;
    let labels = load(path)?.metadata.map(|metadata| metadata.labels).unwrap_or_default();
    let same = model.net.classes == net.classes && (labels.is_empty() || labels == classes);
    if same {
        return Ok((model.weights, None));
    }
    let note =
        format!("the classes of {} are not the data's; its last layer begins anew", path.display());
    Ok((NetWeights { classifier: fresh.classifier, ..model.weights }, Some(note)))
}
