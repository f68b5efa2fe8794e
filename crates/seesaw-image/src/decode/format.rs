//! What a file is, by its first bytes.

use std::fmt;

use super::ImageError;

/// A supported image format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Baseline and progressive, gray, YCbCr, RGB, CMYK, YCCK, 8 bits a sample.
    Jpeg,
    /// All color types and bit depths; of an animation, the default image.
    Png,
    /// Lossy and lossless, with or without alpha; of an animation, the first frame.
    WebP,
    /// 1, 4, 8, 16, 24 and 32 bits a pixel, run-length encoded or not.
    Bmp,
    /// The first frame.
    Gif,
    /// The first page: gray, palette, RGB, CMYK and JPEG's YCbCr, 1 to 16 bits a sample, in strips or
    /// tiles.
    Tiff,
    /// Netpbm: PBM, PGM, PPM and PAM, as text and binary.
    Pnm,
    /// Photos of phones, coded with HEVC: the primary image, 8 to 12 bits a sample, in one piece or tiles.
    Heic,
}

impl Format {
    /// The extensions of files in these formats, in lower case. What a file is, its content decides.
    pub const EXTENSIONS: &[&str] = &[
        "jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "mpo", "png", "apng", "webp", "bmp", "dib",
        "gif", "tif", "tiff", "pbm", "pgm", "ppm", "pnm", "pam", "heic", "heif", "hif",
    ];

    /// The extensions of photos and pictures in formats that are not decoded, in lower case. A file with
    /// one of them in a folder of photos is probably a photo that its owner misses.
    pub const FOREIGN_EXTENSIONS: &[&str] = &[
        // Phones and the web.
        "avif", "jxl", "jp2", "j2k", "jpx", "jpf", // Cameras.
        "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "raf", "orf", "rw2", "pef",
        "srw", "x3f", "3fr", "iiq", "mrw", "kdc", "dcr", "erf", "mef", "mos", "rwl", "raw",
        // Editors.
        "psd", "psb", "xcf", "kra", "svg", "svgz", "eps", "ai", "pdf", "exr", "hdr", "tga", "qoi",
        "dds", "ico", "icns", "pcx",
    ];

    /// The format that `bytes` begin with.
    ///
    /// # Errors
    /// [`ImageError::Empty`], [`ImageError::Foreign`] for other well-known formats, and
    /// [`ImageError::NotAnImage`] for anything else.
    pub fn detect(bytes: &[u8]) -> Result<Self, ImageError> {
        let four_at = |at: usize| bytes.get(at..at + 4).unwrap_or_default();
        match bytes {
            [] => Err(ImageError::Empty),
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Ok(Self::Png),
            [b'R', b'I', b'F', b'F', ..] if four_at(8) == b"WEBP" => Ok(Self::WebP),
            // A BMP's header size is small; text that begins with "BM" has letters there.
            [b'B', b'M', ..] if matches!(four_at(14), [12..=124, 0, 0, 0]) => Ok(Self::Bmp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => {
                Foreign::raw(bytes).map_or(Ok(Self::Tiff), |raw| Err(raw.into()))
            }
            [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => Ok(Self::Pnm),
            _ if is_heic(bytes) => Ok(Self::Heic),
            _ => Err(Foreign::detect(bytes).map_or(ImageError::NotAnImage, ImageError::from)),
        }
    }
}

impl Format {
    /// The usual extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Tiff => "tif",
            Self::Pnm => "ppm",
            Self::Heic => "heic",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Pnm => "Netpbm image",
            Self::Heic => "HEIC",
        })
    }
}

/// A well-known format that is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign {
    name: &'static str,
    advice: &'static str,
}

impl From<Foreign> for ImageError {
    fn from(Foreign { name, advice }: Foreign) -> Self {
        Self::Foreign { name, advice }
    }
}

const HEIF_ADVICE: &str = "convert it to JPEG, for example with `heif-convert FILE photo.jpg`";
const CONVERT_ADVICE: &str = "convert it to JPEG or PNG, for example with `magick FILE photo.png`";
const RAW_ADVICE: &str =
    "export it as JPEG with the camera's program, or use the JPEG that the camera saved beside it";
const EXPORT_ADVICE: &str = "export it as PNG or JPEG with the program that made it";
const VIDEO_ADVICE: &str = "save single pictures of it, for example with `ffmpeg -i FILE %04d.png`";

