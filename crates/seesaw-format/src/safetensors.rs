//! The native files: tensors, and JSON about them in the header.

use std::{
    fmt::Display,
    io::{Read, Write},
    path::Path,
};

use safetensors::{
    Dtype, SafeTensorError,
    tensor::{Metadata as Header, TensorInfo, TensorView},
};

use crate::{FormatError, Metadata, Tensor, Tensors, error::shown, replace_file};

/// The key of the metadata in the header.
const KEY: &str = "seesaw";
/// The longest header that is read or written. Nets of the zoo need about 50 KB and twenty thousand
/// class names half a megabyte; parsing a hostile header takes up to 26 times its length in memory.
const MAX_HEADER: u64 = 4 << 20;
/// Bytes of a tensor that are read at a time: a multiple of every number's size, and small enough to
/// stay in the cache.
const CHUNK: usize = 128 << 10;

/// How wide the numbers in a file are. (How training computes is another matter.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StoredPrecision {
    /// 32-bit everywhere.
    #[default]
    F32,
    /// 16-bit matrices and kernels. Biases and batch norms, which are few and sensitive, stay 32-bit,
    /// and so does a tensor with a number too large for 16 bits.
    F16,
}

/// A text of the caller's in a file's header, under a key of the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderText<'a> {
    /// The key; models use `seesaw`.
    pub key: &'a str,
    /// The text.
    pub text: &'a str,
}

/// Whether these first bytes are a safetensors file's: the length of its header, below 2^32, and the
/// beginning of a JSON object.
pub fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.len() > 8 && bytes[4..8] == [0; 4] && bytes[8] == b'{'
}

/// Reads a safetensors file's tensors and its [`Metadata`], if it has any.
///
/// Floating-point numbers of 16 and 64 bits become f32; tensors of integers are left out.
///
/// # Errors
/// [`FormatError::Safetensors`], [`FormatError::CutShort`] and [`FormatError::Metadata`].
pub fn read(bytes: &[u8]) -> Result<(Tensors, Option<Metadata>), FormatError> {
    read_from(bytes, bytes.len() as u64)
}

/// Reads a safetensors file's tensors as [`read`] does, and the text under `key` in its header, if it
/// has one; the counterpart of [`write_with_text`].
///
/// # Errors
/// [`FormatError::Safetensors`].
pub fn read_with_text(bytes: &[u8], key: &str) -> Result<(Tensors, Option<String>), FormatError> {
    let mut rest = bytes;
    let header = read_header(&mut rest, bytes.len() as u64)?;
    Ok((read_tensors(&mut rest, &header)?, header_text(&header, key).cloned()))
}

/// As [`read`], from a file of `len` bytes, which is never in memory as a whole.
pub(crate) fn read_from(
    mut file: impl Read,
    len: u64,
) -> Result<(Tensors, Option<Metadata>), FormatError> {
    let header = read_header(&mut file, len)?;
    let metadata = header_text(&header, KEY).map(|json| Metadata::from_json(json)).transpose()?;
    Ok((read_tensors(&mut file, &header)?, metadata))
}

fn header_text<'a>(header: &'a Header, key: &str) -> Option<&'a String> {
    header.metadata().as_ref()?.get(key)
}

/// Reads the tensors that follow the header.
fn read_tensors(file: &mut impl Read, header: &Header) -> Result<Tensors, FormatError> {
    let mut tensors = Tensors::new();
    let mut chunk = vec![0; CHUNK];
    for name in header.offset_keys() {
        let info = header.info(&name).expect("the header's own names");
        if let Some(data) = read_floats(file, &name, info, &mut chunk)? {
            tensors.insert(name, Tensor { shape: info.shape.clone(), data });
        }
    }
    Ok(tensors)
}

/// Reads the header and checks that the tensors it lists fill the rest of `len` bytes.
fn read_header(file: &mut impl Read, len: u64) -> Result<Header, FormatError> {
    let mut start = [0; 8];
    if len < start.len() as u64 {
        return Err(bad(&SafeTensorError::HeaderTooSmall));
    }
    file.read_exact(&mut start).map_err(|e| bad(&e))?;
    check_header(&start)?;
    let header_len = u64::from_le_bytes(start);
    let Some(rest) = len.checked_sub(8 + header_len) else {
        return Err(FormatError::CutShort { len, expected: None });
    };
    let mut text = String::new();
    file.by_ref().take(header_len).read_to_string(&mut text).map_err(|e| bad(&e))?;
    let header: Header = serde_json::from_str(&text)
        .map_err(|error| bad(&SafeTensorError::InvalidHeaderDeserialization(error)))?;
    let data_len = header.data_len() as u64;
    if data_len > rest {
        let expected = data_len.checked_add(8 + header_len);
        return Err(FormatError::CutShort { len, expected });
    }
    if data_len != rest {
        return Err(bad(&SafeTensorError::MetadataIncompleteBuffer));
    }
    Ok(header)
}

