//! The values that a pickle can make: plain data, storages and tensors.

use crate::{FormatError, error::shown};

/// A value's number in [`Values`]. Values refer to each other by number, so that sharing is free and
/// dropping deeply nested values needs no recursion.
pub(super) type Id = u32;

/// The most values that a checkpoint may make; real ones make tens of thousands.
const MAX_VALUES: usize = 1 << 18;
/// The most items that all values together may have, which a short program could copy repeatedly.
const MAX_ITEMS: usize = 1 << 22;

/// The most dimensions of a tensor; more would only cost memory and time.
const MAX_DIMENSIONS: usize = 8;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// Values that no tensor needs: floating-point numbers, bytes, and objects of [`Global::Inert`].
    Other,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage),
    Tensor(TensorRef),
}

/// The known functions and classes; they are only names here, and never called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    StorageOf(Element),
    /// A class or function that training scripts use in checkpoints. Its objects are not read.
    Inert,
}

/// The type of a storage's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    /// Integers of that many bytes, which are left out.
    Integer(usize),
}

/// A storage in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Storage {
    pub key: String,
    pub element: Element,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorRef {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl Global {
    /// The known function or class of this name.
    ///
    /// # Errors
    /// [`FormatError::Refused`] for all others.
    pub fn named(module: &str, name: &str) -> Result<Self, FormatError> {
        use Element::{Bf16, F16, F32, F64, Integer};
        let element = match (module, name) {
            ("collections", "OrderedDict") => return Ok(Self::OrderedDict),
            ("torch", "Size") => return Ok(Self::Size),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                return Ok(Self::RebuildTensor);
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                return Ok(Self::RebuildParameter);
            }
            ("torch", "DoubleStorage") => F64,
            ("torch", "FloatStorage") => F32,
            ("torch", "HalfStorage") => F16,
            ("torch", "BFloat16Storage") => Bf16,
            ("torch", "LongStorage") => Integer(8),
            ("torch", "IntStorage") => Integer(4),
            ("torch", "ShortStorage") => Integer(2),
            ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => Integer(1),
            _ if is_inert(module, name) => return Ok(Self::Inert),
            _ => {
                let whole = format!("{module}.{name}");
                return Err(FormatError::Refused(shown(&whole)));
            }
        };
        Ok(Self::StorageOf(element))
    }
}

/// Whether this names a class, or a function that makes a number or an array, as in the accuracies,
/// options and schedules that checkpoints hold in addition to the weights.
fn is_inert(module: &str, name: &str) -> bool {
    match module {
        "numpy" => matches!(name, "dtype" | "ndarray"),
        "numpy.core.multiarray" | "numpy._core.multiarray" => {
            matches!(name, "scalar" | "_reconstruct")
        }
        "_codecs" => name == "encode",
        "__builtin__" | "builtins" => {
            matches!(name, "set" | "frozenset" | "complex" | "bytearray" | "list" | "dict" | "int")
        }
        "collections" => matches!(name, "Counter" | "defaultdict"),
        "argparse" => name == "Namespace",
        "pathlib" => matches!(name, "PosixPath" | "PurePosixPath" | "WindowsPath"),
        "torch" => {
            matches!(name, "device" | "float32" | "float16" | "bfloat16" | "float64" | "int64")
        }
        _ => false,
    }
}

impl Element {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Integer(size) => size,
        }
    }
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(super) struct Values {
    all: Vec<Value>,
    items: usize,
}

impl Values {
    /// Adds a value.
    pub fn add(&mut self, value: Value) -> Result<Id, FormatError> {
        self.charge(match &value {
            Value::Tuple(items) | Value::List(items) => items.len(),
            Value::Dict(entries) => entries.len(),
            _ => 0,
        })?;
        if self.all.len() >= MAX_VALUES {
            return Err(too_many());
        }
        self.all.push(value);
        Ok((self.all.len() - 1) as Id)
    }

    /// Counts items of a new value or items added to a value.
    pub fn charge(&mut self, items: usize) -> Result<(), FormatError> {
        self.items += items;
        if self.items > MAX_ITEMS { Err(too_many()) } else { Ok(()) }
    }

    /// The value with that number, which [`Self::add`] returned.
    pub fn get(&self, id: Id) -> &Value {
        &self.all[id as usize]
    }

    /// Mutable access to the value with that number, which [`Self::add`] returned.
    pub fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.all[id as usize]
    }

    /// All values.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.all.iter()
    }

    /// The text, where the value is one.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, where the value is a dictionary.
    pub fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value as a count.
    pub fn count(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Value::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    /// A tuple of counts, one for each dimension of a tensor.
    pub fn counts(&self, id: Id) -> Option<Vec<usize>> {
        let items = self.items(id).filter(|items| items.len() <= MAX_DIMENSIONS)?;
        items.iter().map(|item| self.count(*item)).collect()
    }
}

fn too_many() -> FormatError {
    bad("it makes more values than the checkpoint of any net")
}

/// An error of a damaged or unknown pickle.
pub(super) fn bad(what: impl Into<String>) -> FormatError {
    FormatError::Pickle(what.into())
}
