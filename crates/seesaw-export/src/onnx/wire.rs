//! The texts and constants of an ONNX file, found without decoding the rest.
//!
//! Decoded into structs, a small hostile file of empty messages would become a hundred times larger.
//! Everything here borrows from the file.

use std::collections::HashMap;

use half::f16;

use super::proto::data_type;
use crate::ExportError;

/// The most texts, and the most constants, that are listed; the largest nets have hundreds.
const MAX_ENTRIES: usize = 1 << 16;
/// The most sizes of a constant.
const MAX_DIMS: usize = 8;

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct File<'a> {
    /// Its texts by key.
    pub properties: HashMap<&'a str, &'a str>,
    /// Its constants by name.
    pub constants: HashMap<&'a str, Constant<'a>>,
}

/// A constant of a graph.
#[derive(Debug, Default)]
pub(super) struct Constant<'a> {
    dims: Vec<usize>,
    kind: u64,
    bytes: &'a [u8],
}

/// A field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A number of fixed width, which nothing here needs.
    Fixed,
}

impl<'a> File<'a> {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`ExportError::Damaged`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, ExportError> {
        let mut file = Self::default();
        for_each_field(bytes, |number, field| {
            match (number, field) {
                (7, Field::Bytes(graph)) => for_each_field(graph, |number, field| {
                    if let (5, Field::Bytes(tensor)) = (number, field) {
                        let (name, constant) = Constant::new(tensor)?;
                        check_count(file.constants.len())?;
                        file.constants.insert(name, constant);
                    }
                    Ok(())
                })?,
                (14, Field::Bytes(entry)) => {
                    let (mut key, mut value) = ("", "");
                    for_each_field(entry, |number, field| {
                        match (number, field) {
                            (1, Field::Bytes(bytes)) => key = text(bytes)?,
                            (2, Field::Bytes(bytes)) => value = text(bytes)?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    check_count(file.properties.len())?;
                    file.properties.insert(key, value);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(file)
    }

    /// The numbers of a constant that has these sizes.
    ///
    /// # Errors
    /// [`ExportError::Damaged`] when there is none, it has other sizes, or a number is not finite.
    pub fn numbers(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, ExportError> {
        let constant = self.constants.get(name);
        let constant = constant.ok_or_else(|| damaged(format!("it lacks `{name}`")))?;
        if constant.dims != dims {
            let found = &constant.dims;
            return Err(damaged(format!("`{name}` has the shape {found:?} instead of {dims:?}")));
        }
        let numbers = constant.numbers().filter(|numbers| {
            numbers.len() == dims.iter().product::<usize>()
                && numbers.iter().all(|number| number.is_finite())
        });
        numbers.ok_or_else(|| damaged(format!("`{name}` has too few numbers, or some not finite")))
    }
}

impl<'a> Constant<'a> {
    /// Its name, and the rest.
    fn new(tensor: &'a [u8]) -> Result<(&'a str, Self), ExportError> {
        let (mut name, mut constant) = ("", Self::default());
        for_each_field(tensor, |number, field| {
            match (number, field) {
                (1, Field::Number(size)) => constant.size(size)?,
                (1, Field::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        let size = varint(&mut packed)?;
                        constant.size(size)?;
                    }
                }
                (2, Field::Number(kind)) => constant.kind = kind,
                (8, Field::Bytes(bytes)) => name = text(bytes)?,
                (9, Field::Bytes(bytes)) => constant.bytes = bytes,
                _ => {}
            }
            Ok(())
        })?;
        Ok((name, constant))
    }

    fn size(&mut self, size: u64) -> Result<(), ExportError> {
        if self.dims.len() == MAX_DIMS {
            return Err(damaged("a tensor has too many sizes"));
        }
        self.dims.push(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(())
    }

    fn numbers(&self) -> Option<Vec<f32>> {
        if self.kind == data_type::FLOAT as u64 {
            let (numbers, []) = self.bytes.as_chunks() else { return None };
            Some(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        } else if self.kind == data_type::FLOAT16 as u64 {
            let (numbers, []) = self.bytes.as_chunks() else { return None };
            Some(numbers.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect())
        } else {
            None
        }
    }
}

/// Calls `visit` with the number and the value of each field of a message.
fn for_each_field<'a>(
    mut message: &'a [u8],
    mut visit: impl FnMut(u64, Field<'a>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let field = match key & 7 {
            0 => Field::Number(varint(&mut message)?),
            1 => take(&mut message, 8).map(|_| Field::Fixed)?,
            2 => {
                let len = varint(&mut message)?;
                Field::Bytes(take(&mut message, len)?)
            }
            5 => take(&mut message, 4).map(|_| Field::Fixed)?,
            _ => return Err(damaged("a field has an unknown type")),
        };
        visit(key >> 3, field)?;
    }
    Ok(())
}

/// A number in groups of seven bits, the lowest first.
fn varint(bytes: &mut &[u8]) -> Result<u64, ExportError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(|| damaged("it ends early"))?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(damaged("a number is too long"))
}

fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Result<&'a [u8], ExportError> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let (taken, rest) = bytes.split_at_checked(len).ok_or_else(|| damaged("it ends early"))?;
    *bytes = rest;
    Ok(taken)
}

fn text(bytes: &[u8]) -> Result<&str, ExportError> {
    str::from_utf8(bytes).map_err(|_| damaged("a text is not UTF-8"))
}

fn check_count(entries: usize) -> Result<(), ExportError> {
    if entries < MAX_ENTRIES { Ok(()) } else { Err(damaged("it lists too many tensors or texts")) }
}

pub(super) fn damaged(what: impl Into<String>) -> ExportError {
    ExportError::Damaged(what.into())
}
