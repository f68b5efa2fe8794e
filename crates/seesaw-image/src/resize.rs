//! The geometry of torchvision's evaluation: `Resize` of the shorter side, then `CenterCrop`.
//!
//! [`to_square`] also has the alternatives that show the whole photo.
//!
//! The filters are those of PIL images there: bilinear or bicubic, the support widened by the scale
//! when the image shrinks (antialiased). Samples differ from Pillow's by at most 1 of 255, because of
//! shorter fixed-point weights and, where the filter is bilinear, the other order of the two passes.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedCroppedImageMut, TypedImage, TypedImageRef},
    pixels::{F32, U8x3},
};

use seesaw_arch::{Filter, Fit, Preprocess};

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

/// The square of `preprocess.crop` pixels that a net sees of an image, before it is normalized.
///
/// A padded image's shorter side becomes `short * crop / long`, rounded and at least 1, and lies in the
/// middle.
///
/// Returns `None` where a size is 0 or more than [`MAX_SIDE`].
pub fn to_square(image: &RgbImage, preprocess: &Preprocess) -> Option<RgbImage> {
    let Preprocess { resize, crop, filter, fit, .. } = *preprocess;
    match fit {
        Fit::Crop => resize_and_crop(image, resize, crop, filter),
        Fit::Pad | Fit::Squeeze => {
            let side = u64::from(image.width().max(image.height()));
            let whole = Rect { left: 0, top: 0, width: image.width(), height: image.height() };
            let view = match fit {
                Fit::Pad => {
                    let before = |len: u32| (side as i64 - i64::from(len)) as f64 / -2.0;
                    let (left, top) = (before(image.width()), before(image.height()));
                    Rect { left, top, width: side as f64, height: side as f64 }
                }
                _ => whole.to_f64(),
            };
            resize_view(image, &view, crop, filter, preprocess.mean_color())
        }
    }
}

/// Scales a part of the plane on which an image lies to a square of `size` pixels. Where there is no
/// image, the square has this color.
///
/// The image's edges are rounded to pixels of the square, and it has at least one.
///
/// Returns `None` where the part is empty or shows nothing of the image, or `size` is 0 or more than
/// [`MAX_SIDE`].
pub fn resize_view(
    image: &RgbImage,
    view: &Rect<f64>,
    size: u32,
    filter: Filter,
    color: [u8; 3],
) -> Option<RgbImage> {
    if !(1..=MAX_SIDE).contains(&size) {
        return None;
    }
    let across = seen(view.left, view.width, image.width(), size)?;
    let down = seen(view.top, view.height, image.height(), size)?;
    let source = Rect {
        left: across.source,
        top: down.source,
        width: across.source_len,
        height: down.source_len,
    };
    let target =
        Rect { left: across.target, top: down.target, width: across.len, height: down.len };
    let mut square = scale(image, &source, size, &target, filter)?;
    let rows = target.top..target.top + target.height;
    let columns = target.left..target.left + target.width;
    if rows.len() < size as usize || columns.len() < size as usize {
        for (y, row) in (0..).zip(square.pixels_mut().chunks_exact_mut(3 * size as usize)) {
            for (x, pixel) in (0..).zip(row.chunks_exact_mut(3)) {
                if !rows.contains(&y) || !columns.contains(&x) {
                    pixel.copy_from_slice(&color);
                }
            }
        }
    }
    Some(square)
}

/// Which part of a side of `side` pixels is seen from `start` on, and where on a square.
fn seen(start: f64, len: f64, side: u32, size: u32) -> Option<Axis> {
    let source = start.max(0.0);
    let source_len = (start + len).min(f64::from(side)) - source;
    let is_seen = start.is_finite() && len.is_finite() && len > 0.0 && source_len > 0.0;
    if !is_seen {
        return None;
    }
    let scale = f64::from(size) / len;
    let target_len = ((source_len * scale).round() as u32).clamp(1, size);
    let target = (((source - start) * scale).round() as u32).min(size - target_len);
    Some(Axis { source, source_len, target, len: target_len })
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

impl Rect {
    /// The same with fractions.
    pub fn to_f64(self) -> Rect<f64> {
        let Self { left, top, width, height } = self;
        Rect { left: left.into(), top: top.into(), width: width.into(), height: height.into() }
    }
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
    let target = Rect { left: 0, top: 0, width: size, height: size };
    scale(image, &region.to_f64(), size, &target, Filter::Bilinear)
}

/// Scales a whole image down so that its shorter side has `side` pixels, with the bilinear filter of
/// [`resize_and_crop`]. The longer side becomes `long * side / short`, rounded down.
///
/// Returns `None` where `side` is 0 or the shorter side has no more pixels than that.
pub fn shrink(image: &RgbImage, side: u32) -> Option<RgbImage> {
    let short = image.width().min(image.height());
    if side == 0 || side >= short {
        return None;
    }
    let scaled = |len: u32| (u64::from(len) * u64::from(side) / u64::from(short)) as u32;
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let target = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels).ok()?;
    let whole = Rect { left: 0, top: 0, width: image.width(), height: image.height() };
    let to = Rect { left: 0, top: 0, width, height };
    run(image, &whole.to_f64(), target, &to, FilterType::Bilinear)?;
    RgbImage::new(width, height, pixels)
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
    let target = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels).ok()?;
    run(image, &rows, target, &Rect { left: 0, top: 0, width, height }, filter)?;
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
    run(image, from, target, to, filter)?;
    RgbImage::new(size, size, pixels)
}

/// Scales a part of an image to a part of `target`. The types are written out, because the library's
/// functions are compiled for every type of image and pixel.
fn run(
    image: &RgbImage,
    from: &Rect<f64>,
    target: TypedImage<'_, U8x3>,
    to: &Rect,
    filter: FilterType,
) -> Option<()> {
    let mut target =
        TypedCroppedImageMut::new(target, to.left, to.top, to.width, to.height).ok()?;
    let source =
        TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.pixels()).ok()?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
        from.left,
        from.top,
        from.width,
        from.height,
    );
    Resizer::new().resize_typed(&source, &mut target, &options).ok()
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
mod tests;
