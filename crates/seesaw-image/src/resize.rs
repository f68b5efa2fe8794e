//! The geometry of torchvision's evaluation: `Resize` of the shorter side, then `CenterCrop`.
//!
//! The filters are those of PIL images there: bilinear or bicubic, the support widened by the scale
//! when the image shrinks (antialiased). Samples differ from Pillow's by at most 1 of 255, because of
//! shorter fixed-point weights and, where the filter is bilinear, the other order of the two passes.

use fast_image_resize::{
    FilterType, ImageViewMut, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedCroppedImageMut, TypedImage, TypedImageRef},
    pixels::{F32, U8x3},
};

use seesaw_arch::Filter;

use crate::RgbImage;

/// The largest side that [`resize_and_crop`] takes for its `resize` and `crop`.
pub const MAX_SIDE: u32 = 4096;

/// Scales the shorter side of an image to `resize` pixels, and cuts `crop` by `crop` pixels from the
/// center, with this filter.
///
/// The longer side becomes `long * resize / short`, rounded down. Where the scaled image is smaller
/// than the crop, the rest is black. Only the pixels in the crop are computed.
///
/// Returns `None` where `resize` or `crop` is 0 or more than [`MAX_SIDE`].
pub fn resize_and_crop(
    image: &RgbImage,
    resize: u32,
    crop: u32,
    filter: Filter,
) -> Option<RgbImage> {
    if !(1..=MAX_SIDE).contains(&resize) || !(1..=MAX_SIDE).contains(&crop) {
        return None;
    }
    let short = image.width().min(image.height());
    let across = Axis::new(image.width(), short, resize, crop);
    let down = Axis::new(image.height(), short, resize, crop);

    let source = Rect {
        left: across.source,
        top: down.source,
        width: across.source_len,
        height: down.source_len,
    };
    let target =
        Rect { left: across.target, top: down.target, width: across.len, height: down.len };
    scale(image, &source, crop, &target, filter)
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect<T = u32> {
    /// Pixels to the left of it.
    pub left: T,
    /// Pixels above it.
    pub top: T,
    /// Pixels across.
    pub width: T,
    /// Pixels down.
    pub height: T,
}

/// Scales a part of an image to a square of `size` pixels, with the bilinear filter of
/// [`resize_and_crop`].
/// Pixels around the part have no influence.
///
/// Returns `None` where the part is empty or reaches beyond the image, or `size` is 0 or more than
/// [`MAX_SIDE`].
pub fn resize_region(image: &RgbImage, region: &Rect, size: u32) -> Option<RgbImage> {
    if !(1..=MAX_SIDE).contains(&size) {
        return None;
    }
    let source = Rect {
        left: region.left.into(),
        top: region.top.into(),
        width: region.width.into(),
        height: region.height.into(),
    };
    let target = Rect { left: 0, top: 0, width: size, height: size };
    scale(image, &source, size, &target, Filter::Bilinear)
}

/// Scales square planes `[n, from, from]` to `[n, to, to]`, each on its own, with the bilinear filter of
/// [`resize_and_crop`].
///
/// Returns `None` where `planes` does not hold whole planes, or a side is 0 or more than
/// [`MAX_SIDE`].
pub fn resize_planes(planes: &[f32], from: usize, to: usize) -> Option<Vec<f32>> {
    let [side, size] = [from, to].map(|side| u32::try_from(side).unwrap_or(0));
    let sized = [side, size].iter().all(|side| (1..=MAX_SIDE).contains(side));
    if !sized || !planes.len().is_multiple_of(from * from) {
        return None;
    }
    let mut scaled = Vec::with_capacity(planes.len() / (from * from) * to * to);
    let mut resizer = Resizer::new();
    let mut target = TypedImage::<F32>::new(size, size);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    for plane in planes.chunks_exact(from * from) {
        let plane: Vec<F32> = plane.iter().map(|&sample| F32::new(sample)).collect();
        let source = TypedImageRef::new(side, side, &plane).ok()?;
        resizer.resize_typed(&source, &mut target, &options).ok()?;
        scaled.extend(target.pixels().iter().map(|pixel| pixel.0));
    }
    Some(scaled)
}

/// Scales a part of an image to a part of a black square of `size` pixels.
fn scale(
    image: &RgbImage,
    from: &Rect<f64>,
    size: u32,
    to: &Rect,
    filter: Filter,
) -> Option<RgbImage> {
    match filter {
        Filter::Bilinear => convolve(image, from, size, to, FilterType::Bilinear),
        Filter::Bicubic => {
            // Its samples overshoot and are clipped after each pass, so the order of the passes shows:
            // Pillow's is across, then down. Cubic convolution with a = -0.5 is this spline.
            let (rows, from) = across(image, from, to, FilterType::CatmullRom)?;
            convolve(&rows, &from, size, to, FilterType::CatmullRom)
        }
    }
}

/// Scales a part of an image across alone, to the width of `to`. Returns the rows that scaling it down
/// will read, and where the part is among them.
fn across(
    image: &RgbImage,
    from: &Rect<f64>,
    to: &Rect,
    filter: FilterType,
) -> Option<(RgbImage, Rect<f64>)> {
    let width = to.width;
    // The filter reaches two pixels of the result in either direction, and never less than two of the
    // source.
    let reach = 2.0 * (from.height / f64::from(to.height)).max(1.0) + 1.0;
    let first = (from.top - reach).floor().max(0.0);
    let end = (from.top + from.height + reach).ceil().min(f64::from(image.height()));
    let rows = Rect { left: from.left, top: first, width: from.width, height: end - first };
    let height = (end - first) as u32;
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels).ok()?;
    run(image, &rows, &mut target, filter)?;
    let part = Rect { left: 0.0, top: from.top - first, width: width.into(), height: from.height };
    Some((RgbImage::new(width, height, pixels)?, part))
}

