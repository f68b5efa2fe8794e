//! Reading parts of shards.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use crc32c::{crc32c, crc32c_append};
use seesaw_image::{ImageError, Limits, decode::Quantity};

use super::{
    super::{DataError, register::stamp},
    lines::Stored,
};

/// How many shards are kept open. Others are opened for each image.
const MAX_OPEN: usize = 256;
/// Bytes that are read at a time where an image is not needed as a whole.
const PIECE: u64 = 1 << 20;

/// The shards of a packed data set. Threads read from them at the same time.
#[derive(Debug)]
pub struct Shards {
    shards: Vec<Shard>,
    open: AtomicUsize,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    /// When it was last changed, as in a register.
    modified: u64,
    file: OnceLock<File>,
}

impl Shards {
    /// The shards of these names and lengths in a folder.
    ///
    /// # Errors
    /// [`DataError::Incomplete`] and [`DataError::Damaged`] where the files are others.
    pub fn new<'a>(
        folder: &Path,
        shards: impl Iterator<Item = (&'a str, u64)>,
    ) -> Result<Self, DataError> {
        let mut found = vec![];
        for (name, bytes) in shards {
            let path = folder.join(name);
            if !path.is_file() {
                let (path, layout) = (folder.to_owned(), "a packed data set");
                return Err(DataError::Incomplete { path, layout, missing: name.to_owned() });
            }
            let (modified, len) = stamp(&path);
            if len != bytes {
                let reason = format!("it has {len} bytes, and the index says {bytes}");
                return Err(DataError::damaged(path, reason));
            }
            found.push(Shard { path, modified, file: OnceLock::new() });
        }
        Ok(Self { shards: found, open: AtomicUsize::new(0) })
    }

    pub fn modified(&self, shard: u32) -> u64 {
        self.shards[shard as usize].modified
    }

    /// The bytes of the image that was called `name`.
    ///
    /// # Errors
    /// [`DataError::Image`] where there are more than the limit, [`DataError::Damaged`] where they are not
    /// what was packed, and [`DataError::Io`].
    pub fn read(
        &self,
        shard: u32,
        stored: &Stored,
        name: &Path,
        limits: &Limits,
    ) -> Result<Vec<u8>, DataError> {
        let (value, limit) = (stored.bytes, limits.file_bytes);
        if value > limit {
            let source = ImageError::TooLarge { quantity: Quantity::FileBytes, value, limit };
            return Err(DataError::Image { path: name.to_owned(), source });
        }
        let mut bytes = vec![0; value as usize];
        self.read_at(shard, &mut bytes, stored.offset)
            .map_err(|error| self.unreadable(shard, name, error))?;
        self.compare(shard, crc32c(&bytes), stored, name).map(|()| bytes)
    }

    /// Compares the bytes of an image with their checksum, a piece at a time.
    ///
    /// # Errors
    /// As [`Self::read`], without a limit.
    pub fn check(&self, shard: u32, stored: &Stored, name: &Path) -> Result<(), DataError> {
        let mut piece = vec![0; stored.bytes.min(PIECE) as usize];
        let (mut done, mut sum) = (0, 0);
        while done < stored.bytes {
            let piece = &mut piece[..(stored.bytes - done).min(PIECE) as usize];
            self.read_at(shard, piece, stored.offset + done)
                .map_err(|error| self.unreadable(shard, name, error))?;
            sum = crc32c_append(sum, piece);
            done += piece.len() as u64;
        }
        self.compare(shard, sum, stored, name)
    }

    fn compare(
        &self,
        shard: u32,
        crc32c: u32,
        stored: &Stored,
        name: &Path,
    ) -> Result<(), DataError> {
        if crc32c == stored.crc32c {
            return Ok(());
        }
        let path = &self.shards[shard as usize].path;
        let reason = format!("the bytes of {} do not match their checksum", name.display());
        Err(DataError::damaged(path, reason))
    }

    fn unreadable(&self, shard: u32, name: &Path, error: io::Error) -> DataError {
        let path = &self.shards[shard as usize].path;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return DataError::damaged(path, format!("it ends within {}", name.display()));
        }
        DataError::io(path)(error)
    }

    /// Fills `bytes` from the shard, beginning at `offset`.
    pub fn read_at(&self, shard: u32, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let Shard { path, file, .. } = &self.shards[shard as usize];
        if let Some(file) = file.get() {
            return read_exact_at(file, bytes, offset);
        }
        let opened = File::open(path)?;
        if self.open.fetch_add(1, Ordering::Relaxed) >= MAX_OPEN {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return read_exact_at(&opened, bytes, offset);
        }
        // Of two threads that open the same shard, one keeps it.
        if file.set(opened).is_err() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
        read_exact_at(file.get().expect("it was just set"), bytes, offset)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
