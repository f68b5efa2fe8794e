//! What a net wants of its input.

use std::array;

use serde::{Deserialize, Serialize};

use crate::{RgbImage, resize};

/// From a picture to the input of a net: torchvision's `Resize(resize)`, `CenterCrop(crop)`,
/// `ToTensor()`, `Normalize(mean, std)`.
///
/// It travels with the weights, in their metadata. Fields that are not known are refused: they
/// would change what the net sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Pixels of the shorter side after scaling.
    pub resize: u32,
    /// Pixels of both sides of the input, cut from the center.
    pub crop: u32,
    /// Mean of red, green and blue, where 1 is full brightness.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue, where 1 is full brightness.
    pub std: [f32; 3],
}

/// Why a picture cannot be prepared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// A size is 0 or too large.
    #[error("preprocessing: `{field}` is {value}, and must be from 1 to {}", resize::MAX_SIDE)]
    Size {
        /// `resize` or `crop`.
        field: &'static str,
        /// The size.
        value: u32,
    },
    /// The mean or standard deviation would make no sense of a sample.
    #[error(
        "preprocessing: channel {channel} has mean {mean} and std {std}; both must be finite, at most 1000, and std at least 0.00001"
    )]
    Normalization {
        /// 0, 1 or 2 for red, green or blue.
        channel: usize,
        /// Its mean.
        mean: f32,
        /// Its standard deviation.
        std: f32,
    },
    /// The output does not hold one input of the net.
    #[error("preprocessing: the output holds {found} numbers, and the picture makes {expected}")]
    OutputLen {
        /// `3 * crop * crop`.
        expected: usize,
        /// The length of the slice.
        found: usize,
    },
}

impl Preprocess {
    /// ImageNet's evaluation at `size` pixels: a crop of 7/8 of the scaled picture, 224 from 256.
    pub fn imagenet(size: u32) -> Self {
        Self {
            resize: ((u64::from(size) * 256 + 112) / 224).try_into().unwrap_or(u32::MAX),
            crop: size,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// CIFAR-10's evaluation at its own 32 pixels: the mean and standard deviation over all
    /// pixels of the training set.
    pub fn cifar() -> Self {
        Self { resize: 32, crop: 32, mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] }
    }

    /// Numbers that [`apply`](Self::apply) writes: `3 * crop * crop`.
    pub fn output_len(&self) -> usize {
        let crop = self.crop as usize;
        crop.saturating_mul(crop).saturating_mul(3)
    }

    /// Checks values that came from a file.
    ///
    /// # Errors
    /// [`PreprocessError::Size`] and [`PreprocessError::Normalization`].
    pub fn validate(&self) -> Result<(), PreprocessError> {
        for (field, value) in [("resize", self.resize), ("crop", self.crop)] {
            if !(1..=resize::MAX_SIDE).contains(&value) {
                return Err(PreprocessError::Size { field, value });
            }
        }
        for (channel, (&mean, &std)) in self.mean.iter().zip(&self.std).enumerate() {
            if !(-1e3..=1e3).contains(&mean) || !(1e-5..=1e3).contains(&std) {
                return Err(PreprocessError::Normalization { channel, mean, std });
            }
        }
        Ok(())
    }

    /// Writes the picture into `output` as planes `[3, crop, crop]`, red first.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`PreprocessError::OutputLen`].
    pub fn apply(&self, image: &RgbImage, output: &mut [f32]) -> Result<(), PreprocessError> {
        self.validate()?;
        let mismatch =
            PreprocessError::OutputLen { expected: self.output_len(), found: output.len() };
        if output.len() != self.output_len() {
            return Err(mismatch);
        }
        let cut = resize::resize_and_crop(image, self.resize, self.crop).ok_or(mismatch)?;
        Normalizer::new(self.mean, self.std).write(&cut, output);
        Ok(())
    }
}

/// The normalized value of each of the 256 samples, by channel: `(sample / 255 - mean) / std`.
#[derive(Debug, Clone)]
pub struct Normalizer([[f32; 256]; 3]);

impl Normalizer {
    /// Computes the tables for a mean and a standard deviation of red, green and blue.
    pub fn new(mean: [f32; 3], std: [f32; 3]) -> Self {
        let number = |channel, sample| (sample as f32 / 255.0 - mean[channel]) / std[channel];
        Self(array::from_fn(|channel| array::from_fn(|sample| number(channel, sample))))
    }

