//! Writing a shard.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{
    super::{
        Part,
        packed::{ImageLine, ShardLine, Stored},
        register::Content,
    },
    PackError,
};

/// The unit of an archive.
const BLOCK: u64 = 512;
/// What an archive ends with.
const END: u64 = 2 * BLOCK;
/// Bytes that are written at a time.
const BUFFER: usize = 1 << 20;

/// A shard that is being written, under a temporary name.
pub struct Shard {
    archive: tar::Builder<Counted<BufWriter<File>>>,
    path: PathBuf,
    name: String,
    part: Part,
    images: Vec<ImageLine>,
}

impl Shard {
    /// Creates the shard of this name in a folder.
    pub fn create(folder: &Path, name: String, part: Part) -> Result<Self, PackError> {
        let path = folder.join(&name);
        let partial = partial(&path);
        let file = File::create(&partial).map_err(PackError::io(&partial))?;
        let counted = Counted { inner: BufWriter::with_capacity(BUFFER, file), bytes: 0 };
        Ok(Self { archive: tar::Builder::new(counted), path, name, part, images: vec![] })
    }

    pub fn part(&self) -> Part {
        self.part
    }

    /// Whether another image of so many bytes makes it larger than `most`, which one image alone may do.
    pub fn is_full(&self, bytes: u64, most: u64) -> bool {
        let len = self.archive.get_ref().bytes;
        len > 0 && len + BLOCK + bytes.next_multiple_of(BLOCK) + END > most
    }

    /// Stores the bytes of an image under a name of its own, and returns where they are.
    pub fn append(&mut self, member: &str, bytes: &[u8]) -> Result<Stored, PackError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Without a time or an owner, the same images make the same shards.
        header.set_mtime(0);
        let appended = self.archive.append_data(&mut header, member, bytes);
        appended.map_err(PackError::io(partial(&self.path)))?;
        let Content { bytes, crc32c } = Content::of(bytes);
        let offset = self.archive.get_ref().bytes - bytes.next_multiple_of(BLOCK);
        Ok(Stored { offset, bytes, crc32c })
    }

    /// Adds the line of an image, which is stored or broken.
    pub fn list(&mut self, line: ImageLine) {
        self.images.push(line);
    }

    /// Gives the shard its name, once it is on the disk.
    pub fn finish(self) -> Result<(ShardLine, Vec<ImageLine>), PackError> {
        let partial = partial(&self.path);
        let finished = self.archive.into_inner().and_then(|mut counted| {
            counted.flush()?;
            counted.inner.get_ref().sync_all()?;
            Ok(counted.bytes)
        });
        let bytes = finished.map_err(PackError::io(&partial))?;
        fs::rename(&partial, &self.path).map_err(PackError::io(&self.path))?;
        let images = self.images.len();
        Ok((ShardLine { shard: self.name, part: self.part, images, bytes }, self.images))
    }
}

fn partial(path: &Path) -> PathBuf {
    path.with_added_extension("partial")
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The name of an image in a shard: its own, below the folder of its part if there are several. No name
/// leads out of the folder where the archive is unpacked, and a photo that became a JPEG ends like one.
pub fn member(folder: Option<&str>, name: &str, is_shrunk: bool) -> String {
    let inside = name.split('/').filter(|part| !["", "."].contains(part));
    let inside = inside.map(|part| if part == ".." { "_" } else { part });
    let mut member = folder.into_iter().chain(inside).collect::<Vec<_>>().join("/");
    let extension = Path::new(name).extension().unwrap_or_default();
    let is_jpeg = ["jpg", "jpeg", "jpe", "jfif"].iter().any(|e| extension.eq_ignore_ascii_case(e));
    if is_shrunk && !is_jpeg {
        member += ".jpg";
    }
    member
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_inside_and_say_what_they_are() {
        assert_eq!(member(Some("train"), "cat/1.jpg", false), "train/cat/1.jpg");
        assert_eq!(member(None, "cat/1.JPEG", true), "cat/1.JPEG");
        assert_eq!(member(None, "cat/1.png", false), "cat/1.png");
        assert_eq!(member(None, "cat/1.png", true), "cat/1.png.jpg");
        assert_eq!(member(None, "/home/../x/./1.jpg", false), "home/_/x/1.jpg");
    }
}
