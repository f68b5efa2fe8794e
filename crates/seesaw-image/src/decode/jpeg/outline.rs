//! What the markers of a JPEG say (ITU-T T.81, annex B).

use std::ops::Range;

use super::{BLOCK, damaged};
use crate::decode::{Format, ImageError};

const TRUNCATED: ImageError = ImageError::Truncated(Format::Jpeg);

/// The colors of the samples, by libjpeg's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    Gray,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// A component of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub id: u8,
    /// Horizontal and vertical sampling factor, 1 to 4.
    pub factors: (u8, u8),
}

/// What the markers up to the end of the image say.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outline {
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
    pub progressive: bool,
    /// Whether the coefficients of the whole image are kept until the last scan, as in progressive
    /// files and where the components are stored one after the other.
    pub keeps_coefficients: bool,
    /// Bytes of application segments, which the decoder copies.
    metadata_bytes: u64,
    /// Whether there is a JFIF segment.
    jfif: bool,
    /// The color transform in Adobe's segment.
    adobe: Option<u8>,
    /// The first EXIF block.
    pub exif: Option<Range<usize>>,
    /// The file without bytes that belong to no segment, in order; whether there are such bytes.
    pub parts: Vec<Range<usize>>,
    pub has_junk: bool,
}

impl Outline {
    /// Reads the markers up to the end of the image, as far as they go: the outline also where it ends
    /// with an error.
    pub fn read(bytes: &[u8]) -> (Self, Result<(), ImageError>) {
        let mut outline = Self::default();
        let result = outline.read_markers(bytes);
        (outline, result)
    }

    fn read_markers(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        let mut at = 2;
        self.parts.push(0..at);
        let mut in_scan = false;
        loop {
            let marker = Marker::after(bytes, at).ok_or(TRUNCATED)?;
            if in_scan {
                self.parts.push(at..marker.at);
            } else {
                self.has_junk |= bytes[at..marker.at].iter().any(|&byte| byte != 0xFF);
            }
            if marker.code == 0xD9 {
                self.parts.push(marker.at..marker.end);
                return if self.width == 0 {
                    Err(damaged("it ends before its image"))
                } else {
                    Ok(())
                };
            }
            let payload = marker.payload(bytes)?;
            self.read_segment(marker.code, &bytes[payload.clone()], payload.start)?;
            self.parts.push(marker.at..payload.end);
            at = payload.end;
            in_scan = marker.code == 0xDA;
        }
    }

