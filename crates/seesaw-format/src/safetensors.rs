//! The native files: tensors, and JSON about them in the header.

use std::{
    collections::HashMap,
    fmt::Display,
    io::{Read, Write},
    path::Path,
};

use safetensors::{
    Dtype, SafeTensorError,
    tensor::{Metadata as Header, TensorInfo, TensorView},
};

use crate::{FormatError, Metadata, Tensor, Tensors, error::shown};

/// The key of the metadata in the header.
const KEY: &str = "seesaw";
/// The longest header that is read or written. Nets of the zoo have some 50 KB, twenty thousand
/// class names half a megabyte; parsing takes up to 26 times a hostile header's length.
const MAX_HEADER: u64 = 4 << 20;
/// Bytes of a tensor that are read at a time: a multiple of every number's size, and small enough to
/// stay in the cache.
const CHUNK: usize = 128 << 10;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32-bit everywhere.
    #[default]
    F32,
    /// 16-bit matrices and kernels; biases and batch norms, which are few and sensitive, stay
    /// 32-bit, and so does a tensor with a number too large for 16 bits.
    F16,
}

/// Whether these first bytes are a safetensors file's: a header's length, below 2^32, and the JSON
/// object that it is.
pub fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.len() > 8 && bytes[4..8] == [0; 4] && bytes[8] == b'{'
}

/// Reads a safetensors file's tensors and its `seesaw` metadata, if it has any.
///
/// Numbers of 16 and 64 bits become f32; tensors of whole numbers are left out.
///
/// # Errors
/// [`FormatError::Safetensors`] and [`FormatError::Metadata`].
pub fn read(bytes: &[u8]) -> Result<(Tensors, Option<Metadata>), FormatError> {
    read_from(bytes, bytes.len() as u64)
}

/// As [`read`], from a file of `len` bytes: it never lies in memory as a whole, and each number is
/// written once.
pub(crate) fn read_from(
    mut file: impl Read,
    len: u64,
) -> Result<(Tensors, Option<Metadata>), FormatError> {
    let header = read_header(&mut file, len)?;
    let json = header.metadata().as_ref().and_then(|m| m.get(KEY));
    let metadata = json.map(|json| Metadata::from_json(json)).transpose()?;
    let mut tensors = Tensors::new();
    let mut chunk = vec![0; CHUNK];
    for name in header.offset_keys() {
        let Some(info) = header.info(&name) else { continue };
        if let Some(data) = floats(&mut file, &name, info, &mut chunk)? {
            tensors.insert(name, Tensor { shape: info.shape.clone(), data });
        }
    }
    Ok((tensors, metadata))
}

/// Reads the header and makes sure that the tensors it lists fill the rest of `len` bytes.
fn read_header(file: &mut impl Read, len: u64) -> Result<Header, FormatError> {
    let mut start = [0; 8];
    if len < start.len() as u64 {
        return Err(bad(&SafeTensorError::HeaderTooSmall));
    }
    file.read_exact(&mut start).map_err(|e| bad(&e))?;
    check_header(&start)?;
    let header_len = u64::from_le_bytes(start);
    let Some(rest) = len.checked_sub(8 + header_len) else {
        return Err(bad(&SafeTensorError::InvalidHeaderLength));
    };
    let mut text = String::new();
    file.by_ref().take(header_len).read_to_string(&mut text).map_err(|e| bad(&e))?;
    let header: Header = serde_json::from_str(&text)
        .map_err(|error| bad(&SafeTensorError::InvalidHeaderDeserialization(error)))?;
    if header.data_len() as u64 != rest {
        return Err(bad(&SafeTensorError::MetadataIncompleteBuffer));
    }
    Ok(header)
}

fn bad(error: &dyn Display) -> FormatError {
    FormatError::Safetensors(shown(&error.to_string()))
}

/// Makes sure that the header, whose length comes first, is one that is worth parsing.
fn check_header(bytes: &[u8]) -> Result<(), FormatError> {
    let len = bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
    if len > MAX_HEADER {
        let what = format!("its header has {len} bytes; at most {MAX_HEADER} are allowed");
        return Err(FormatError::Safetensors(what));
    }
    Ok(())
}

