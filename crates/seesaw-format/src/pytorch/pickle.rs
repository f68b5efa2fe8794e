//! An unpickler that runs no code.
//!
//! A pickle is a program for a stack machine whose opcodes include "import this" and "call that". This
//! machine knows the few names that a state dict needs and treats them as data. What any other name
//! would make is a closed object: its name and what it was given. The opcodes are described in CPython's `pickletools`.

use std::collections::HashMap;

use super::{
    input::{Input, text},
    value::{Id, NONE, OTHER, Value, Values, bad},
};
use crate::FormatError;

/// The most values on the stack, marks included.
const MAX_STACK: usize = 1 << 20;

/// The state of the machine.
pub(super) struct Machine<'a> {
    pub(super) values: &'a mut Values,
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
/// [`FormatError::Pickle`] when it is damaged or too large, [`FormatError::Refused`] when it does what
/// only code could do.
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
    pub(super) fn push(&mut self, value: Value) -> Result<bool, FormatError> {
        let id = self.values.add(value)?;
        self.push_id(id)
    }

    pub(super) fn push_id(&mut self, id: Id) -> Result<bool, FormatError> {
        self.push_item(Item::Value(id))
    }

    fn push_item(&mut self, item: Item) -> Result<bool, FormatError> {
        if self.stack.len() >= MAX_STACK {
            return Err(bad("its stack is too deep"));
        }
        self.stack.push(item);
        Ok(true)
    }

    pub(super) fn pop(&mut self) -> Result<Id, FormatError> {
        match self.stack.pop() {
            Some(Item::Value(id)) => Ok(id),
            _ => Err(bad("it takes a value from an empty stack")),
        }
    }

    pub(super) fn top(&self) -> Result<Id, FormatError> {
        match self.stack.last() {
            Some(Item::Value(id)) => Ok(*id),
            _ => Err(bad("it takes a value from an empty stack")),
        }
    }

    /// Pops the last mark and the values above it, and returns the values.
    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<Id>, FormatError> {
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
        let id = match opcode {
            b'N' => NONE,
            0x88 | 0x89 => OTHER,
            b'J' => Values::integer(i32::from_le_bytes(input.array()?).into()),
            b'K' => Values::integer(input.byte()?.into()),
            b'M' => Values::integer(u16::from_le_bytes(input.array()?).into()),
            b'I' => match input.line()? {
                "00" | "01" => OTHER,
                digits => Values::integer(integer(digits)?),
            },
            b'L' => long_line(input.line()?),
            0x8a => long(input.sized(1)?),
            0x8b => long(input.sized(4)?),
            b'F' => {
                input.line()?;
                OTHER
            }
            b'G' => {
                input.take(8)?;
                OTHER
            }
            _ => return Ok(false),
        };
        self.push_id(id)
    }

    /// Texts and bytes.
    fn words(&mut self, opcode: u8, input: &mut Input<'_>) -> Result<bool, FormatError> {
        let value = match opcode {
            b'S' => {
                let line = input.line()?;
                Value::Text(line.trim_matches(['\'', '"']).into())
            }
            b'V' => Value::Text(input.line()?.into()),
            b'X' | b'T' => Value::Text(text(input.sized(4)?)?.into()),
            0x8c | b'U' => Value::Text(text(input.sized(1)?)?.into()),
            0x8d => Value::Text(text(input.sized(8)?)?.into()),
            b'C' | b'B' | 0x8e | 0x96 => {
                let size = match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                };
                input.sized(size)?;
                Value::Plain
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
        self.values.extend(list, items)?;
        Ok(true)
    }

    fn set(&mut self, items: &[Id]) -> Result<bool, FormatError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(bad("it sets an entry without a value"));
        }
        let dict = self.top()?;
        self.values.set(dict, pairs)?;
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
}

fn integer(digits: &str) -> Result<i64, FormatError> {
    digits.trim().parse().map_err(|_| bad("an integer is malformed"))
}

fn memo_key(key: i64) -> Result<usize, FormatError> {
    usize::try_from(key).map_err(|_| bad("its memo lacks a value"))
}

/// A Python 2 integer as text; no tensor needs those of more than 8 bytes.
fn long_line(digits: &str) -> Id {
    digits.trim_end_matches('L').trim().parse().map_or(OTHER, Values::integer)
}

/// An integer of any length; no tensor needs those of more than 8 bytes.
fn long(bytes: &[u8]) -> Id {
    let Some(last) = bytes.last() else { return Values::integer(0) };
    let mut number = [if *last >= 0x80 { 0xff } else { 0 }; 8];
    match number.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return OTHER,
    }
    Values::integer(i64::from_le_bytes(number))
}