impl Foreign {
    fn detect(bytes: &[u8]) -> Option<Self> {
        let of = |name, advice| Some(Self { name, advice });
        let at =
            |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        match () {
            () if at(4, b"ftyp") => Self::boxed(bytes),
            () if at(0, b"\xFF\x0A") || at(4, b"JXL \r\n\x87\n") => of("JPEG XL", CONVERT_ADVICE),
            () if at(4, b"jP  ") || at(0, b"\xFF\x4F\xFF\x51") => of("JPEG 2000", CONVERT_ADVICE),
            () if at(0, b"8BPS") => of("a Photoshop file", EXPORT_ADVICE),
            () if at(0, b"%PDF") => of("PDF", EXPORT_ADVICE),
            () if at(0, b"%!PS") => of("PostScript", EXPORT_ADVICE),
            () if at(0, b"gimp xcf") => of("a GIMP file", EXPORT_ADVICE),
            () if at(0, b"\x76\x2F\x31\x01") => of("OpenEXR", CONVERT_ADVICE),
            () if at(0, b"#?RADIANCE") || at(0, b"#?RGBE") => of("Radiance HDR", CONVERT_ADVICE),
            () if at(0, b"qoif") => of("QOI", CONVERT_ADVICE),
            () if at(0, b"DDS ") => of("DDS", CONVERT_ADVICE),
            () if at(0, b"\0\0\x01\0") => of("an icon", CONVERT_ADVICE),
            () if at(0, b"PF\n") || at(0, b"Pf\n") => of("PFM", CONVERT_ADVICE),
            () if at(0, b"FUJIFILMCCD-RAW") => of("a camera's RAW file (Fujifilm)", RAW_ADVICE),
            () if at(0, b"FOVb") => of("a camera's RAW file (Sigma)", RAW_ADVICE),
            () if at(0, b"\0MRM") => of("a camera's RAW file (Minolta)", RAW_ADVICE),
            () if at(0, b"IIRO") || at(0, b"IIRS") || at(0, b"MMOR") => {
                of("a camera's RAW file (Olympus)", RAW_ADVICE)
            }
            () if at(0, b"IIU\0") => of("a camera's RAW file (Panasonic)", RAW_ADVICE),
            () if at(6, b"HEAPCCDR") => of("a camera's RAW file (Canon)", RAW_ADVICE),
            () if at(0, b"RIFF") && at(8, b"AVI ") => of("video", VIDEO_ADVICE),
            () if at(0, b"\x1A\x45\xDF\xA3") => of("video", VIDEO_ADVICE),
            () if is_svg(bytes) => of("SVG", EXPORT_ADVICE),
            () => None,
        }
    }

    /// AVIF, video and others: files of boxes, told apart by their brands.
    fn boxed(bytes: &[u8]) -> Option<Self> {
        let brands = brands(bytes);
        let has = |known: &[&[u8]]| brands.iter().any(|brand| known.contains(brand));
        let (name, advice) = match () {
            () if has(&[b"avif", b"avis"]) => ("AVIF", CONVERT_ADVICE),
            () if has(&[b"mif1", b"msf1", b"mif2"]) => ("HEIF other than HEIC", HEIF_ADVICE),
            () if has(&[b"crx "]) => ("a camera's RAW file (Canon)", RAW_ADVICE),
            () if has(&[b"jp2 ", b"jpx "]) => ("JPEG 2000", CONVERT_ADVICE),
            () => ("video", VIDEO_ADVICE),
        };
        Some(Self { name, advice })
    }

    /// A camera's file that has a TIFF's first bytes: the first picture in it is a thumbnail, or its
    /// pixels have not been made into colors.
    fn raw(bytes: &[u8]) -> Option<Self> {
        const SUBFILE: u16 = 254;
        const PHOTOMETRIC: u16 = 262;
        const DNG_VERSION: u16 = 50_706;
        let canon = bytes.get(8..10) == Some(b"CR");
        let tag = |tag| super::exif::first_directory(bytes, tag);
        let dng = tag(DNG_VERSION).is_some();
        let thumbnail = tag(SUBFILE).is_some_and(|kind| kind & 1 == 1);
        let mosaic = matches!(tag(PHOTOMETRIC), Some(32_803 | 34_892));
        let name = match () {
            () if dng => "a camera's RAW file (DNG)",
            () if canon => "a camera's RAW file (Canon)",
            () if thumbnail || mosaic => "a camera's RAW file",
            () => return None,
        };
        Some(Self { name, advice: RAW_ADVICE })
    }
}

/// The brands of a file of boxes (ISO/IEC 14496-12, section 4.3).
fn brands(bytes: &[u8]) -> Vec<&[u8]> {
    let len = bytes.first_chunk().map_or(0, |&len| u32::from_be_bytes(len)) as usize;
    bytes
        .get(8..len.min(bytes.len()).min(256))
        .unwrap_or(bytes.get(8..12).unwrap_or_default())
        .chunks_exact(4)
        .collect()
}

/// Whether a file of boxes has an image that is coded with HEVC, and none with AV1.
fn is_heic(bytes: &[u8]) -> bool {
    const HEVC: [&[u8]; 8] =
        [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"];
    bytes.get(4..8) == Some(b"ftyp")
        && brands(bytes).iter().any(|brand| HEVC.contains(brand))
        && !brands(bytes).contains(&&b"avif"[..])
}

/// Whether a text's first element is `svg`, after declarations and comments.
fn is_svg(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg"))
}
