//! The values that a pickle can make: plain data, storages, tensors, and objects that stay closed.

use super::global::Global;
use crate::FormatError;

/// A value's number in [`Values`]. Values refer to each other by number, so that sharing is free and
/// dropping deeply nested values needs no recursion.
///
/// Numbers from [`FIRST_COUNT`] on are no places in [`Values`] but plain data themselves, so that a
/// list of a million losses costs no more than its bytes.
pub(super) type Id = u32;

/// `FIRST_COUNT + n` is the integer n.
const FIRST_COUNT: Id = 1 << 31;
/// The greatest integer that is kept; a file has fewer elements.
const MAX_COUNT: i64 = 1 << 30;
/// `None`.
pub(super) const NONE: Id = Id::MAX;
/// Values that no tensor needs: other numbers, booleans, bytes.
pub(super) const OTHER: Id = Id::MAX - 1;

/// The most memory that all values together may take; those of real checkpoints take a few megabytes.
const MAX_BYTES: usize = 96 << 20;
/// What a value takes in addition to what it holds.
const VALUE_BYTES: usize = 48;
/// The longest text that is kept; longer ones are neither names nor keys.
const MAX_TEXT: usize = 1024;
/// Items that a list keeps whatever they are; further numbers are not kept.
const MAX_NUMBERS: usize = 64;
/// The most dimensions of a tensor; more would only cost memory and time.
const MAX_DIMENSIONS: usize = 8;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Plain data without use for tensors.
    Plain,
    Text(Box<str>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Box<Storage>),
    Tensor(Box<TensorRef>),
    Object(Box<Object>),
}

static PLAIN: Value = Value::Plain;

/// What a class or function that is not known would have made: its name and what it was given. Nothing
/// is made of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    /// The class or function, as [`Values::name`] knows it.
    pub class: u32,
    /// What it was called with.
    pub arguments: Id,
    /// Its attributes.
    pub state: Id,
    /// What it holds if it is a dictionary.
    pub entries: Vec<(Id, Id)>,
}

/// The type of a storage's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    /// Numbers of that many bytes that weights do not consist of, which are left out.
    Unused(usize),
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

impl Element {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Unused(size) => size,
        }
    }
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(super) struct Values {
    all: Vec<Value>,
    /// Names of the classes and functions that are not known.
    names: Vec<String>,
    bytes: usize,
}

impl Values {
    /// Adds a value.
    pub fn add(&mut self, value: Value) -> Result<Id, FormatError> {
        self.charge(match &value {
            Value::Tuple(items) | Value::List(items) => VALUE_BYTES + items.len() * 4,
            Value::Dict(entries) => VALUE_BYTES + entries.len() * 8,
            Value::Text(text) if text.len() > MAX_TEXT => return Ok(OTHER),
            Value::Text(text) => VALUE_BYTES + text.len(),
            Value::Plain => return Ok(OTHER),
            Value::Global(_) => VALUE_BYTES,
            Value::Storage(_) => 3 * VALUE_BYTES,
            Value::Tensor(_) => 5 * VALUE_BYTES,
            Value::Object(_) => 2 * VALUE_BYTES,
        })?;
        self.all.push(value);
        Ok((self.all.len() - 1) as Id)
    }

    /// An integer, which takes no memory.
    pub fn integer(number: i64) -> Id {
        match number {
            0..=MAX_COUNT => FIRST_COUNT + number as Id,
            _ => OTHER,
        }
    }

    /// Counts memory.
    fn charge(&mut self, bytes: usize) -> Result<(), FormatError> {
        self.bytes += bytes;
        if self.bytes > MAX_BYTES { Err(too_many()) } else { Ok(()) }
    }

    /// The value with that number.
    pub fn get(&self, id: Id) -> &Value {
        self.all.get(id as usize).unwrap_or(&PLAIN)
    }

    /// All values that take memory.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.all.iter()
    }

    /// Keeps the name of a class or function that is not known.
    pub fn add_name(&mut self, name: String) -> Result<u32, FormatError> {
        if let Some(known) = self.names.iter().take(64).position(|known| *known == name) {
            return Ok(known as u32);
        }
        self.charge(VALUE_BYTES + name.len())?;
        self.names.push(name);
        Ok((self.names.len() - 1) as u32)
    }

    /// A name that [`Self::add_name`] has kept.
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// All names that [`Self::add_name`] has kept.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Appends items to a list. What is appended to anything else that may be a list is not kept.
    pub fn extend(&mut self, list: Id, mut items: Vec<Id>) -> Result<(), FormatError> {
        match self.all.get_mut(list as usize) {
            Some(Value::List(list)) => {
                if list.len() >= MAX_NUMBERS {
                    items.retain(|id| *id < FIRST_COUNT);
                }
                let bytes = items.len() * 4;
                list.extend(items);
                self.charge(bytes)
            }
            Some(Value::Object(_)) => Ok(()),
            None if list == OTHER => Ok(()),
            _ => Err(bad("it appends to something that is not a list")),
        }
    }

    /// Sets entries of a dictionary, or of an object that may be one.
    pub fn set(&mut self, dict: Id, pairs: &[[Id; 2]]) -> Result<(), FormatError> {
        let entries = match self.all.get_mut(dict as usize) {
            Some(Value::Dict(entries)) => entries,
            Some(Value::Object(object)) => &mut object.entries,
            None if dict == OTHER => return Ok(()),
            _ => return Err(bad("it sets entries of something that is not a dictionary")),
        };
        let before = entries.len();
        // Numbers under numbers, such as a loss for each step, lead to no tensor.
        let kept = pairs.iter().filter(|pair| pair.iter().any(|id| *id < FIRST_COUNT));
        entries.extend(kept.map(|[key, value]| (*key, *value)));
        let bytes = (entries.len() - before) * 8;
        self.charge(bytes)
    }

    /// Sets the attributes of an object. Those of an `OrderedDict` are a version for each layer.
    ///
    /// # Errors
    /// [`FormatError::Refused`] for values that have no attributes.
    pub fn set_state(&mut self, object: Id, state: Id) -> Result<(), FormatError> {
        match self.all.get_mut(object as usize) {
            Some(Value::Object(object)) => object.state = state,
            Some(Value::Dict(_) | Value::Tensor(_)) => {}
            None if object == OTHER => {}
            _ => return Err(FormatError::Refused("__setstate__".to_owned())),
        }
        Ok(())
    }

    /// The text, where the value is one.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
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
    fn count(id: Id) -> Option<usize> {
        let count = id.checked_sub(FIRST_COUNT).filter(|_| id < OTHER)?;
        usize::try_from(count).ok()
    }

    /// A tuple of counts, one for each dimension of a tensor.
    pub fn counts(&self, id: Id) -> Option<Vec<usize>> {
        let items = self.items(id).filter(|items| items.len() <= MAX_DIMENSIONS)?;
        items.iter().map(|item| Self::count(*item)).collect()
    }

    /// The view of a storage that these values describe.
    pub fn view(&self, [storage, offset, shape, strides]: [Id; 4]) -> Option<TensorRef> {
        let Value::Storage(storage) = self.get(storage) else { return None };
        let (shape, strides) = (self.counts(shape)?, self.counts(strides)?);
        let offset = Self::count(offset)?;
        let storage = Storage::clone(storage);
        (shape.len() == strides.len()).then_some(TensorRef { storage, offset, shape, strides })
    }
}

fn too_many() -> FormatError {
    bad("it makes more values than the checkpoint of any net")
}

/// An error of a damaged or unknown pickle.
pub(super) fn bad(what: impl Into<String>) -> FormatError {
    FormatError::Pickle(what.into())
}
