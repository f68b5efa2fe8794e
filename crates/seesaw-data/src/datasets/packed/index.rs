//! The index of a packed data set, which is untrusted input.

use std::io::{BufRead, Read};

use serde::de::DeserializeOwned;

use super::{
    super::Part,
    lines::{EndLine, FORMAT, Header, ImageLine, ShardLine, Stored, VERSION},
};

/// The most bytes of the first line, which has the names of the classes.
const MAX_HEADER: u64 = 64 << 20;
/// The most bytes of any other line.
const MAX_LINE: u64 = 64 << 10;
/// The most classes, as of a net.
const MAX_CLASSES: usize = 1_000_000;
/// The most shards.
const MAX_SHARDS: usize = 100_000;

/// An invalid line of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct IndexError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The index of a packed data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    pub(crate) header: Header,
    /// The shards, each with its images, in the order in which they are stored.
    pub(crate) shards: Vec<(ShardLine, Vec<ImageLine>)>,
}

impl Index {
    /// The number of images, with those that were broken and are not stored.
    pub fn images(&self) -> usize {
        self.shards.iter().map(|(_, images)| images.len()).sum()
    }

    /// The bytes of the images that are stored, whatever the lengths of the shards.
    pub fn stored_bytes(&self) -> u64 {
        let images = self.shards.iter().flat_map(|(_, images)| images);
        images.filter_map(|image| image.stored).fold(0, |sum, s| sum.saturating_add(s.bytes))
    }
}

/// Reads an index to its end.
///
/// Memory is taken for lines that were read, never for numbers in them. Every number is within what the
/// header and the shard's line admit, and the images of each part are numbered from 0.
///
/// # Errors
/// The first line that is invalid.
pub fn read_index(reader: impl BufRead) -> Result<Index, IndexError> {
    let mut lines = Lines::new(reader);
    let header = read_header(&mut lines)?;
    let mut shards = vec![];
    loop {
        let crc32c = lines.crc32c;
        let Some(line) = lines.next(MAX_LINE)? else {
            return Err(lines.error("the index ends early"));
        };
        if let Ok(end) = serde_json::from_slice::<EndLine>(line) {
            check_end(&mut lines, end, crc32c)?;
            break;
        }
        shards.push(read_shard(&mut lines, &header)?);
        if shards.len() > MAX_SHARDS {
            return Err(lines.error(format!("more than {MAX_SHARDS} shards")));
        }
    }
    check_places(&header, &shards)?;
    Ok(Index { header, shards })
}

/// An index that was not finished.
#[cfg(feature = "pack")]
pub struct Unfinished {
    pub header: Header,
    /// Where the lines begin that follow the header.
    pub start: Mark,
    /// The shards that are complete, and where their lines end. What follows was interrupted.
    pub shards: Vec<(ShardLine, Vec<ImageLine>, Mark)>,
}

/// A place between two lines.
#[cfg(feature = "pack")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The bytes before it.
    pub bytes: u64,
    /// Their CRC-32C.
    pub crc32c: u32,
}

/// Reads an index that was not finished.
///
/// # Errors
/// An invalid header.
#[cfg(feature = "pack")]
pub fn read_unfinished(reader: impl BufRead) -> Result<Unfinished, IndexError> {
    let mut lines = Lines::new(reader);
    let header = read_header(&mut lines)?;
    let (mut shards, start) = (vec![], lines.mark());
    while let Ok(Some(_)) = lines.next(MAX_LINE) {
        let Ok((shard, images)) = read_shard(&mut lines, &header) else { break };
        shards.push((shard, images, lines.mark()));
    }
    Ok(Unfinished { header, start, shards })
}

/// Reads the first line.
fn read_header<R: BufRead>(lines: &mut Lines<R>) -> Result<Header, IndexError> {
    lines.next(MAX_HEADER)?;
    let header: Header = lines.parse()?;
    let invalid = if header.format != FORMAT {
        Some(format!("the format is `{}`, not `{FORMAT}`", header.format))
    } else if header.version != VERSION {
        Some(format!("version {}, and this program reads version {VERSION}", header.version))
    } else if header.classes.len() > MAX_CLASSES {
        Some(format!("{} classes, and the limit is {MAX_CLASSES}", header.classes.len()))
    } else {
        None
    };
    invalid.map_or(Ok(header), |reason| Err(lines.error(reason)))
}

