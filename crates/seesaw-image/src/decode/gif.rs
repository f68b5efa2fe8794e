//! The first frame of a GIF, with the `gif` crate.

use std::num::NonZeroU64;

use gif::{DecodeOptions, DecodingError, MemoryLimit};

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

/// Peak bytes of memory per pixel: the frame's indices, the canvas's, and RGB.
const BYTES_PER_PIXEL: u64 = 5;

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let mut options = DecodeOptions::new();
    // Metadata is limited by this number; frames are checked below.
    options.set_memory_limit(MemoryLimit::Bytes(
        NonZeroU64::new(bytes.len() as u64 + 1).expect("above 0"),
    ));
    let mut decoder = options.read_info(bytes).map_err(convert)?;
    let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
    let frame = decoder.next_frame_info().map_err(convert)?;
    let frame = frame.ok_or_else(|| damaged("it has no frame"))?;
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let background = frame.transparent.unwrap_or(0);
    let own_palette = frame.palette.clone();

    // As in Pillow, the screen grows where the frame reaches beyond it.
    let width = screen.0.max((left + frame_width) as u32);
    let height = screen.1.max((top + frame_height) as u32);
    let pixels = budget.admit(width, height, BYTES_PER_PIXEL)? as usize;
    if frame_width == 0 || frame_height == 0 {
        return Err(damaged("its first frame has no pixels"));
    }
    let mut indices = vec![0; frame_width * frame_height];
    decoder.read_into_buffer(&mut indices).map_err(convert)?;

    let stride = width as usize;
    let mut canvas = vec![background; pixels];
    for (row, from) in
        canvas.chunks_exact_mut(stride).skip(top).zip(indices.chunks_exact(frame_width))
    {
        row[left..left + frame_width].copy_from_slice(from);
    }
    drop(indices);
    let palette = match &own_palette {
        Some(palette) => palette,
        None => decoder.palette().map_err(convert)?,
    };
    let samples = super::look_up(&canvas, palette);
    Decoded::new(Format::Gif, RgbImage::new(width, height, samples), None)
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::Gif, reason)
}

fn convert(error: DecodingError) -> ImageError {
    match error {
        DecodingError::UnexpectedEof => ImageError::Truncated(Format::Gif),
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated(Format::Gif)
        }
        error => ImageError::damaged(Format::Gif, error),
    }
}