fn bad(error: &dyn Display) -> FormatError {
    FormatError::Safetensors(shown(&error.to_string()))
}

/// Refuses a header that is too long to parse; `bytes` begin with its length.
fn check_header(bytes: &[u8]) -> Result<(), FormatError> {
    let len = bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
    if len > MAX_HEADER {
        let what = format!("its header has {len} bytes, and the limit is {MAX_HEADER}");
        return Err(FormatError::Safetensors(what));
    }
    Ok(())
}

/// Reads the next tensor's numbers; `None` when they are integers. `chunk` is a buffer for its bytes.
fn read_floats(
    file: &mut impl Read,
    name: &str,
    info: &TensorInfo,
    chunk: &mut [u8],
) -> Result<Option<Vec<f32>>, FormatError> {
    let is_float = match info.dtype {
        Dtype::F32 | Dtype::F64 | Dtype::F16 | Dtype::BF16 => true,
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 | Dtype::U8 | Dtype::BOOL => false,
        other => {
            let what =
                format!("`{}` holds {other:?} numbers, which are not supported", shown(name));
            return Err(FormatError::Safetensors(what));
        }
    };
    let mut left = info.data_offsets.1 - info.data_offsets.0;
    let mut data = Vec::new();
    if is_float {
        data.reserve_exact(left / (info.dtype.bitsize() / 8));
    }
    while left > 0 {
        let part = left.min(CHUNK);
        let bytes = &mut chunk[..part];
        file.read_exact(bytes).map_err(|e| bad(&e))?;
        left -= part;
        match info.dtype {
            Dtype::F32 => extend(&mut data, bytes, f32::from_le_bytes),
            Dtype::F64 => extend(&mut data, bytes, |b| f64::from_le_bytes(b) as f32),
            Dtype::F16 => extend(&mut data, bytes, |b| half::f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => extend(&mut data, bytes, |b| half::bf16::from_le_bytes(b).to_f32()),
            // Integers are read to get to the next tensor.
            _ => {}
        }
    }
    Ok(is_float.then_some(data))
}

fn extend<const N: usize>(data: &mut Vec<f32>, bytes: &[u8], decode: impl Fn([u8; N]) -> f32) {
    data.extend(bytes.as_chunks::<N>().0.iter().map(|bytes| decode(*bytes)));
}

/// Writes a model file: tensors, and metadata where given. The file is replaced
/// [atomically](replace_file).
///
/// # Errors
/// [`FormatError::Io`], [`FormatError::Metadata`], and [`FormatError::Safetensors`] when the header
/// would be too long to be read; what was at `path` is then unchanged.
pub fn write(
    path: &Path,
    tensors: &Tensors,
    metadata: Option<&Metadata>,
    precision: StoredPrecision,
) -> Result<(), FormatError> {
    let json = metadata.map(Metadata::to_json).transpose()?;
    let header = json.as_deref().map(|text| HeaderText { key: KEY, text });
    write_with_text(path, tensors, header, precision)
}

/// Writes tensors as [`write()`] does, with a text of the caller's in the header instead of
/// [`Metadata`].
///
/// # Errors
/// [`FormatError::Io`] and [`FormatError::Safetensors`], as [`write()`].
pub fn write_with_text(
    path: &Path,
    tensors: &Tensors,
    text: Option<HeaderText<'_>>,
    precision: StoredPrecision,
) -> Result<(), FormatError> {
    let bytes = bytes_with_text(tensors, text, precision)?;
    replace_file(path, |file| file.write_all(&bytes)).map_err(FormatError::io(path))
}

/// What [`write_with_text`] writes, in memory.
///
/// # Errors
/// [`FormatError::Safetensors`], as [`write()`].
pub fn bytes_with_text(
    tensors: &Tensors,
    text: Option<HeaderText<'_>>,
    precision: StoredPrecision,
) -> Result<Vec<u8>, FormatError> {
    let header =
        text.map(|HeaderText { key, text }| [(key.into(), text.into())].into_iter().collect());
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
    Ok(bytes)
}

fn encode(tensor: &Tensor, precision: StoredPrecision) -> (Dtype, Vec<u8>) {
    let halves = || tensor.data.iter().map(|x| half::f16::from_f32(*x));
    let small = || halves().all(half::f16::is_finite);
    if precision == StoredPrecision::F16 && tensor.shape.len() > 1 && small() {
        (Dtype::F16, halves().flat_map(half::f16::to_le_bytes).collect())
    } else {
        (Dtype::F32, tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
}
