//! The index while it is written, from which interrupted packing continues.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crc32c::crc32c_append;
use serde::Serialize;

use super::{
    super::packed::{
        EndLine, Header, INDEX, ImageLine, Mark, ShardLine, UNFINISHED, Unfinished, read_unfinished,
    },
    PackError,
    plan::Plan,
};
use crate::find::is_leftover;

/// The index while it is written.
pub struct Journal {
    folder: PathBuf,
    file: File,
    /// Of all lines that were written.
    crc32c: u32,
}

/// What was packed before an interruption.
#[derive(Default)]
pub struct Before {
    pub images: usize,
    pub shards: Vec<ShardLine>,
}

impl Journal {
    /// Begins an index in the folder, or continues the one there.
    ///
    /// # Errors
    /// Where the folder has something else in it.
    pub fn open(folder: &Path, plan: &Plan) -> Result<(Self, Before), PackError> {
        fs::create_dir_all(folder).map_err(PackError::io(folder))?;
        if folder.join(INDEX).exists() {
            return Err(PackError::Exists(folder.to_owned()));
        }
        let path = folder.join(UNFINISHED);
        if !path.exists() && has_files(folder)? {
            return Err(PackError::NotEmpty(folder.to_owned()));
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(PackError::io(&path))?;
        // Some network drives have no locks, and then nothing but the user keeps two apart.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(PackError::Busy(folder.to_owned()));
        }
        let mut journal = Self { folder: folder.to_owned(), file, crc32c: 0 };
        let before = match read_unfinished(BufReader::new(&journal.file)) {
            Ok(unfinished) => journal.resume(unfinished, plan)?,
            // Interrupted before its first line was complete.
            Err(_) => journal.begin(&plan.header)?,
        };
        Ok((journal, before))
    }

    fn begin(&mut self, header: &Header) -> Result<Before, PackError> {
        self.cut(Mark { bytes: 0, crc32c: 0 })?;
        self.write(&[line(header)])?;
        Ok(Before::default())
    }

    /// Keeps the shards that are complete and whose files are there.
    fn resume(&mut self, unfinished: Unfinished, plan: &Plan) -> Result<Before, PackError> {
        let Unfinished { header, start, shards } = unfinished;
        if !header.continues(&plan.header) {
            return Err(PackError::Other(self.folder.clone()));
        }
        let (mut before, mut end) = (Before::default(), start);
        for (shard, images, mark) in shards {
            let jobs = plan.jobs.iter().skip(before.images);
            let is_planned = images.len() <= jobs.len()
                && images.iter().zip(jobs).all(|(image, job)| {
                    (shard.part, image.place, &image.name) == (job.part, job.place, &job.name)
                });
            let len = fs::metadata(self.folder.join(&shard.shard)).map(|file| file.len()).ok();
            if !is_planned || len != Some(shard.bytes) {
                break;
            }
            before.images += images.len();
            before.shards.push(shard);
            end = mark;
        }
        self.cut(end)?;
        Ok(before)
    }

    /// Drops what follows a mark.
    fn cut(&mut self, mark: Mark) -> Result<(), PackError> {
        let cut = self.file.set_len(mark.bytes).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.map_err(PackError::io(self.path()))?;
        self.crc32c = mark.crc32c;
        Ok(())
    }

    /// Adds a shard that is complete.
    pub fn add(&mut self, shard: &ShardLine, images: &[ImageLine]) -> Result<(), PackError> {
        let lines: Vec<String> = [line(shard)].into_iter().chain(images.iter().map(line)).collect();
        self.write(&lines)
    }

    /// Adds the last line and gives the index its name.
    pub fn finish(mut self) -> Result<(), PackError> {
        let end = line(&EndLine { index_crc32c: self.crc32c });
        self.write(&[end])?;
        let (partial, index) = (self.path(), self.folder.join(INDEX));
        // Windows renames no open file.
        drop(self.file);
        fs::rename(&partial, &index).map_err(PackError::io(&index))
    }

    fn write(&mut self, lines: &[String]) -> Result<(), PackError> {
        let bytes = lines.concat().into_bytes();
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_all());
        written.map_err(PackError::io(self.path()))?;
        self.crc32c = crc32c_append(self.crc32c, &bytes);
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(UNFINISHED)
    }
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the kinds of lines have no other values") + "\n"
}

/// Whether a folder has more in it than systems leave behind.
fn has_files(folder: &Path) -> Result<bool, PackError> {
    for entry in fs::read_dir(folder).map_err(PackError::io(folder))? {
        let name = entry.map_err(PackError::io(folder))?.file_name();
        if !is_leftover(&name.to_string_lossy()) && name != "lost+found" {
            return Ok(true);
        }
    }
    Ok(false)
}
