//! How photos become inputs: as the weights say, else as the net's family is used to.

use seesaw_format::{Model, Preprocess as Stored};
use seesaw_image::Preprocess;

use crate::{args::SizeArgs, failure::Failure};

/// Nets for images up to this side are taken for CIFAR's.
const CIFAR_UP_TO: usize = 64;

/// The preprocessing of a model's photos.
///
/// Where the weights do not say it, nets for images of up to 64 pixels get CIFAR's (the whole
/// picture) and larger ones ImageNet's (a crop of seven eighths). A crop that is asked for alone
/// shows as much of the photo as the crop that it replaces.
pub fn of(model: &Model, sizes: &SizeArgs) -> Result<Preprocess, Failure> {
    let mut preprocess = match &model.preprocess {
        Some(Stored { resize, crop, mean, std }) => {
            Preprocess { resize: *resize, crop: *crop, mean: *mean, std: *std }
        }
        None => usual(model.net.input_size),
    };
    if let Some(crop) = sizes.crop {
        let resize = u64::from(preprocess.resize) * u64::from(crop);
        let scaled = resize / u64::from(preprocess.crop.max(1));
        preprocess.resize = scaled.max(1).try_into().unwrap_or(u32::MAX);
        preprocess.crop = crop;
    }
    preprocess.resize = sizes.resize.unwrap_or(preprocess.resize);
    preprocess.validate().map_err(Failure::new)?;
    Ok(preprocess)
}

/// The same in the form that files hold.
pub fn stored(preprocess: &Preprocess) -> Stored {
    let Preprocess { resize, crop, mean, std } = *preprocess;
    Stored { resize, crop, mean, std }
}

fn usual(input_size: usize) -> Preprocess {
    let side = u32::try_from(input_size).unwrap_or(u32::MAX);
    if input_size <= CIFAR_UP_TO {
        Preprocess { resize: side, crop: side, ..Preprocess::cifar() }
    } else {
        Preprocess::imagenet(side)
    }
}

#[cfg(test)]
mod tests {
    use seesaw_format::NetWeights;

    use super::*;

    fn model(name: &str, preprocess: Option<Stored>) -> Model {
        let net = seesaw_arch::zoo::net(name).unwrap();
        let weights = NetWeights::random(&net, 1).unwrap();
        Model { net, weights, labels: Vec::new(), preprocess, origin: None, note: None }
    }

    fn sides(model: &Model, resize: Option<u32>, crop: Option<u32>) -> (u32, u32) {
        let preprocess = of(model, &SizeArgs { resize, crop }).unwrap();
        (preprocess.resize, preprocess.crop)
    }

    #[test]
    fn the_weights_decide_then_the_net_and_arguments_over_both() {
        let cifar = model("seesaw-shuffle-0.5d-cifar", None);
        assert_eq!(sides(&cifar, None, None), (32, 32));
        assert_eq!(
            of(&cifar, &SizeArgs { resize: None, crop: None }).unwrap(),
            Preprocess::cifar()
        );
        let photos = model("seesaw-shuffle-0.5d-imagenet", None);
        assert_eq!(sides(&photos, None, None), (256, 224));
        assert_eq!(sides(&photos, None, Some(112)), (128, 112));
        assert_eq!(sides(&photos, Some(232), None), (232, 224));
        let own = stored(&Preprocess { resize: 180, ..Preprocess::imagenet(160) });
        let own = model("seesaw-shuffle-0.5d-imagenet", Some(own));
        assert_eq!(sides(&own, None, None), (180, 160));
        assert_eq!(sides(&own, Some(160), Some(160)), (160, 160));
    }

    #[test]
    fn senseless_values_in_a_file_are_refused() {
        let mut own = stored(&Preprocess::imagenet(224));
        own.std = [0.0; 3];
        let own = model("seesaw-shuffle-0.5d-cifar", Some(own));
        assert!(of(&own, &SizeArgs { resize: None, crop: None }).is_err());
        let mut own = stored(&Preprocess::imagenet(224));
        own.crop = 0;
        let own = model("seesaw-shuffle-0.5d-cifar", Some(own));
        assert!(of(&own, &SizeArgs { resize: None, crop: None }).is_err());
    }
}
