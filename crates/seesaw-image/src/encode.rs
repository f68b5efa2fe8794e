//! Encoding images as JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::RgbImage;

/// An image that cannot be a JPEG.
#[derive(Debug, thiserror::Error)]
#[error("{width} x {height} pixels, and a JPEG has at most 65535 on a side")]
pub struct EncodeError {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Encodes an image as a baseline JPEG of this quality, 1 to 100 on the scale of libjpeg; other values
/// count as the nearest of these. Chroma has half the resolution in both directions, as in most
/// photos. Huffman tables are optimized for the image, which changes no pixel.
///
/// # Errors
/// [`EncodeError`].
pub fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = (image.width(), image.height());
    let error = EncodeError { width, height };
    let (Ok(across), Ok(down)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(error);
    };
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    // Writing to memory does not fail, and the sizes are checked.
    encoder.encode(image.pixels(), across, down, ColorType::Rgb).map_err(|_| error)?;
    Ok(bytes)
}

#[cfg(all(test, feature = "decode"))]
mod tests {
    use super::*;
    use crate::{Limits, decode};

    /// Colors that change slowly.
    fn gradient(width: u32, height: u32) -> RgbImage {
        let pixels = (0..width * height)
            .flat_map(|i| [(i % width * 255 / width) as u8, (i / width * 255 / height) as u8, 99]);
        RgbImage::new(width, height, pixels.collect()).unwrap()
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for (width, height) in [(64, 48), (17, 31), (1, 1)] {
            let image = gradient(width, height);
            let decoded = decode::decode(&jpeg(&image, 90).unwrap(), &Limits::default()).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
            let worst =
                image.pixels().iter().zip(decoded.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst.unwrap() <= 16, "{width} x {height}: {worst:?}");
        }
    }

    #[test]
    fn quality_buys_bytes() {
        let image = gradient(64, 64);
        let [low, high] = [30, 95].map(|quality| jpeg(&image, quality).unwrap().len());
        assert!(low < high, "{low} {high}");
        assert_eq!(jpeg(&image, 0).unwrap(), jpeg(&image, 1).unwrap());
        assert_eq!(jpeg(&image, 255).unwrap(), jpeg(&image, 100).unwrap());
    }

    #[test]
    fn long_images_are_refused() {
        let image = RgbImage::new(65_536, 1, vec![0; 3 * 65_536]).unwrap();
        let error = jpeg(&image, 90).unwrap_err().to_string();
        assert!(error.contains("65536 x 1"), "{error}");
    }
}
