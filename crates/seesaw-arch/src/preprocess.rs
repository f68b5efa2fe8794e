//! How a photo becomes the input of a net.

use serde::{Deserialize, Serialize};

use crate::{ArchError, validate::SIDES};

/// From a photo to the input of a net: torchvision's `Resize(resize, filter)`, `CenterCrop(crop)`,
/// `ToTensor()`, `Normalize(mean, std)`. [`Fit`] has alternatives to the first two.
///
/// It is plain data that travels with nets and weights; the crate `seesaw-image` applies it.
/// Unknown fields are refused: they would change what the net sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Pixels of the shorter side after scaling; not in use where the whole photo is shown.
    pub resize: u32,
    /// Pixels of both sides of the input.
    pub crop: u32,
    /// Mean of red, green and blue, where 1 is full brightness.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue, where 1 is full brightness.
    pub std: [f32; 3],
    /// The filter of the scaling; bilinear where it is not given.
    #[serde(default, skip_serializing_if = "Filter::is_bilinear")]
    pub filter: Filter,
    /// How a photo becomes a square; cropped where it is not given.
    #[serde(default, skip_serializing_if = "Fit::is_crop")]
    pub fit: Fit,
}

/// How a photo that is not square becomes a square input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The shorter side is scaled to `resize`, and the center is cut out: the ends of a long photo are
    /// not seen.
    #[default]
    Crop,
    /// The longer side is scaled to `crop`, and the rest of the square is of the mean color: everything
    /// is seen in its own proportions.
    Pad,
    /// Both sides are scaled to `crop`: everything is seen, and fills the square.
    Squeeze,
}

impl Fit {
    /// Whether it is [`Fit::Crop`].
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub fn is_crop(&self) -> bool {
        *self == Self::Crop
    }
}

/// How pixels are weighted when a photo is scaled. Both widen by the scale where it shrinks, as
/// Pillow's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// A triangle two pixels wide.
    #[default]
    Bilinear,
    /// Cubic convolution four pixels wide with a = -0.5 (Keys 1981).
    Bicubic,
}

impl Filter {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_bilinear(&self) -> bool {
        *self == Self::Bilinear
    }
}

impl Preprocess {
    /// ImageNet's evaluation at `size` pixels: a crop of 7/8 of the scaled photo, 224 from 256.
    pub fn imagenet(size: u32) -> Self {
        Self {
            resize: ((u64::from(size) * 256 + 112) / 224).try_into().unwrap_or(u32::MAX),
            crop: size,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            filter: Filter::Bilinear,
            fit: Fit::Crop,
        }
    }

    /// CIFAR-10's evaluation at its own 32 pixels: the mean and standard deviation over all pixels
    /// of the training set.
    pub fn cifar() -> Self {
        Self {
            resize: 32,
            crop: 32,
            mean: [0.4914, 0.4822, 0.4465],
            std: [0.2470, 0.2435, 0.2616],
            filter: Filter::Bilinear,
            fit: Fit::Crop,
        }
    }

    /// EfficientNet-Lite0's evaluation: samples from -127/128 to 1, and a bicubic filter.
    pub fn efficientnet_lite0() -> Self {
        Self {
            resize: 256,
            crop: 224,
            mean: [127.0 / 255.0; 3],
            std: [128.0 / 255.0; 3],
            filter: Filter::Bicubic,
            fit: Fit::Crop,
        }
    }

    /// The mean color, as 8-bit samples.
    pub fn mean_color(&self) -> [u8; 3] {
        self.mean.map(|mean| (mean * 255.0).round() as u8)
    }

    /// The same view of a photo at another input size: the shorter side is scaled in proportion.
    pub fn with_crop(mut self, crop: u32) -> Self {
        let resize = u64::from(self.resize) * u64::from(crop) / u64::from(self.crop.max(1));
        self.resize = resize.max(1).try_into().unwrap_or(u32::MAX);
        self.crop = crop;
        self
    }

    /// Numbers in an input: `3 * crop * crop`.
    pub fn output_len(&self) -> usize {
        let crop = self.crop as usize;
        crop.saturating_mul(crop).saturating_mul(3)
    }

