//! An unpickler that runs no code.
//!
//! A pickle is a program for a stack machine whose opcodes include "import this" and "call that". This
//! machine knows the few names that a state dict needs and treats them as data; any other name is an
//! error. The opcodes are described in CPython's `pickletools`.

use std::collections::HashMap;

use super::{
    input::{Input, text},
    value::{Global, Id, Storage, TensorRef, Value, Values, bad},
};
use crate::{FormatError, error::shown};

/// The most values on the stack, marks included.
const MAX_STACK: usize = 1 << 20;

/// The state of the machine.
struct Machine<'a> {
    values: &'a mut Values,
    stack: Vec<Item>,
    memo: HashMap<usize, Id>,
}

/// An item on the stack.
#[derive(Debug, Clone, Copy)]
enum Item {
    Mark,
    Value(Id),
}

/// Reads one pickle and returns its value; `input` is then at its end.
///
/// # Errors
/// [`FormatError::Pickle`] when it is damaged or too large, [`FormatError::Refused`] when it names
/// anything unknown.
pub(super) fn read(input: &mut Input<'_>, values: &mut Values) -> Result<Id, FormatError> {
    let mut machine = Machine { values, stack: Vec::new(), memo: HashMap::new() };
    loop {
        let opcode = input.byte()?;
        if opcode == b'.' {
            return machine.pop();
        }
        if !(machine.number(opcode, input)?
            || machine.words(opcode, input)?
            || machine.container(opcode)?
            || machine.memory(opcode, input)?
            || machine.object(opcode, input)?)
        {
            return Err(bad(format!("it has an unknown opcode {opcode:#04x}")));
        }
    }
}

