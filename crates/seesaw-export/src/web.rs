//! Pages that classify photos in the browser: a folder of files for any web server.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use seesaw_format::{Metadata, NetWeights, StoredPrecision, replace_file, safetensors};
use seesaw_web::{APP, MODEL, MODULES, PAGE};

use crate::ExportError;

/// The WebAssembly modules that the engine is on a page.
#[derive(Debug, Clone)]
pub struct Modules([Vec<u8>; 2]);

impl Modules {
    /// Reads the modules in the first of these folders that has both.
    ///
    /// # Errors
    /// [`ExportError::NoModules`] when none has, and [`ExportError::Io`].
    pub fn find(folders: &[PathBuf]) -> Result<Self, ExportError> {
        let has_both = |folder: &&PathBuf| MODULES.iter().all(|name| folder.join(name).is_file());
        let Some(folder) = folders.iter().find(has_both) else {
            return Err(ExportError::NoModules { folders: folders.to_vec() });
        };
        Self::read(folder)
    }

    fn read(folder: &Path) -> Result<Self, ExportError> {
        let read = |name: &str| {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(ExportError::io(&path))?;
            if bytes.starts_with(b"\0asm\x01\0\0\0") {
                Ok(bytes)
            } else {
                Err(ExportError::NotWebAssembly { path })
            }
        };
        let [simd, relaxed] = MODULES;
        Ok(Self([read(simd)?, read(relaxed)?]))
    }
}

/// Writes a page with a model into `folder`, which is made where it is missing. Other files in it stay.
/// Returns the bytes of all files.
///
/// # Errors
/// [`ExportError::Io`], and [`ExportError::Format`] when weights and metadata do not fit together.
pub fn write(
    folder: &Path,
    weights: &NetWeights,
    metadata: &Metadata,
    precision: StoredPrecision,
    modules: &Modules,
) -> Result<u64, ExportError> {
    let tensors = weights.to_tensors(&metadata.net)?;
    fs::create_dir_all(folder).map_err(ExportError::io(folder))?;
    let model = folder.join(MODEL);
    safetensors::write(&model, &tensors, Some(metadata), precision)?;
    let mut total = fs::metadata(&model).map_err(ExportError::io(&model))?.len();
    let texts = PAGE.iter().chain(&APP).map(|file| (file.name, file.text.as_bytes()));
    let modules = MODULES.into_iter().zip(modules.0.iter().map(Vec::as_slice));
    for (name, bytes) in texts.chain(modules) {
        let path = folder.join(name);
        replace_file(&path, |file| file.write_all(bytes)).map_err(ExportError::io(&path))?;
        total += bytes.len() as u64;
    }
    Ok(total)
}