/// Reads the images of the shard whose line was read last.
fn read_shard<R: BufRead>(
    lines: &mut Lines<R>,
    header: &Header,
) -> Result<(ShardLine, Vec<ImageLine>), IndexError> {
    let shard: ShardLine = lines.parse()?;
    if !is_shard_name(&shard.shard) {
        return Err(lines.error(format!("`{}` is no name of a shard", shard.shard)));
    }
    let part_len = header.parts.get(shard.part).unwrap_or(0);
    let mut images = vec![];
    for _ in 0..shard.images {
        if lines.next(MAX_LINE)?.is_none() {
            return Err(lines.error("the index ends early"));
        }
        let image: ImageLine = lines.parse()?;
        let invalid = check_image(&image, &shard, header.classes.len(), part_len);
        invalid.map_err(|reason| lines.error(reason))?;
        images.push(image);
    }
    Ok((shard, images))
}

fn check_image(
    image: &ImageLine,
    shard: &ShardLine,
    classes: usize,
    part_len: usize,
) -> Result<(), String> {
    if image.label as usize >= classes {
        return Err(format!("label {} of {classes} classes", image.label));
    }
    if image.place as usize >= part_len {
        return Err(format!("image {} of a part of {part_len}", image.place));
    }
    if image.name.is_empty() {
        return Err("an image without a name".to_owned());
    }
    match (image.stored, &image.broken) {
        (Some(stored), None) => {
            let Stored { offset, bytes, .. } = stored;
            if offset.checked_add(bytes).is_none_or(|end| end > shard.bytes) {
                return Err(format!("{bytes} bytes at {offset}, in a shard of {}", shard.bytes));
            }
            Ok(())
        }
        (None, Some(_)) => Ok(()),
        _ => Err("an image must either be stored or be broken".to_owned()),
    }
}

/// Checks the last line; `crc32c` is the checksum of those before it.
fn check_end<R: BufRead>(
    lines: &mut Lines<R>,
    end: EndLine,
    crc32c: u32,
) -> Result<(), IndexError> {
    if end.index_crc32c != crc32c {
        return Err(lines.error("the lines before it do not match their checksum"));
    }
    match lines.next(MAX_LINE)? {
        None => Ok(()),
        Some(_) => Err(lines.error("there are lines after the last")),
    }
}

/// Checks that the images of each part are numbered from 0, and that the header has their numbers.
fn check_places(header: &Header, shards: &[(ShardLine, Vec<ImageLine>)]) -> Result<(), IndexError> {
    for part in [Part::Train, Part::Val, Part::Test] {
        let of_part = shards.iter().filter(|(shard, _)| shard.part == part);
        let mut places: Vec<u32> =
            of_part.flat_map(|(_, images)| images.iter().map(|image| image.place)).collect();
        places.sort_unstable();
        let wanted = header.parts.get(part).unwrap_or(0);
        let numbered = places.iter().zip(0..).all(|(&place, number)| place == number);
        if places.len() != wanted || !numbered {
            let reason = format!(
                "{wanted} {part} images, and the lines that follow have {}, which must be numbered from 0",
                places.len()
            );
            return Err(IndexError { line: 1, reason });
        }
    }
    Ok(())
}

/// Whether a name is that of a file in the same folder, on every system.
fn is_shard_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    name.strip_suffix(".tar")
        .is_some_and(|stem| (1..=64).contains(&stem.len()) && stem.chars().all(plain))
}

/// Lines of limited length, counted and summed up.
struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    /// The bytes of all lines that were read.
    bytes: u64,
    /// Their CRC-32C.
    crc32c: u32,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader, line: vec![], number: 0, bytes: 0, crc32c: 0 }
    }

    /// Reads a line; `None` at the end.
    fn next(&mut self, limit: u64) -> Result<Option<&[u8]>, IndexError> {
        self.line.clear();
        self.number += 1;
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| self.error(error.to_string()))?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            let reason =
                if read as u64 == limit { "the line is too long" } else { "the line is cut off" };
            return Err(self.error(reason));
        }
        self.bytes += read as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, &self.line);
        Ok(Some(&self.line))
    }

    #[cfg(feature = "pack")]
    fn mark(&self) -> Mark {
        Mark { bytes: self.bytes, crc32c: self.crc32c }
    }

    /// The line that was read last.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, IndexError> {
        serde_json::from_slice(&self.line).map_err(|error| self.error(error.to_string()))
    }

    fn error(&self, reason: impl Into<String>) -> IndexError {
        IndexError { line: self.number, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
