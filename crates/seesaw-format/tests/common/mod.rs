//! Pickles built by hand: byte by byte in the container of PyTorch before 1.6, or from values in the
//! later one.
#![allow(dead_code, reason = "each test uses a part")]

pub mod nets;

/// A file whose object is `program`, without storages.
pub fn hostile(program: &[u8]) -> Vec<u8> {
    let mut file =
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
            .to_vec();
    file.extend(program);
    file.extend(b"\x80\x02].");
    file
}

/// The opcode that makes this text.
pub fn text(text: &str) -> Vec<u8> {
    [b"X".to_vec(), (text.len() as u32).to_le_bytes().to_vec(), text.as_bytes().to_vec()].concat()
}

/// A state dict of one tensor with these sizes and strides over a storage of two numbers, 1.5 and
/// 2.5.
pub fn view(name: &str, offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let tuple = |items: &[u8]| {
        let numbers: Vec<u8> = items.iter().flat_map(|n| [b'K', *n]).collect();
        [b"(".to_vec(), numbers, b"t".to_vec()].concat()
    };
    let program = [
        b"\x80\x02}".to_vec(),
        text(name),
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        text("cpu"),
        b"K\x02tQ".to_vec(),
        vec![b'K', offset],
        tuple(shape),
        tuple(strides),
        b"\x89NtRs.".to_vec(),
    ];
    let mut file = hostile(&program.concat());
    file.truncate(file.len() - 4);
    file.extend([b"\x80\x02]".to_vec(), text("0"), b"a.".to_vec()].concat());
    file.extend(2u64.to_le_bytes());
    file.extend([1.5f32.to_le_bytes(), 2.5f32.to_le_bytes()].concat());
    file
}

/// A value as `torch.save` pickles it, for checkpoints that tests make.
#[derive(Debug, Clone)]
pub enum Py {
    Text(String),
    Int(i32),
    Float(f64),
    None,
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Dict(Vec<(Py, Py)>),
    /// A tensor of f32 in a storage of its own; the number that fills it, and its sizes.
    Tensor(f32, Vec<usize>),
    /// The class or function of this name, `module.name`.
    Global(String),
    /// A call: of a function, or of a class where there is a state.
    Call(String, Vec<Py>, Option<Box<Py>>),
}

/// The program and the storages of a file in the making.
#[derive(Debug, Default)]
struct Pickler {
    program: Vec<u8>,
    storages: Vec<Vec<u8>>,
}

impl Py {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A dictionary with text keys.
    pub fn dict<K: Into<String>>(entries: impl IntoIterator<Item = (K, Py)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (Self::Text(key.into()), value));
        Self::Dict(entries.collect())
    }

    /// A call of a function without a state.
    pub fn call(name: &str, arguments: impl IntoIterator<Item = Py>) -> Self {
        Self::Call(name.to_owned(), arguments.into_iter().collect(), None)
    }

    /// An object with these attributes.
    pub fn object(class: &str, attributes: Py) -> Self {
        Self::Call(class.to_owned(), Vec::new(), Some(Box::new(attributes)))
    }

    /// The file that `torch.save` makes of this value.
    pub fn saved(&self) -> Vec<u8> {
        self.archive(&[])
    }

    /// The same with further entries in the archive.
    pub fn archive(&self, more: &[&str]) -> Vec<u8> {
        use std::io::Write;
        let mut pickler = Pickler { program: b"\x80\x02".to_vec(), storages: Vec::new() };
        pickler.value(self);
        pickler.program.push(b'.');
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        let mut entry = |name: &str, bytes: &[u8]| {
            zip.start_file(format!("archive/{name}"), options).unwrap();
            zip.write_all(bytes).unwrap();
        };
        entry("data.pkl", &pickler.program);
        for (key, storage) in pickler.storages.iter().enumerate() {
            entry(&format!("data/{key}"), storage);
        }
        more.iter().for_each(|name| entry(name, b"3\n"));
        zip.finish().unwrap().into_inner()
    }
}

impl Pickler {
    fn value(&mut self, value: &Py) {
        match value {
            Py::Text(text) => self.program.extend(self::text(text)),
            Py::Int(number) => {
                self.program.push(b'J');
                self.program.extend(number.to_le_bytes());
            }
            Py::Float(number) => {
                self.program.push(b'G');
                self.program.extend(number.to_be_bytes());
            }
            Py::None => self.program.push(b'N'),
            Py::List(items) => {
                self.program.push(b']');
                // Lists are written a thousand items at a time.
                for part in items.chunks(1000) {
                    self.marked(part, b'e');
                }
            }
            Py::Tuple(items) => self.marked(items, b't'),
            Py::Dict(entries) => {
                self.program.push(b'}');
                for part in entries.chunks(1000) {
                    let flat: Vec<Py> =
                        part.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
                    self.marked(&flat, b'u');
                }
            }
            Py::Tensor(fill, shape) => self.tensor(*fill, shape),
            Py::Global(name) => {
                let (module, name) = name.rsplit_once('.').unwrap();
                self.program.extend(format!("c{module}\n{name}\n").as_bytes());
            }
            Py::Call(name, arguments, state) => {
                self.value(&Py::Global(name.clone()));
                self.marked(arguments, b't');
                self.program.push(if state.is_some() { 0x81 } else { b'R' });
                if let Some(state) = state {
                    self.value(state);
                    self.program.push(b'b');
                }
            }
        }
    }

    fn marked(&mut self, items: &[Py], end: u8) {
        self.program.push(b'(');
        items.iter().for_each(|item| self.value(item));
        self.program.push(end);
    }

    fn tensor(&mut self, fill: f32, shape: &[usize]) {
        let key = self.storages.len().to_string();
        let len: usize = shape.iter().product();
        self.storages.push(fill.to_le_bytes().repeat(len));
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product::<usize>());
        let tuple = |sizes: Vec<usize>| {
            Py::Tuple(sizes.into_iter().map(|size| Py::Int(size as i32)).collect())
        };
        self.value(&Py::Global("torch._utils._rebuild_tensor_v2".to_owned()));
        self.program.push(b'(');
        self.program.push(b'(');
        self.value(&Py::text("storage"));
        self.value(&Py::Global("torch.FloatStorage".to_owned()));
        [key.as_str(), "cpu"].into_iter().for_each(|part| self.value(&Py::text(part)));
        self.value(&Py::Int(len as i32));
        self.program.extend(b"tQ");
        self.value(&Py::Int(0));
        self.value(&tuple(shape.to_vec()));
        self.value(&tuple(strides.collect()));
        self.program.push(0x89);
        self.value(&Py::Dict(Vec::new()));
        self.program.extend(b"tR");
    }
}