    fn read_segment(&mut self, code: u8, payload: &[u8], at: usize) -> Result<(), ImageError> {
        match code {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => self.start_of_frame(code, payload)?,
            0xDA => self.start_of_scan(payload)?,
            0xE0..=0xEF => {
                self.metadata_bytes += payload.len() as u64 + 2;
                match code {
                    0xE0 if payload.starts_with(b"JFIF\0") => self.jfif = true,
                    0xE1 if payload.starts_with(b"Exif\0\0") && self.exif.is_none() => {
                        self.exif = Some(at..at + payload.len());
                    }
                    0xEE if payload.len() >= 12 && payload.starts_with(b"Adobe") => {
                        self.adobe = Some(payload[11]);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn start_of_frame(&mut self, marker: u8, payload: &[u8]) -> Result<(), ImageError> {
        let unsupported = |what: &str| Err(ImageError::Unsupported(what.into()));
        match marker {
            0xC0..=0xC2 => {}
            0xC9 | 0xCA => return unsupported("a JPEG with arithmetic coding"),
            0xC3 => return unsupported("a lossless JPEG"),
            _ => return unsupported("a hierarchical JPEG"),
        }
        if self.width != 0 {
            return Err(damaged("it has two headers"));
        }
        let &[precision, h1, h0, w1, w0, count, ref components @ ..] = payload else {
            return Err(damaged("its header is too short"));
        };
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if width == 0 || height == 0 {
            return Err(damaged("it has no pixels"));
        }
        if components.len() != 3 * usize::from(count) {
            return Err(damaged("its header has the wrong length"));
        }
        if precision != 8 {
            return unsupported(&format!("a JPEG of {precision} bits a sample"));
        }
        if ![1, 3, 4].contains(&count) {
            return unsupported(&format!("a JPEG of {count} components"));
        }
        let factors = |byte: u8| (byte >> 4, byte & 15);
        if components.chunks_exact(3).any(|component| {
            let (h, v) = factors(component[1]);
            !(1..=4).contains(&h) || !(1..=4).contains(&v)
        }) {
            return Err(damaged("its sampling factors are not from 1 to 4"));
        }
        (self.width, self.height) = (width, height);
        self.progressive = marker == 0xC2;
        self.keeps_coefficients = self.progressive;
        self.components = components
            .chunks_exact(3)
            .map(|component| Component { id: component[0], factors: factors(component[1]) })
            .collect();
        Ok(())
    }

    fn start_of_scan(&mut self, payload: &[u8]) -> Result<(), ImageError> {
        if self.width == 0 {
            return Err(damaged("its image comes before its header"));
        }
        let components = payload.first().map_or(0, |&count| usize::from(count));
        self.keeps_coefficients |= components < self.components.len();
        Ok(())
    }

    /// The largest sampling factors.
    pub fn max_factors(&self) -> (u8, u8) {
        self.components.iter().fold((1, 1), |(h, v), c| (h.max(c.factors.0), v.max(c.factors.1)))
    }

    /// Whether a scan of one component has another number of blocks than jpeg-decoder reads: as many as
    /// fill up the interleaved units, but for those that are past the full image's edge.
    pub fn blocks_differ(&self) -> bool {
        let (h_max, v_max) = self.max_factors();
        let differ = |side: u16, factor: u8, max: u8| {
            let (side, factor, max) = (usize::from(side), usize::from(factor), usize::from(max));
            let right = (side * factor).div_ceil(max).div_ceil(8);
            let read = (side.div_ceil(8 * max) * factor).min(side.div_ceil(8));
            right != read
        };
        self.components.iter().any(|Component { factors: (h, v), .. }| {
            differ(self.width, *h, h_max) || differ(self.height, *v, v_max)
        })
    }

    /// What the samples are, by libjpeg's rules (jdapimin.c, `default_decompress_parms`).
    pub fn color(&self) -> Color {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        match (self.components.len(), self.adobe) {
            (1, _) => Color::Gray,
            (3, _) if self.jfif => Color::YCbCr,
            (3, Some(0)) => Color::Rgb,
            (3, Some(_)) => Color::YCbCr,
            (3, None) if ids == *b"RGB" => Color::Rgb,
            (3, None) => Color::YCbCr,
            (_, None | Some(0)) => Color::Cmyk,
            _ => Color::Ycck,
        }
    }

    /// Whether zune-jpeg's own rules for colors, which differ for contradictory markers, give the same.
    pub fn color_is_plain(&self) -> bool {
        let rgb_ids = self.components.iter().map(|component| component.id).eq(*b"RGB");
        match (self.components.len(), self.adobe) {
            (1, adobe) => adobe.is_none(),
            (3, Some(0)) => !self.jfif,
            (3, None) => !(self.jfif && rgb_ids),
            (3, Some(1 | 2)) => !rgb_ids,
            (4, None | Some(0 | 2)) => true,
            _ => false,
        }
    }

    /// Bytes of the coefficients of the image, and of one row of blocks of them.
    fn coefficient_bytes(&self) -> (u64, u64) {
        let (h_max, v_max) = self.max_factors();
        let blocks: u64 = self
            .components
            .iter()
            .map(|component| u64::from(component.factors.0) * u64::from(component.factors.1))
            .sum();
        let across = u64::from(self.width).div_ceil(BLOCK * u64::from(h_max));
        let row = across * blocks * BLOCK * BLOCK * size_of::<i16>() as u64;
        (row * u64::from(self.height).div_ceil(BLOCK * u64::from(v_max)), row)
    }

    /// Peak bytes of memory while zune-jpeg decodes, including the image but not the file.
    pub fn peak_bytes(&self) -> u64 {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let (h_max, v_max) = self.max_factors();
        let (all, row) = self.coefficient_bytes();
        // A row of blocks is decoded, and upsampled to the full size of each component.
        let upsampled = width.next_multiple_of(BLOCK * u64::from(h_max))
            * BLOCK
            * u64::from(v_max)
            * (size_of::<i16>() * self.components.len()) as u64;
        let coefficients = if self.keeps_coefficients { all } else { 0 };
        3 * width * height + coefficients + row + upsampled + 2 * self.metadata_bytes
    }

    /// Peak bytes of memory while jpeg-decoder decodes at 1/`divisor`.
    ///
    /// It keeps all coefficients of a progressive file. Rows of them wait for the threads that transform
    /// them, which are faster than the codes of a photo can be read; only a file that is made for it, such
    /// as one of a single color, can have more of them waiting, at most as many again.
    pub fn scaled_peak_bytes(&self, divisor: u64) -> u64 {
        let (all, row) = self.coefficient_bytes();
        let side = BLOCK / divisor;
        // Planes of one byte a coefficient, and then the image as well.
        let planes = all / size_of::<i16>() as u64 / (BLOCK * BLOCK) * side * side;
        let [width, height] =
            [self.width, self.height].map(|full| u64::from(full).div_ceil(divisor));
        let channels = self.components.len().max(3) as u64;
        all + row + planes + channels * width * height + 2 * self.metadata_bytes
    }
}

/// A marker: where its last 0xFF is, its second byte, and where it ends.
pub(super) struct Marker {
    pub at: usize,
    pub code: u8,
    pub end: usize,
}

impl Marker {
    /// The next marker with a length, or of the end, from `at` on. Restart marks are part of a scan;
    /// elsewhere, they and other markers without a length mean nothing.
    pub fn after(bytes: &[u8], mut at: usize) -> Option<Self> {
        loop {
            at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
            let fill = bytes[at..].iter().position(|&byte| byte != 0xFF)?;
            let (code, end) = (bytes[at + fill], at + fill + 1);
            match code {
                0x00 | 0x01 | 0xD0..=0xD8 => at = end,
                _ => return Some(Self { at: end - 2, code, end }),
            }
        }
    }

    /// Where the segment's content is.
    pub fn payload(&self, bytes: &[u8]) -> Result<Range<usize>, ImageError> {
        let len = bytes.get(self.end..).and_then(<[u8]>::first_chunk);
        let len = usize::from(u16::from_be_bytes(*len.ok_or(TRUNCATED)?));
        if len < 2 {
            return Err(damaged("a segment has no length"));
        }
        if bytes.len() < self.end + len {
            return Err(TRUNCATED);
        }
        Ok(self.end + 2..self.end + len)
    }
}
