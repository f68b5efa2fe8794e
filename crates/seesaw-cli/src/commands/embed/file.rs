//! Files of features.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use seesaw_format::{
    StoredPrecision, Tensor, Tensors, replace_file,
    safetensors::{HeaderText, write_with_text},
};

use crate::{failure::Failure, output};

/// The features of photos.
pub struct Features {
    /// The paths.
    pub photos: Vec<String>,
    /// The numbers of a photo.
    pub channels: usize,
    /// `[photos][channels]`.
    pub values: Vec<f32>,
}

impl Features {
    pub fn new(channels: usize) -> Self {
        Self { photos: vec![], channels, values: vec![] }
    }

    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    pub fn push(&mut self, photo: &Path, row: &[f32]) {
        self.photos.push(photo.to_string_lossy().into_owned());
        self.values.extend_from_slice(row);
    }

    /// Writes a file of the kind that its extension names.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("npy") => self.write_npy(path),
            Some("csv") => self.write_csv(path),
            _ => self.write_safetensors(path),
        }
    }

    fn write_safetensors(&self, path: &Path) -> Result<(), Failure> {
        let shape = vec![self.photos.len(), self.channels];
        let tensor = Tensor { shape, data: self.values.clone() };
        let tensors: Tensors = [("features".to_owned(), tensor)].into_iter().collect();
        let text = &serde_json::to_string(&self.photos).map_err(Failure::new)?;
        let text = HeaderText { key: "photos", text };
        write_with_text(path, &tensors, Some(text), StoredPrecision::F32).map_err(|error| {
            Failure::format(path, &error).hint("more photos fit a .npy or .csv file")
        })
    }

    fn write_csv(&self, path: &Path) -> Result<(), Failure> {
        let header = ["path".to_owned()]
            .into_iter()
            .chain((0..self.channels).map(|channel| format!("feature_{channel}")));
        let rows = self.photos.iter().zip(self.values.chunks_exact(self.channels));
        let line = |(photo, row): (&String, &[f32])| -> Vec<String> {
            [photo.clone()].into_iter().chain(row.iter().map(f32::to_string)).collect()
        };
        output::csv_file(path, [header.collect()].into_iter().chain(rows.map(line)))
    }

    /// NumPy's format 1.0, with the paths in `NAME.paths.txt` beside it.
    fn write_npy(&self, path: &Path) -> Result<(), Failure> {
        let header = npy_header(self.photos.len(), self.channels);
        let write = |file: &mut std::fs::File| -> io::Result<()> {
            let mut out = BufWriter::new(file);
            out.write_all(&header)?;
            self.values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
            out.flush()
        };
        replace_file(path, write).map_err(|error| Failure::file(path, error))?;
        let names = path.with_extension("paths.txt");
        let text = self.photos.iter().map(|photo| format!("{photo}\n")).collect::<String>();
        replace_file(&names, |file| file.write_all(text.as_bytes()))
            .map_err(|error| Failure::file(&names, error))?;
        output::say(format_args!("the paths are in {}", names.display()));
        Ok(())
    }
}

/// The header of a matrix of little-endian f32; data start at a multiple of 64 bytes.
fn npy_header(rows: usize, columns: usize) -> Vec<u8> {
    let start = b"\x93NUMPY\x01\x00";
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let len = (start.len() + 2 + text.len() + 1).next_multiple_of(64) - start.len() - 2;
    text.extend(std::iter::repeat_n(' ', len - 1 - text.len()));
    text.push('\n');
    let mut header = start.to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpy_headers_end_at_a_multiple_of_64_bytes() {
        for rows in [1, 12, 123_456_789] {
            let header = npy_header(rows, 1280);
            assert!(header.len().is_multiple_of(64) && header.ends_with(b"\n"));
            let len = u16::from_le_bytes([header[8], header[9]]);
            assert_eq!(usize::from(len) + 10, header.len());
            let shape = format!("'shape': ({rows}, 1280)");
            assert!(String::from_utf8_lossy(&header[10..]).contains(&shape));
        }
    }
}
