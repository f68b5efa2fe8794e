//! Netpbm: PBM, PGM and PPM as text (P1 to P3) and binary (P4 to P6), and PAM (P7). The format is a
//! header in text and bare samples; the one small crate for it reads only the binary kinds.

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

const TRUNCATED: ImageError = ImageError::Truncated(Format::Pnm);

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let mut scanner = Scanner { rest: bytes.get(2..).unwrap_or_default() };
    let header = match bytes.get(1) {
        Some(b'7') => Header::read_pam(&mut scanner)?,
        Some(kind) => Header::read(*kind, &mut scanner)?,
        None => return Err(TRUNCATED),
    };
    let pixels = budget.admit(header.width, header.height, 3 + header.channels as u64)? as usize;
    let samples = header.samples(&mut scanner, pixels * header.channels)?;
    let samples = match header.channels {
        1 | 2 => samples.chunks_exact(header.channels).flat_map(|pixel| [pixel[0]; 3]).collect(),
        4 => samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        _ => samples,
    };
    Decoded::new(Format::Pnm, RgbImage::new(header.width, header.height, samples), None)
}

/// How the samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Numbers in text.
    Text,
    /// Digits in text, each a pixel; 1 is black.
    TextBits,
    /// One byte, or two where the largest sample needs them, high byte first.
    Binary,
    /// Eight pixels a byte, in rows that end with a byte; 1 is black.
    Bits,
}

#[derive(Debug)]
struct Header {
    width: u32,
    height: u32,
    /// 1 to 4: gray, gray and alpha, RGB, RGBA.
    channels: usize,
    /// The sample that stands for full brightness.
    largest: u32,
    encoding: Encoding,
}

impl Header {
    fn read(kind: u8, scanner: &mut Scanner) -> Result<Self, ImageError> {
        let (channels, encoding) = match kind {
            b'1' => (1, Encoding::TextBits),
            b'2' => (1, Encoding::Text),
            b'3' => (3, Encoding::Text),
            b'4' => (1, Encoding::Bits),
            b'5' => (1, Encoding::Binary),
            _ => (3, Encoding::Binary),
        };
        let (width, height) = (scanner.number()?, scanner.number()?);
        let bits = matches!(encoding, Encoding::Bits | Encoding::TextBits);
        let largest = if bits { 1 } else { scanner.number()? };
        if encoding != Encoding::TextBits {
            // One white space ends the header; a sample may look like white space.
            scanner.skip_one();
        }
        Self { width, height, channels, largest, encoding }.check()
    }

    /// The header of a PAM: lines of a name and a value.
    fn read_pam(scanner: &mut Scanner) -> Result<Self, ImageError> {
        let mut header =
            Self { width: 0, height: 0, channels: 0, largest: 0, encoding: Encoding::Binary };
        loop {
            match scanner.word()? {
                b"WIDTH" => header.width = scanner.number()?,
                b"HEIGHT" => header.height = scanner.number()?,
                b"DEPTH" => header.channels = scanner.number()? as usize,
                b"MAXVAL" => header.largest = scanner.number()?,
                b"TUPLTYPE" => drop(scanner.word()?),
                b"ENDHDR" => break,
                _ => return Err(damaged("its header has an unknown line")),
            }
        }
        scanner.skip_one();
        header.check()
    }

    fn check(self) -> Result<Self, ImageError> {
        if self.width == 0 || self.height == 0 {
            return Err(damaged("it has no pixels"));
        }
        if !(1..=0xFFFF).contains(&self.largest) {
            return Err(damaged("its largest sample is not from 1 to 65535"));
        }
        if !(1..=4).contains(&self.channels) {
            let what = format!("a PAM of {} samples a pixel", self.channels);
            return Err(ImageError::Unsupported(what));
        }
        Ok(self)
    }

    /// This many samples, scaled to 255.
    fn samples(&self, scanner: &mut Scanner, count: usize) -> Result<Vec<u8>, ImageError> {
        match self.encoding {
            Encoding::Text => (0..count)
                .map(|_| Ok(self.scale(scanner.number()?)))
                .collect::<Result<_, ImageError>>(),
            Encoding::TextBits => {
                (0..count).map(|_| Ok(if scanner.digit()? == b'0' { 255 } else { 0 })).collect()
            }
            Encoding::Bits => {
                let width = self.width as usize;
                let row_len = width.div_ceil(8);
                let stored = scanner.rest.get(..row_len * self.height as usize).ok_or(TRUNCATED)?;
                let bit = |row: &[u8], x: usize| row[x / 8] >> (7 - x % 8) & 1;
                let rows = stored.chunks_exact(row_len);
                Ok(rows.flat_map(|row| (0..width).map(move |x| 255 * (1 - bit(row, x)))).collect())
            }
            Encoding::Binary if self.largest < 256 => {
                let stored = scanner.rest.get(..count).ok_or(TRUNCATED)?;
                Ok(stored.iter().map(|&sample| self.scale(sample.into())).collect())
            }
            Encoding::Binary => {
                let stored = scanner.rest.get(..2 * count).ok_or(TRUNCATED)?;
                let sample = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair[1]);
                Ok(stored.chunks_exact(2).map(|pair| self.scale(sample(pair))).collect())
            }
        }
    }

    /// A sample in 255ths, rounded; the high byte of those of 16 bits, as in the other formats.
    fn scale(&self, sample: u32) -> u8 {
        match self.largest {
            255 => sample.min(255) as u8,
            0xFFFF => (sample >> 8) as u8,
            largest => ((sample.min(largest) * 255 + largest / 2) / largest) as u8,
        }
    }
}

/// Reads words and numbers. `#` begins a comment, which ends with its line.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn skip_one(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn skip_space(&mut self) {
        loop {
            match self.rest.first() {
                Some(b'#') => {
                    let line = self.rest.iter().position(|&byte| matches!(byte, b'\n' | b'\r'));
                    self.rest = &self.rest[line.unwrap_or(self.rest.len())..];
                }
                Some(byte) if byte.is_ascii_whitespace() || *byte == 0x0B => self.skip_one(),
                _ => return,
            }
        }
    }

    fn word(&mut self) -> Result<&'a [u8], ImageError> {
        self.skip_space();
        let len = self.rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'#');
        let (word, rest) = self.rest.split_at(len.unwrap_or(self.rest.len()));
        self.rest = rest;
        if word.is_empty() { Err(TRUNCATED) } else { Ok(word) }
    }

    fn number(&mut self) -> Result<u32, ImageError> {
        let word = self.word()?;
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        number.ok_or_else(|| damaged("a number is not one"))
    }

    fn digit(&mut self) -> Result<u8, ImageError> {
        self.skip_space();
        let digit = *self.rest.first().ok_or(TRUNCATED)?;
        self.skip_one();
        if matches!(digit, b'0' | b'1') { Ok(digit) } else { Err(damaged("a pixel is not 0 or 1")) }
    }
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::Pnm, reason)
}
