//! The weights that the program carries.

use seesaw_format::{FormatError, Model};

/// Ten classes of ImageNet; `weights/README.md` says how they were trained.
const WEIGHTS: &[u8] =
    include_bytes!("../../../weights/seesaw-shuffle-0.5d-imagenette.safetensors");

/// The model that `predict` uses where no weights are given.
pub fn model() -> Result<Model, FormatError> {
    Model::from_bytes(WEIGHTS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_model_says_what_it_is() {
        let model = super::model().unwrap();
        assert_eq!(model.labels.len(), model.net.classes);
        assert!(model.preprocess.is_some() && model.origin.is_some() && model.assumption.is_none());
    }
}
