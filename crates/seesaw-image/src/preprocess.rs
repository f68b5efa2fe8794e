//! From an image to the input of a net.

use std::array;

use seesaw_arch::{ArchError, Preprocess};

use crate::{RgbImage, resize};

/// An error of [`preprocess`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// A size, mean or standard deviation is out of range.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// The output does not hold exactly one input of the net.
    #[error("preprocessing: the output holds {found} numbers, and the input of a net {expected}")]
    OutputLen {
        /// `3 * crop * crop`.
        expected: usize,
        /// The length of the slice.
        found: usize,
    },
}

/// Writes an image into `output` as a net's input: planes `[3, crop, crop]`, red first, made square and
/// normalized as `preprocess` says.
///
/// # Errors
/// As [`Preprocess::validate`], and [`PreprocessError::OutputLen`].
pub fn preprocess(
    preprocess: &Preprocess,
    image: &RgbImage,
    output: &mut [f32],
) -> Result<(), PreprocessError> {
    preprocess.validate()?;
    let (expected, found) = (preprocess.output_len(), output.len());
    if found != expected {
        return Err(PreprocessError::OutputLen { expected, found });
    }
    let square =
        resize::to_square(image, preprocess).expect("validated sizes are within resize::MAX_SIDE");
    Normalizer::new(preprocess.mean, preprocess.std).write(&square, output);
    Ok(())
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

    #[test]
    fn hostile_values_are_refused() {
        let image = RgbImage::new(1, 1, vec![0; 3]).unwrap();
        for crop in [0, 4097, u32::MAX] {
            let hostile = Preprocess { crop, ..Preprocess::cifar() };
            let error = preprocess(&hostile, &image, &mut []).unwrap_err();
            assert_eq!(error, hostile.validate().unwrap_err().into());
        }
        // The largest sizes that validation admits can be resized to.
        let largest = Preprocess { resize: resize::MAX_SIDE, crop: 1, ..Preprocess::cifar() };
        preprocess(&largest, &image, &mut [0.0; 3]).unwrap();
        let too_large = Preprocess { resize: resize::MAX_SIDE + 1, ..largest };
        assert!(too_large.validate().is_err());
    }

    #[test]
    fn an_output_of_the_wrong_length_is_refused() {
        let image = RgbImage::new(1, 1, vec![0; 3]).unwrap();
        let error = preprocess(&Preprocess::cifar(), &image, &mut [0.0; 3071]).unwrap_err();
        assert_eq!(error, PreprocessError::OutputLen { expected: 3072, found: 3071 });
    }

    #[test]
    fn planes_are_normalized_each_by_its_channel() {
        let (mean, std) = ([0.5, 0.0, 0.25], [0.5, 2.0, 0.25]);
        let image = RgbImage::new(1, 1, vec![255, 255, 0]).unwrap();
        let mut output = [0.0; 3];
        let one = Preprocess { resize: 1, crop: 1, mean, std, ..Preprocess::cifar() };
        preprocess(&one, &image, &mut output).unwrap();
        assert_eq!(output, [1.0, 0.5, -1.0]);
    }
}
