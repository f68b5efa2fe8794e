//! Opcodes that name functions and classes, and make something of them: known data, or an object that
//! stays closed.

use super::{
    global::Global,
    input::Input,
    pickle::Machine,
    value::{Element, Id, NONE, OTHER, Object, Storage, Value, Values, bad},
};
use crate::FormatError;

impl Machine<'_> {
    /// Names, and operations on them. Returns whether the opcode is one of these.
    pub(super) fn object(
        &mut self,
        opcode: u8,
        input: &mut Input<'_>,
    ) -> Result<bool, FormatError> {
        match opcode {
            b'c' => {
                let (module, name) = (input.line()?, input.line()?);
                self.global(module, name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let names = self.values.text(module).zip(self.values.text(name));
                let (module, name) = names.ok_or_else(|| bad("a name is not text"))?;
                let (module, name) = (module.to_owned(), name.to_owned());
                self.global(&module, &name)
            }
            // A function and its arguments, a class and its arguments.
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)
            }
            // The same with arguments by name.
            0x92 => {
                let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, arguments)
            }
            b'i' => {
                let (module, name) = (input.line()?, input.line()?);
                let global = Global::named(self.values, module, name)?;
                let class = self.values.add(Value::Global(global))?;
                let arguments = self.pop_to_mark()?;
                self.call_with(class, arguments)
            }
            b'o' => {
                let mut arguments = self.pop_to_mark()?;
                if arguments.is_empty() {
                    return Err(bad("it makes an object without a class"));
                }
                let class = arguments.remove(0);
                self.call_with(class, arguments)
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                self.values.set_state(object, state)?;
                Ok(true)
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)
            }
            0x82..=0x84 => Err(FormatError::Refused("an extension".to_owned())),
            b'P' => Err(bad("a storage is named by a line of text")),
            _ => Ok(false),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<bool, FormatError> {
        let global = Global::named(self.values, module, name)?;
        self.push(Value::Global(global))
    }

    fn call_with(&mut self, function: Id, arguments: Vec<Id>) -> Result<bool, FormatError> {
        let arguments = self.values.add(Value::Tuple(arguments))?;
        self.call(function, arguments)
    }

    /// What a call returns: data where the function is known, else an object that stays closed.
    fn call(&mut self, function: Id, arguments: Id) -> Result<bool, FormatError> {
        let Value::Global(global) = *self.values.get(function) else {
            return self.call_made(function, arguments);
        };
        let given = self.values.items(arguments).unwrap_or_default();
        let value = match (global, given) {
            (Global::Unknown(class), _) => return self.closed(class, arguments),
            (Global::Dict, []) => Some(Value::Dict(Vec::new())),
            (Global::Dict, [pairs]) => self.pairs(*pairs).map(Value::Dict),
            (Global::Size, [sizes]) => {
                self.values.items(*sizes).map(|sizes| Value::Tuple(sizes.to_vec()))
            }
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                if let Some(class) = self.class_of(*storage) {
                    return self.closed(class, arguments);
                }
                let view = self.values.view([*storage, *offset, *shape, *strides]);
                view.map(|view| Value::Tensor(Box::new(view)))
            }
            (Global::RebuildParameter, [tensor, ..]) => return self.same_tensor(*tensor),
            // The function that makes the tensor, the class, and the function's arguments.
            (Global::RebuildFromType, [function, _, arguments, ..]) => {
                return match self.values.get(*function) {
                    // A class within a class would need recursion, and nothing writes it.
                    Value::Global(Global::RebuildFromType) => {
                        Err(bad("a tensor's class is in another one"))
                    }
                    _ => self.call(*function, *arguments),
                };
            }
            _ => None,
        };
        match value {
            Some(value) => self.push(value),
            None => Err(bad(format!("{global:?} has unknown arguments"))),
        }
    }

    /// A call of something that a call has made, such as a class found by name.
    fn call_made(&mut self, function: Id, arguments: Id) -> Result<bool, FormatError> {
        match self.class_of(function) {
            Some(class) => self.closed(class, arguments),
            None if function == OTHER => self.push_id(OTHER),
            None => Err(FormatError::Refused("a value".to_owned())),
        }
    }

    fn closed(&mut self, class: u32, arguments: Id) -> Result<bool, FormatError> {
        let object = Object { class, arguments, state: NONE, entries: Vec::new() };
        self.push(Value::Object(Box::new(object)))
    }

    fn class_of(&self, id: Id) -> Option<u32> {
        match self.values.get(id) {
            Value::Object(object) => Some(object.class),
            _ => None,
        }
    }

    fn same_tensor(&mut self, tensor: Id) -> Result<bool, FormatError> {
        match self.values.get(tensor) {
            Value::Tensor(_) | Value::Object(_) => self.push_id(tensor),
            _ => Err(bad("a parameter is not a tensor")),
        }
    }

    fn pairs(&self, list: Id) -> Option<Vec<(Id, Id)>> {
        let pair = |id: &Id| match self.values.items(*id)? {
            [key, value] => Some((*key, *value)),
            _ => None,
        };
        if let Value::Dict(entries) = self.values.get(list) {
            return Some(entries.clone());
        }
        self.values.items(list)?.iter().map(pair).collect()
    }

    /// What a persistent id stands for: a storage, or in old files a module's class with its source.
    fn persistent(&mut self, id: Id) -> Result<bool, FormatError> {
        let kind = |values: &Values| {
            let items = values.items(id)?;
            let class = items.get(1).copied()?;
            Some((values.text(*items.first()?)?.to_owned(), class))
        };
        let (kind, class) =
            kind(self.values).ok_or_else(|| bad("a persistent value is not described"))?;
        if kind == "module" {
            return self.push_id(class);
        }
        match self.values.get(class) {
            Value::Global(Global::Unknown(class)) if kind == "storage" => {
                let class = *class;
                self.closed(class, NONE)
            }
            _ => {
                let storage = self.storage(id).ok_or_else(|| bad("a storage is not described"))?;
                self.push(Value::Storage(Box::new(storage)))
            }
        }
    }

    /// The storage that a persistent id describes: `("storage", type, key, device, elements)`. The
    /// number of elements is taken from the bytes instead.
    fn storage(&self, id: Id) -> Option<Storage> {
        let (fields, view) = self.values.items(id)?.split_at_checked(5)?;
        let [kind, element, key, ..] = fields else { return None };
        // Old files have one more field: which part of another storage this one is.
        let no_view = matches!(view, [] | [NONE]);
        let Value::Global(Global::StorageOf(element)) = *self.values.get(*element) else {
            return None;
        };
        if self.values.text(*kind)? != "storage" || !no_view {
            return None;
        }
        // Every tensor keeps its storage's key, and real ones are numbers.
        let key = self.values.text(*key).filter(|key| key.len() <= 64)?.to_owned();
        let element: Element = element;
        Some(Storage { key, element })
    }
}