/// Reads the next tensor's numbers; `None` when they are whole numbers. `chunk` is for a part of
/// its bytes.
fn floats(
    file: &mut impl Read,
    name: &str,
    info: &TensorInfo,
    chunk: &mut [u8],
) -> Result<Option<Vec<f32>>, FormatError> {
    let whole = match info.dtype {
        Dtype::F32 | Dtype::F64 | Dtype::F16 | Dtype::BF16 => false,
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 | Dtype::U8 | Dtype::BOOL => true,
        other => {
            let name = shown(name);
            let what = format!("`{name}` holds {other:?} numbers, which are not known here");
            return Err(FormatError::Safetensors(what));
        }
    };
    let mut left = info.data_offsets.1 - info.data_offsets.0;
    let mut data = Vec::new();
    if !whole {
        data.reserve_exact(8 * left / info.dtype.bitsize());
    }
    while left > 0 {
        let part = left.min(CHUNK);
        let bytes = &mut chunk[..part];
        file.read_exact(bytes).map_err(|e| bad(&e))?;
        left -= part;
        match info.dtype {
            Dtype::F32 => each(bytes, f32::from_le_bytes, &mut data),
            Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32, &mut data),
            Dtype::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f32(), &mut data),
            Dtype::BF16 => each(bytes, |b| half::bf16::from_le_bytes(b).to_f32(), &mut data),
            _ => {}
        }
    }
    Ok((!whole).then_some(data))
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32, data: &mut Vec<f32>) {
    data.extend(bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
}

/// Writes tensors, and metadata where given, to a new name beside `path`, then renames it: the file
/// is there whole or not at all.
///
/// # Errors
/// [`FormatError::Io`], [`FormatError::Metadata`], and [`FormatError::Safetensors`] when the header
/// would be too long to be read; what was at `path` is then still there.
pub fn write(
    path: &Path,
    tensors: &Tensors,
    metadata: Option<&Metadata>,
    precision: Precision,
) -> Result<(), FormatError> {
    let mut header = None;
    if let Some(metadata) = metadata {
        header = Some(HashMap::from([(KEY.to_owned(), metadata.to_json()?)]));
    }
    let encoded: Vec<(&str, Dtype, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let (dtype, bytes) = encode(tensor, precision);
            (name, dtype, tensor.shape.as_slice(), bytes)
        })
        .collect();
    let mut views = Vec::with_capacity(encoded.len());
    for (name, dtype, shape, bytes) in &encoded {
        views.push((name, TensorView::new(*dtype, shape.to_vec(), bytes).map_err(|e| bad(&e))?));
    }
    let bytes = safetensors::serialize(views, header).map_err(|e| bad(&e))?;
    check_header(&bytes)?;
    replace(path, &bytes)
}

fn encode(tensor: &Tensor, precision: Precision) -> (Dtype, Vec<u8>) {
    let halves = || tensor.data.iter().map(|x| half::f16::from_f32(*x));
    if precision == Precision::F16 && tensor.shape.len() > 1 && halves().all(half::f16::is_finite) {
        (Dtype::F16, halves().flat_map(half::f16::to_le_bytes).collect())
    } else {
        (Dtype::F32, tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
}

/// Puts `bytes` in the place of `path`.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), FormatError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let io = || FormatError::io(path);
    let mut file = tempfile::Builder::new().prefix(".seesaw-").tempfile_in(folder).map_err(io())?;
    file.write_all(bytes).map_err(io())?;
    file.as_file().sync_all().map_err(io())?;
    // A temporary file is its owner's alone; weights are as readable as any other new file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |old| old.permissions().mode());
        let permissions = std::fs::Permissions::from_mode(mode);
        file.as_file().set_permissions(permissions).map_err(io())?;
    }
    file.persist(path).map_err(|e| io()(e.error))?;
    Ok(())
}
