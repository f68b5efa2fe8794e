//! A model with what the arguments say about its photos and classes.

use std::path::Path;

use seesaw::{
    Model, Preprocess,
    labels::{self, LabelFile},
    preprocess_of,
};

use crate::{
    args::{Channels, SizeArgs},
    failure::{self, Failure},
};

/// The class names and identifiers in `file`, one for each class of the model; without a file, the
/// model's own names, which may be missing.
pub fn labels(model: &Model, file: Option<&Path>) -> Result<LabelFile, Failure> {
    let Some(path) = file else {
        return Ok(LabelFile { names: model.labels.clone(), ids: Vec::new() });
    };
    let labels = labels::read(path).map_err(|error| Failure::file(path, error))?;
    let (found, classes) = (labels.names.len(), model.net.classes);
    if found == classes {
        return Ok(labels);
    }
    let error = format_args!("{found} class names, but the net has {classes} classes");
    Err(Failure::file(path, error)
        .hint("write one name per line, in the order of the net's outputs"))
}

/// The model's preprocessing with what the arguments say. A crop given alone shows as much of the photo
/// as the crop that it replaces. Says so when mean and standard deviation are a guess, because neither
/// the weights nor the arguments have them.
pub fn preprocess(model: &Model, sizes: &SizeArgs) -> Result<Preprocess, Failure> {
    let mut preprocess = preprocess_of(model);
    if let Some(Channels(mean)) = sizes.mean {
        preprocess.mean = mean;
    }
    if let Some(Channels(std)) = sizes.std {
        preprocess.std = std;
    }
    if model.preprocess.is_none() && (sizes.mean.is_none() || sizes.std.is_none()) {
        let Preprocess { mean, std, .. } = &preprocess;
        failure::note(format_args!(
            "the weights do not say how images were normalized; assumed are the mean {mean:?} and the \
             standard deviation {std:?} (`--mean` and `--std` decide)"
        ));
    }
    if let Some(crop) = sizes.crop {
        preprocess = preprocess.with_crop(crop);
    }
    preprocess.resize = sizes.resize.unwrap_or(preprocess.resize);
    preprocess.fit = sizes.fit.map_or(preprocess.fit, Into::into);
    preprocess.validate()?;
    Ok(preprocess)
}

#[cfg(test)]
mod tests {
    use seesaw_format::NetWeights;

    use super::*;

    fn model(name: &str, preprocess: Option<Preprocess>) -> Model {
        let net = seesaw_arch::zoo::net(name).unwrap();
        let weights = NetWeights::random(&net, 1).unwrap();
        let mut model = Model::new(net, weights);
        model.preprocess = preprocess;
        model
    }

    #[test]
    fn the_fit_is_the_weights_own_or_the_one_named() {
        let squeezed = Preprocess { fit: seesaw_arch::Fit::Squeeze, ..Preprocess::imagenet(160) };
        let model = model("seesaw-shuffle-0.5d-imagenet", Some(squeezed));
        let fit = |fit| preprocess(&model, &SizeArgs { fit, ..SizeArgs::default() }).unwrap().fit;
        assert_eq!(fit(None), seesaw_arch::Fit::Squeeze);
        assert_eq!(fit(Some(crate::args::Fit::Pad)), seesaw_arch::Fit::Pad);
        assert_eq!(fit(Some(crate::args::Fit::Crop)), seesaw_arch::Fit::Crop);
    }

    fn sides(model: &Model, resize: Option<u32>, crop: Option<u32>) -> (u32, u32) {
        let preprocess =
            preprocess(model, &SizeArgs { resize, crop, ..SizeArgs::default() }).unwrap();
        (preprocess.resize, preprocess.crop)
    }

    #[test]
    fn the_weights_decide_then_the_net_and_arguments_over_both() {
        let cifar = model("seesaw-shuffle-0.5d-cifar", None);
        assert_eq!(sides(&cifar, None, None), (32, 32));
        assert_eq!(preprocess(&cifar, &SizeArgs::default()).unwrap(), Preprocess::cifar());
        let photos = model("seesaw-shuffle-0.5d-imagenet", None);
        assert_eq!(sides(&photos, None, None), (256, 224));
        assert_eq!(sides(&photos, None, Some(112)), (128, 112));
        assert_eq!(sides(&photos, Some(232), None), (232, 224));
        let own = Preprocess { resize: 180, ..Preprocess::imagenet(160) };
        let own = model("seesaw-shuffle-0.5d-imagenet", Some(own));
        assert_eq!(sides(&own, None, None), (180, 160));
        assert_eq!(sides(&own, Some(160), Some(160)), (160, 160));
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_arguments() {
        let cifar = model("seesaw-shuffle-0.5d-cifar", None);
        let (mean, std) = ([0.1, 0.2, 0.3], [0.4; 3]);
        let given = SizeArgs {
            mean: Some(Channels(mean)),
            std: Some(Channels(std)),
            ..SizeArgs::default()
        };
        let expected = Preprocess { mean, std, ..Preprocess::cifar() };
        assert_eq!(preprocess(&cifar, &given).unwrap(), expected);
    }

    #[test]
    fn senseless_values_are_refused() {
        for wrong in [
            Preprocess { std: [0.0; 3], ..Preprocess::imagenet(224) },
            Preprocess { crop: 0, ..Preprocess::imagenet(224) },
        ] {
            let wrong = model("seesaw-shuffle-0.5d-cifar", Some(wrong));
            assert!(preprocess(&wrong, &SizeArgs::default()).is_err());
        }
        let cifar = model("seesaw-shuffle-0.5d-cifar", None);
        assert!(preprocess(&cifar, &SizeArgs { crop: Some(0), ..SizeArgs::default() }).is_err());
    }
}
