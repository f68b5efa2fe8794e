//! Event files for TensorBoard: records of a few protocol buffer fields, each with checksums.
//!
//! A record is its length in 8 bytes, their masked CRC-32C, the data, and the masked CRC-32C of the
//! data (TensorFlow, `record_writer.cc`; fields from `event.proto` and `summary.proto`).

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::TrainError;

/// A file of scalars that TensorBoard reads while it grows.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventWriter {
    /// Creates a new file in `folder`. TensorBoard then discards events of earlier files from
    /// `step` on, which a run wrote between its last checkpoint and its end.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(folder: &Path, step: u64) -> Result<Self, TrainError> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Files are read in the order of their names.
        let name = format!(
            "events.out.tfevents.{:010}.{:09}.{}",
            time.as_secs(),
            time.subsec_nanos(),
            std::process::id()
        );
        let path = folder.join(name);
        let file = File::create_new(&path).map_err(TrainError::io(&path))?;
        let mut writer = Self { path, file: BufWriter::new(file) };
        writer.event(0, |event| bytes_field(event, 3, b"brain.Event:2"))?;
        if step > 0 {
            // A `SessionLog` of status START.
            writer.event(step, |event| bytes_field(event, 7, &[1 << 3, 1]))?;
        }
        writer.flush()?;
        Ok(writer)
    }

    /// Adds a number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), TrainError> {
        self.event(step, |event| {
            let mut field = Vec::new();
            bytes_field(&mut field, 1, tag.as_bytes());
            field.push(2 << 3 | 5);
            field.extend((value as f32).to_le_bytes());
            let mut summary = Vec::new();
            bytes_field(&mut summary, 1, &field);
            bytes_field(event, 5, &summary);
        })
    }

    /// Writes everything that is buffered.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), TrainError> {
        self.file.flush().map_err(TrainError::io(&self.path))
    }

    fn event(&mut self, step: u64, fields: impl FnOnce(&mut Vec<u8>)) -> Result<(), TrainError> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut event = vec![1 << 3 | 1];
        event.extend(time.as_secs_f64().to_le_bytes());
        event.push(2 << 3);
        varint(&mut event, step);
        fields(&mut event);
        self.file.write_all(&record(&event)).map_err(TrainError::io(&self.path))
    }
}

/// A field of bytes, text or a message.
fn bytes_field(to: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    to.push(field << 3 | 2);
    varint(to, bytes.len() as u64);
    to.extend(bytes);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let len = (data.len() as u64).to_le_bytes();
    [&len[..], &masked_crc(&len), data, &masked_crc(data)].concat()
}

/// A checksum of data that may hold checksums themselves.
fn masked_crc(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        // The mask is undone by the formula of TensorFlow's `crc32c.h`.
        let masked = u32::from_le_bytes(masked_crc(&[0; 32])).wrapping_sub(0xa282_ead8);
        assert_eq!(masked.rotate_left(15), 0x8a91_36aa);
    }

    #[test]
    fn numbers_of_any_length() {
        for (value, expected) in [(0, &[0][..]), (127, &[127]), (300, &[0xac, 2])] {
            let mut bytes = Vec::new();
            varint(&mut bytes, value);
            assert_eq!(bytes, expected);
        }
    }

    /// The data of each record, after a check of its checksums.
    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let (len, rest) = bytes.split_at(8);
            let (len_crc, rest) = rest.split_at(4);
            let (data, rest) = rest.split_at(u64::from_le_bytes(len.try_into().unwrap()) as usize);
            let (data_crc, rest) = rest.split_at(4);
            assert_eq!((len_crc, data_crc), (&masked_crc(len)[..], &masked_crc(data)[..]));
            all.push(data.to_vec());
            bytes = rest;
        }
        all
    }

    #[test]
    fn files_hold_what_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), 7).unwrap();
        writer.scalar("train/loss", 300, 1.5).unwrap();
        writer.flush().unwrap();
        let records = records(&std::fs::read(&writer.path).unwrap());
        let [version, start, scalar] = records.as_slice() else { panic!("three records") };
        // After field 1, the time, which takes 9 bytes.
        assert_eq!(&version[9..], b"\x10\x00\x1a\x0dbrain.Event:2");
        assert_eq!(&start[9..], [0x10, 7, 0x3a, 2, 8, 1]);
        let value = b"\x10\xac\x02\x2a\x13\x0a\x11\x0a\x0atrain/loss\x15\x00\x00\xc0\x3f";
        assert_eq!(&scalar[9..], value);
        let error = EventWriter::create(&folder.path().join("absent"), 0).unwrap_err();
        assert!(error.to_string().contains("absent"));
    }
}
