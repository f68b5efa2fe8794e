//! CIFAR-10 from its official server.
//!
//! The archive comes over plain HTTP: its md5 is known, and is checked before anything is unpacked.
//! An interrupted download is resumed where it stopped.

mod error;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::GzDecoder;
use md5::{Digest, Md5};
use seesaw_format::replace_file;
use ureq::{
    Agent, Body,
    http::{Response, StatusCode, header},
};

pub use error::DownloadError;

/// The progress of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The archive is being downloaded.
    Downloading {
        /// Bytes that have been downloaded.
        done: u64,
        /// Bytes of the whole archive, where the server says.
        total: Option<u64>,
    },
    /// The md5 of the archive is being computed.
    Checking,
    /// This file is being written.
    Unpacking(String),
}

/// An archive to download, and what it must contain.
struct Archive {
    url: String,
    /// Where a browser can download it.
    page: &'static str,
    /// Of the archive, in lower-case hexadecimal digits.
    md5: String,
    /// The archive's name in the folder that it is downloaded to.
    name: &'static str,
    /// The folder in the archive.
    folder: &'static str,
    /// The files to unpack, with the lengths that are allowed.
    files: Vec<(&'static str, RangeInclusive<u64>)>,
}

/// The archive is 170 MB.
const MAX_ARCHIVE_BYTES: u64 = 256 << 20;

/// 10,000 records of 3,073 bytes.
const BATCH_BYTES: u64 = 30_730_000;

/// Downloads CIFAR-10 in its binary layout (170 MB) and unpacks it into `folder`, which then is a data
/// set to [`open`](crate::datasets::open()). Returns the folder with the files. If they exist already,
/// nothing is done. An archive that the user has put into `folder` is used.
///
/// `url` is an alternative address of the same archive.
///
/// # Errors
/// [`DownloadError`]. After an error of the network, another call resumes the download.
pub fn cifar10(
    folder: impl AsRef<Path>,
    url: Option<&str>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, DownloadError> {
    let batch = |name| (name, BATCH_BYTES..=BATCH_BYTES);
    let archive = Archive {
        url: url.unwrap_or("http://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz").to_owned(),
        page: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        md5: "c32a1d4ab5d03f1284b67883e8d87530".to_owned(),
        name: "cifar-10-binary.tar.gz",
        folder: "cifar-10-batches-bin",
        files: vec![
            batch("data_batch_1.bin"),
            batch("data_batch_2.bin"),
            batch("data_batch_3.bin"),
            batch("data_batch_4.bin"),
            batch("data_batch_5.bin"),
            batch("test_batch.bin"),
            ("batches.meta.txt", 1..=4096),
        ],
    };
    archive.fetch(folder.as_ref(), progress)
}

impl Archive {
    fn fetch(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, DownloadError> {
        let target = folder.join(self.folder);
        if self.is_unpacked(&target) {
            return Ok(target);
        }
        fs::create_dir_all(&target).map_err(DownloadError::io(&target))?;
        let provided = folder.join(self.name);
        if provided.is_file() {
            self.check(&provided, progress)?;
            self.unpack(&provided, &target, progress)?;
            return Ok(target);
        }
        let part = folder.join(format!("{}.part", self.name));
        self.download(&part, progress)?;
        if let Err(error) = self.check(&part, progress) {
            // A wrong archive cannot be resumed.
            fs::remove_file(&part).map_err(DownloadError::io(&part))?;
            return Err(error);
        }
        self.unpack(&part, &target, progress)?;
        fs::remove_file(&part).map_err(DownloadError::io(&part))?;
        Ok(target)
    }

    fn is_unpacked(&self, target: &Path) -> bool {
        let is_complete = |(name, len): &(&str, RangeInclusive<u64>)| {
            target
                .join(name)
                .metadata()
                .is_ok_and(|file| file.is_file() && len.contains(&file.len()))
        };
        self.files.iter().all(is_complete)
    }

    /// Appends to `part` what it lacks.
    fn download(
        &self,
        part: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DownloadError> {
        let io = || DownloadError::io(part);
        let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(io())?;
        let mut done = file.metadata().map_err(io())?.len();
        let mut response = self.request(done)?;
        if done > 0 && partial_start(&response) != Some(done) {
            // The server does not support ranges, or has another file now.
            file.set_len(0).map_err(io())?;
            done = 0;
            if response.status() != StatusCode::OK {
                response = self.request(0)?;
            }
        }
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(DownloadError::Status { url: self.url.clone(), status });
        }
        let total = response.body().content_length().map(|rest| done + rest);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            progress(Progress::Downloading { done, total });
            let read = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.interrupted(done, error)),
            };
            file.write_all(&buffer[..read]).map_err(io())?;
            done += read as u64;
            if done > MAX_ARCHIVE_BYTES {
                drop(file);
                fs::remove_file(part).map_err(io())?;
                return Err(DownloadError::TooLarge {
                    url: self.url.clone(),
                    limit: MAX_ARCHIVE_BYTES,
                });
            }
        }
        if total.is_some_and(|total| done < total) {
            return Err(self.interrupted(done, io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    fn interrupted(&self, done: u64, source: io::Error) -> DownloadError {
        DownloadError::Interrupted { url: self.url.clone(), done, source }
    }

    /// Requests all but the first `skip` bytes.
    fn request(&self, skip: u64) -> Result<Response<Body>, DownloadError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)));
        let mut request = config.build().new_agent().get(&self.url);
        if skip > 0 {
            request = request.header(header::RANGE, format!("bytes={skip}-"));
        }
        request.call().map_err(|error| match error {
            ureq::Error::TlsRequired => {
                DownloadError::Tls { url: self.url.clone(), page: self.page, name: self.name }
            }
            other => {
                let reason = other.to_string();
                let (page, name) = (self.page, self.name);
                DownloadError::Unreachable { url: self.url.clone(), reason, page, name }
            }
        })
    }