    /// Checks values that came from a file.
    ///
    /// # Errors
    /// [`ArchError::PreprocessSize`] and [`ArchError::PreprocessNormalization`].
    pub fn validate(&self) -> Result<(), ArchError> {
        for (field, value) in [("resize", self.resize), ("crop", self.crop)] {
            if !SIDES.contains(&(value as usize)) {
                return Err(ArchError::PreprocessSize { field, value });
            }
        }
        for (channel, (&mean, &std)) in self.mean.iter().zip(&self.std).enumerate() {
            if !(-1e3..=1e3).contains(&mean) || !(1e-5..=1e3).contains(&std) {
                return Err(ArchError::PreprocessNormalization { channel, mean, std });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl Fn(&mut Preprocess)) -> ArchError {
        let mut preprocess = Preprocess::cifar();
        change(&mut preprocess);
        preprocess.validate().unwrap_err()
    }

    #[test]
    fn imagenet_crops_seven_eighths() {
        for (size, resize) in [(224, 256), (160, 183), (128, 146), (192, 219)] {
            assert_eq!(Preprocess::imagenet(size).resize, resize);
        }
        assert!(Preprocess::imagenet(u32::MAX).validate().is_err());
    }

    #[test]
    fn unknown_fields_are_refused() {
        let preprocess = Preprocess::imagenet(160);
        let text = toml::to_string(&preprocess).unwrap();
        assert_eq!(toml::from_str::<Preprocess>(&text).unwrap(), preprocess);
        assert!(toml::from_str::<Preprocess>(&format!("mode = \"bicubic\"\n{text}")).is_err());
    }

    #[test]
    fn a_filter_is_written_only_where_it_is_not_bilinear() {
        let text = toml::to_string(&Preprocess::imagenet(224)).unwrap();
        assert!(!text.contains("filter"), "{text}");
        let bicubic: Preprocess = toml::from_str(&format!("filter = \"bicubic\"\n{text}")).unwrap();
        assert_eq!(bicubic, Preprocess { filter: Filter::Bicubic, ..Preprocess::imagenet(224) });
        assert!(toml::to_string(&bicubic).unwrap().contains("filter = \"bicubic\""));
        let error = toml::from_str::<Preprocess>(&format!("filter = \"lanczos\"\n{text}"));
        assert!(error.unwrap_err().to_string().contains("`bilinear` or `bicubic`"));
    }

    #[test]
    fn a_fit_is_written_only_where_it_is_not_a_crop() {
        let text = toml::to_string(&Preprocess::imagenet(224)).unwrap();
        assert!(!text.contains("fit"), "{text}");
        for (name, fit) in [("crop", Fit::Crop), ("pad", Fit::Pad), ("squeeze", Fit::Squeeze)] {
            let read: Preprocess = toml::from_str(&format!("fit = \"{name}\"\n{text}")).unwrap();
            assert_eq!(read, Preprocess { fit, ..Preprocess::imagenet(224) });
            let line = format!("fit = \"{name}\"");
            assert_eq!(toml::to_string(&read).unwrap().contains(&line), fit != Fit::Crop);
        }
        let error = toml::from_str::<Preprocess>(&format!("fit = \"stretch\"\n{text}"));
        assert!(error.unwrap_err().to_string().contains("`crop`, `pad`, `squeeze`"));
    }

    #[test]
    fn hostile_values_are_refused() {
        for size in [0, 4097, u32::MAX] {
            let error = refusal(|p| p.crop = size);
            assert_eq!(error, ArchError::PreprocessSize { field: "crop", value: size });
            let error = refusal(|p| p.resize = size);
            assert_eq!(error, ArchError::PreprocessSize { field: "resize", value: size });
        }
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let normalization =
                |e| matches!(e, ArchError::PreprocessNormalization { channel: 1, .. });
            assert!(normalization(refusal(|p| p.mean[1] = number)), "mean {number}");
            assert!(normalization(refusal(|p| p.std[1] = number)), "std {number}");
        }
        for std in [0.0, -1.0, f32::MIN_POSITIVE] {
            assert!(refusal(|p| p.std[2] = std).to_string().contains("channel 2"));
        }
    }
}