/// Both passes at once.
fn convolve(
    image: &RgbImage,
    from: &Rect<f64>,
    size: u32,
    to: &Rect,
    filter: FilterType,
) -> Option<RgbImage> {
    let mut pixels = vec![0; 3 * (size as usize).pow(2)];
    let target = TypedImage::<U8x3>::from_buffer(size, size, &mut pixels).ok()?;
    let mut target =
        TypedCroppedImageMut::new(target, to.left, to.top, to.width, to.height).ok()?;
    run(image, from, &mut target, filter)?;
    RgbImage::new(size, size, pixels)
}

/// Scales a part of an image to all of `target`. The pixel types are written out, because the library's
/// general functions are compiled for every type of pixel.
fn run(
    image: &RgbImage,
    from: &Rect<f64>,
    target: &mut impl ImageViewMut<Pixel = U8x3>,
    filter: FilterType,
) -> Option<()> {
    let source =
        TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.pixels()).ok()?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
        from.left,
        from.top,
        from.width,
        from.height,
    );
    Resizer::new().resize_typed(&source, target, &options).ok()
}

/// The part of one side of the image that the crop shows.
#[derive(Debug, PartialEq)]
struct Axis {
    /// Where the part begins in the source image, and its length there.
    source: f64,
    source_len: f64,
    /// Where the part begins in the crop, and its length there.
    target: u32,
    len: u32,
}

impl Axis {
    /// For an image with a side of `side`, whose shorter side is `short`.
    fn new(side: u32, short: u32, resize: u32, crop: u32) -> Self {
        // At most 2^32 * 2^12: exact as an integer and as a float.
        let scaled = u64::from(side) * u64::from(resize) / u64::from(short);
        let (start, target) = match scaled.checked_sub(u64::from(crop)) {
            Some(excess) => (half_to_even(excess), 0),
            None => (0, (crop - scaled as u32) / 2),
        };
        let len = scaled.min(u64::from(crop)) as u32;
        let scale = f64::from(side) / scaled as f64;
        let source = start as f64 * scale;
        // Rounding must not reach past the edge.
        let source_len = (f64::from(len) * scale).min(f64::from(side) - source);
        Self { source, source_len, target, len }
    }
}

/// Half of `n`, rounded to even: Python's `round(n / 2)`.
fn half_to_even(n: u64) -> u64 {
    let half = n / 2;
    half + ((n % 2) & (half % 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crop_begins_where_torchvisions_does() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(half_to_even), [0, 0, 1, 2, 2, 2, 3, 4]);
        // 500x375 to 341x256: the crop of 224 begins at round(58.5) = 58.
        let axis = Axis::new(500, 375, 256, 224);
        assert_eq!((axis.target, axis.len), (0, 224));
        assert!((axis.source - 58.0 * 500.0 / 341.0).abs() < 1e-9);
        // Padding: 10 to 13 leaves 3, of which 1 is before.
        let axis = Axis::new(10, 10, 10, 13);
        assert_eq!(axis, Axis { source: 0.0, source_len: 10.0, target: 1, len: 10 });
    }

    #[test]
    fn a_picture_of_the_right_size_is_left_alone() {
        let image = RgbImage::new(3, 2, (0..18).collect()).unwrap();
        let cut = resize_and_crop(&image, 2, 2, Filter::Bilinear).unwrap();
        // round(0.5) is 0.
        assert_eq!(cut.pixels(), [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]);
    }

    #[test]
    fn planes_are_scaled_one_by_one_as_pictures_are() {
        let samples: Vec<u8> = (0..2 * 25).map(|i| (i * 37 % 251) as u8).collect();
        let planes: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
        let whole = Rect { left: 0, top: 0, width: 5, height: 5 };
        for size in [3, 5, 12] {
            let scaled = resize_planes(&planes, 5, size).unwrap();
            for (plane, scaled) in samples.chunks(25).zip(scaled.chunks(size * size)) {
                let gray = plane.iter().flat_map(|&sample| [sample; 3]).collect();
                let image = RgbImage::new(5, 5, gray).unwrap();
                let expected = resize_region(&image, &whole, size as u32).unwrap();
                for (sample, pixel) in scaled.iter().zip(expected.pixels().chunks(3)) {
                    assert!((sample - f32::from(pixel[0])).abs() <= 1.0, "{sample}, {pixel:?}");
                }
            }
        }
        assert_eq!(resize_planes(&planes, 5, 5).unwrap(), planes);
        assert_eq!(resize_planes(&planes[1..], 5, 6), None);
        assert_eq!(resize_planes(&planes, 5, 0), None);
    }

    #[test]
    fn extreme_shapes_cost_no_more_than_the_crop() {
        for (width, height) in [(1, 65_535), (65_535, 1), (1, 1)] {
            let image = RgbImage::new(width, height, vec![77; 3 * (width * height) as usize]);
            let cut = resize_and_crop(&image.unwrap(), 256, 224, Filter::Bicubic).unwrap();
            assert!(cut.pixels().iter().all(|&sample| sample == 77), "{width}x{height}");
        }
    }

    #[test]
    fn sizes_out_of_range_give_nothing() {
        let image = RgbImage::new(1, 1, vec![0; 3]).unwrap();
        for (resize, crop) in [(0, 1), (1, 0), (MAX_SIDE + 1, 1), (1, u32::MAX)] {
            assert!(
                resize_and_crop(&image, resize, crop, Filter::Bilinear).is_none(),
                "{resize}, {crop}"
            );
        }
    }
}