    fn check(&self, path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), DownloadError> {
        progress(Progress::Checking);
        let mut file = File::open(path).map_err(DownloadError::io(path))?;
        let mut md5 = Md5::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer).map_err(DownloadError::io(path))? {
                0 => break,
                read => md5.update(&buffer[..read]),
            }
        }
        let found: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found == self.md5 {
            return Ok(());
        }
        Err(DownloadError::Md5 { path: path.to_owned(), expected: self.md5.clone(), found })
    }

    /// Writes the expected files; other files in the archive are skipped.
    fn unpack(
        &self,
        archive: &Path,
        target: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DownloadError> {
        let read = || DownloadError::io(archive);
        let file = BufReader::new(File::open(archive).map_err(read())?);
        let mut tar = tar::Archive::new(GzDecoder::new(file));
        for entry in tar.entries().map_err(read())? {
            let mut entry = entry.map_err(read())?;
            let path = entry.path().map_err(read())?.into_owned();
            let name = path.strip_prefix(self.folder).ok().and_then(Path::to_str);
            let Some((name, len)) = self.files.iter().find(|(file, _)| Some(*file) == name) else {
                continue;
            };
            if !entry.header().entry_type().is_file() || !len.contains(&entry.size()) {
                return Err(DownloadError::Content { path: archive.to_owned(), name });
            }
            progress(Progress::Unpacking((*name).to_owned()));
            let file = target.join(name);
            replace_file(&file, |file| io::copy(&mut entry, file).map(drop))
                .map_err(DownloadError::io(file))?;
        }
        match self.files.iter().find(|(name, _)| !target.join(name).is_file()) {
            Some((name, _)) => Err(DownloadError::Content { path: archive.to_owned(), name }),
            None => Ok(()),
        }
    }
}

/// The first byte of a partial response.
fn partial_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let start = range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()?;
    (response.status() == StatusCode::PARTIAL_CONTENT).then_some(start)
}

#[cfg(test)]
mod tests;