    /// Writes an image as planes `[3, height, width]`, red first.
    ///
    /// # Panics
    /// Where `output` is not `3 * height * width` long.
    pub fn write(&self, image: &RgbImage, output: &mut [f32]) {
        assert_eq!(output.len(), image.pixels().len(), "the output holds the whole image");
        let plane_len = image.pixels().len() / 3;
        let (red, rest) = output.split_at_mut(plane_len);
        let (green, blue) = rest.split_at_mut(plane_len);
        let planes = red.iter_mut().zip(green).zip(blue);
        let [reds, greens, blues] = &self.0;
        for (((red, green), blue), pixel) in planes.zip(image.pixels().chunks_exact(3)) {
            *red = reds[usize::from(pixel[0])];
            *green = greens[usize::from(pixel[1])];
            *blue = blues[usize::from(pixel[2])];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl Fn(&mut Preprocess)) -> PreprocessError {
        let mut preprocess = Preprocess::cifar();
        change(&mut preprocess);
        let image = RgbImage::new(1, 1, vec![0; 3]).unwrap();
        let applied = preprocess.apply(&image, &mut []).unwrap_err();
        // Compared as text, because NaN is not equal to itself.
        assert_eq!(preprocess.validate().unwrap_err().to_string(), applied.to_string());
        applied
    }

    #[test]
    fn imagenet_crops_seven_eighths() {
        for (size, resize) in [(224, 256), (160, 183), (128, 146), (192, 219)] {
            assert_eq!(Preprocess::imagenet(size).resize, resize);
        }
        assert!(Preprocess::imagenet(u32::MAX).validate().is_err());
    }

    #[test]
    fn hostile_values_are_refused() {
        for size in [0, 4097, u32::MAX] {
            let error = refused(|p| p.crop = size);
            assert_eq!(error, PreprocessError::Size { field: "crop", value: size });
            let error = refused(|p| p.resize = size);
            assert_eq!(error, PreprocessError::Size { field: "resize", value: size });
        }
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let normalization = |e| matches!(e, PreprocessError::Normalization { channel: 1, .. });
            assert!(normalization(refused(|p| p.mean[1] = number)), "mean {number}");
            assert!(normalization(refused(|p| p.std[1] = number)), "std {number}");
        }
        for std in [0.0, -1.0, f32::MIN_POSITIVE] {
            assert!(refused(|p| p.std[2] = std).to_string().contains("channel 2"));
        }
    }

    #[test]
    fn an_output_of_the_wrong_length_is_refused() {
        let image = RgbImage::new(1, 1, vec![0; 3]).unwrap();
        let error = Preprocess::cifar().apply(&image, &mut [0.0; 3071]).unwrap_err();
        assert_eq!(error, PreprocessError::OutputLen { expected: 3072, found: 3071 });
    }

    #[test]
    fn planes_are_normalized_each_by_its_channel() {
        let preprocess =
            Preprocess { resize: 1, crop: 1, mean: [0.5, 0.0, 0.25], std: [0.5, 2.0, 0.25] };
        let image = RgbImage::new(1, 1, vec![255, 255, 0]).unwrap();
        let mut output = [0.0; 3];
        preprocess.apply(&image, &mut output).unwrap();
        assert_eq!(output, [1.0, 0.5, -1.0]);
    }

    #[test]
    fn metadata_goes_out_and_comes_back() {
        let preprocess = Preprocess::imagenet(160);
        let json = serde_json::to_string(&preprocess).unwrap();
        assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), preprocess);
        let unknown = json.replace("\"resize\"", "\"mode\":\"bicubic\",\"resize\"");
        assert!(serde_json::from_str::<Preprocess>(&unknown).is_err());
    }
}