impl Machine<'_> {
    fn push(&mut self, value: Value) -> Result<bool, FormatError> {
        let id = self.values.add(value)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<bool, FormatError> {
        self.push_item(Item::Value(id))
    }

    fn push_item(&mut self, item: Item) -> Result<bool, FormatError> {
        if self.stack.len() >= MAX_STACK {
            return Err(bad("its stack is too deep"));
        }
        self.stack.push(item);
        Ok(true)
    }

    fn pop(&mut self) -> Result<Id, FormatError> {
        match self.stack.pop() {
            Some(Item::Value(id)) => Ok(id),
            _ => Err(bad("it takes a value from an empty stack")),
        }
    }

    fn top(&self) -> Result<Id, FormatError> {
        match self.stack.last() {
            Some(Item::Value(id)) => Ok(*id),
            _ => Err(bad("it takes a value from an empty stack")),
        }
    }

    /// Pops the last mark and the values above it, and returns the values.
    fn pop_to_mark(&mut self) -> Result<Vec<Id>, FormatError> {
        let mark = self.stack.iter().rposition(|item| matches!(item, Item::Mark));
        let mark = mark.ok_or_else(|| bad("it takes a mark that is missing"))?;
        let above = self.stack.split_off(mark);
        let ids = above.into_iter().filter_map(|item| match item {
            Item::Value(id) => Some(id),
            Item::Mark => None,
        });
        Ok(ids.collect())
    }

    /// Numbers, booleans and `None`. Returns whether the opcode is one of these, as the next methods do.
    fn number(&mut self, opcode: u8, input: &mut Input<'_>) -> Result<bool, FormatError> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(input.array()?).into()),
            b'K' => Value::Int(input.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(input.array()?).into()),
            b'I' => match input.line()? {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                digits => Value::Int(integer(digits)?),
            },
            b'L' => Value::Int(integer(input.line()?.trim_end_matches('L'))?),
            0x8a => long(input.sized(1)?),
            0x8b => long(input.sized(4)?),
            b'F' => {
                input.line()?;
                Value::Other
            }
            b'G' => {
                input.take(8)?;
                Value::Other
            }
            _ => return Ok(false),
        };
        self.push(value)
    }

    /// Texts and bytes.
    fn words(&mut self, opcode: u8, input: &mut Input<'_>) -> Result<bool, FormatError> {
        let value = match opcode {
            b'S' => {
                let line = input.line()?;
                Value::Text(line.trim_matches(['\'', '"']).to_owned())
            }
            b'V' => Value::Text(input.line()?.to_owned()),
            b'X' | b'T' => Value::Text(text(input.sized(4)?)?.to_owned()),
            0x8c | b'U' => Value::Text(text(input.sized(1)?)?.to_owned()),
            0x8d => Value::Text(text(input.sized(8)?)?.to_owned()),
            b'C' | b'B' | 0x8e | 0x96 => {
                let size = match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                };
                input.sized(size)?;
                Value::Other
            }
            _ => return Ok(false),
        };
        self.push(value)
    }

    /// Tuples, lists, dictionaries, sets.
    fn container(&mut self, opcode: u8) -> Result<bool, FormatError> {
        match opcode {
            b'(' => self.push_item(Item::Mark),
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => {
                let len = usize::from(opcode - 0x84);
                let mut items = Vec::with_capacity(len);
                for _ in 0..len {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Value::Tuple(items))
            }
            b't' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items))
            }
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.extend(items)
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set(&items)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)
            }
            _ => Ok(false),
        }
    }

    fn extend(&mut self, items: Vec<Id>) -> Result<bool, FormatError> {
        let list = self.top()?;
        self.values.charge(items.len())?;
        match self.values.get_mut(list) {
            Value::List(list) => list.extend(items),
            Value::Other => {}
            _ => return Err(bad("it appends to something that is not a list")),
        }
        Ok(true)
    }

    fn set(&mut self, items: &[Id]) -> Result<bool, FormatError> {
        let (pairs, rest) = items.as_chunks::<2>();
        let dict = self.top()?;
        self.values.charge(pairs.len())?;
        match self.values.get_mut(dict) {
            Value::Other => {}
            Value::Dict(entries) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            _ => return Err(bad("it sets entries of something that is not a dictionary")),
        }
        Ok(true)
    }

    /// Operations on the stack and the memo, and opcodes without effect.
    fn memory(&mut self, opcode: u8, input: &mut Input<'_>) -> Result<bool, FormatError> {
        match opcode {
            0x80 => {
                let version = input.byte()?;
                if version > 5 {
                    return Err(bad(format!("pickle protocol {version} is not supported")));
                }
            }
            0x95 => {
                input.take(8)?;
            }
            b'0' => {
                self.stack.pop().ok_or_else(|| bad("it takes a value from an empty stack"))?;
            }
            b'1' => {
                self.pop_to_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push_id(top)?;
            }
            b'g' | b'h' | b'j' => {
                let key = match opcode {
                    b'g' => integer(input.line()?).and_then(memo_key)?,
                    b'h' => input.length(1)?,
                    _ => input.length(4)?,
                };
                let id = self.memo.get(&key).ok_or_else(|| bad("its memo lacks a value"))?;
                self.push_id(*id)?;
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let key = match opcode {
                    b'p' => integer(input.line()?).and_then(memo_key)?,
                    b'q' => input.length(1)?,
                    b'r' => input.length(4)?,
                    _ => self.memo.len(),
                };
                let top = self.top()?;
                if self.memo.len() >= MAX_STACK {
                    return Err(bad("its memo is too large"));
                }
                self.memo.insert(key, top);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Names, and operations on them.
    fn object(&mut self, opcode: u8, input: &mut Input<'_>) -> Result<bool, FormatError> {
        match opcode {
            b'c' => {
                let (module, name) = (input.line()?, input.line()?);
                self.push(Value::Global(Global::named(module, name)?))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let names = self.values.text(module).zip(self.values.text(name));
                let (module, name) = names.ok_or_else(|| bad("a name is not text"))?;
                let global = Global::named(module, name)?;
                self.push(Value::Global(global))
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = self.reduce(function, arguments)?;
                self.push(value)
            }
            // Attributes: those of an OrderedDict are a version number for each layer.
            b'b' => {
                self.pop()?;
                match self.values.get(self.top()?) {
                    Value::Dict(_) | Value::Other => Ok(true),
                    _ => Err(FormatError::Refused("__setstate__".to_owned())),
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id).ok_or_else(|| bad("a storage is not described"))?;
                self.push(Value::Storage(storage))
            }
            b'i' => {
                let (module, name) = (input.line()?, input.line()?);
                Global::named(module, name)?;
                Err(FormatError::Refused(shown(&format!("{module}.{name}()"))))
            }
            0x81 => {
                let (_, class) = (self.pop()?, self.pop()?);
                match self.values.get(class) {
                    Value::Global(Global::Inert) => self.push(Value::Other),
                    _ => Err(FormatError::Refused("a class".to_owned())),
                }
            }
            b'o' | 0x92 => Err(FormatError::Refused("a class".to_owned())),
            0x82..=0x84 => Err(FormatError::Refused("an extension".to_owned())),
            b'P' => Err(bad("a storage is named by a line of text")),
            _ => Ok(false),
        }
    }

    /// The value that a call of a known function returns.
    fn reduce(&mut self, function: Id, arguments: Id) -> Result<Value, FormatError> {
        let Value::Global(global) = *self.values.get(function) else {
            return Err(FormatError::Refused("a value".to_owned()));
        };
        let arguments = self.values.items(arguments).unwrap_or_default();
        let value = match (global, arguments) {
            (Global::Inert, _) => Some(Value::Other),
            (Global::OrderedDict, []) => Some(Value::Dict(Vec::new())),
            (Global::OrderedDict, [pairs]) => self.pairs(*pairs).map(Value::Dict),
            (Global::Size, [sizes]) => {
                self.values.items(*sizes).map(|sizes| Value::Tuple(sizes.to_vec()))
            }
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                self.tensor(*storage, *offset, *shape, *strides).map(Value::Tensor)
            }
            (Global::RebuildParameter, [tensor, ..]) => match self.values.get(*tensor) {
                Value::Tensor(tensor) => Some(Value::Tensor(tensor.clone())),
                _ => None,
            },
            _ => None,
        };
        value.ok_or_else(|| bad(format!("{global:?} has unknown arguments")))
    }

    fn pairs(&self, list: Id) -> Option<Vec<(Id, Id)>> {
        let pair = |id: &Id| match self.values.items(*id)? {
            [key, value] => Some((*key, *value)),
            _ => None,
        };
        self.values.items(list)?.iter().map(pair).collect()
    }

    /// The storage that a persistent id describes: `("storage", type, key, device, elements)`. The
    /// number of elements is taken from the bytes instead.
    fn storage(&self, id: Id) -> Option<Storage> {
        let (fields, view) = self.values.items(id)?.split_at_checked(5)?;
        let [kind, element, key, ..] = fields else { return None };
        // Old files have one more field: which part of another storage this one is.
        let no_view = match view {
            [] => true,
            [view] => *self.values.get(*view) == Value::None,
            _ => false,
        };
        let Value::Global(Global::StorageOf(element)) = *self.values.get(*element) else {
            return None;
        };
        if self.values.text(*kind)? != "storage" || !no_view {
            return None;
        }
        // Every tensor keeps its storage's key, and real ones are numbers.
        let key = self.values.text(*key).filter(|key| key.len() <= 64)?.to_owned();
        Some(Storage { key, element })
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Option<TensorRef> {
        let Value::Storage(storage) = self.values.get(storage) else { return None };
        let (shape, strides) = (self.values.counts(shape)?, self.values.counts(strides)?);
        let offset = self.values.count(offset)?;
        let storage = storage.clone();
        (shape.len() == strides.len()).then_some(TensorRef { storage, offset, shape, strides })
    }
}

fn integer(digits: &str) -> Result<i64, FormatError> {
    digits.trim().parse().map_err(|_| bad("an integer is malformed"))
}

fn memo_key(key: i64) -> Result<usize, FormatError> {
    usize::try_from(key).map_err(|_| bad("its memo lacks a value"))
}

/// An integer of any length; no tensor needs those of more than 8 bytes.
fn long(bytes: &[u8]) -> Value {
    let Some(last) = bytes.last() else { return Value::Int(0) };
    let mut number = [if *last >= 0x80 { 0xff } else { 0 }; 8];
    match number.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return Value::Other,
    }
    Value::Int(i64::from_le_bytes(number))
}
