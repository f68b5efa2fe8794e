//! A graph under construction.

use half::f16;

use super::proto::{
    Attribute, Dimension, Graph, Node, Shape, Size, Tensor, TensorType, Type, ValueInfo,
    attribute_type, data_type,
};

/// Largest magnitude of a 16-bit floating-point number.
const MAX_F16: f32 = 65504.0;

/// Nodes and constants so far. Values are known by their names; a node with one result has its name.
#[derive(Debug, Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    /// Whether weights are stored as 16-bit floats, and converted when the file is loaded.
    half: bool,
}

impl Builder {
    pub fn new(half: bool) -> Self {
        Self { half, ..Self::default() }
    }

    /// Adds a node with one result, which is returned.
    pub fn node<const N: usize>(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attributes: [Attribute; N],
    ) -> String {
        self.nodes.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute: attributes.into(),
        });
        name.to_owned()
    }

    /// Cuts `x` along its channels into parts of these sizes.
    pub fn split(&mut self, name: &str, x: &str, sizes: &[usize]) -> Vec<String> {
        let sizes: Vec<i64> = sizes.iter().map(|size| *size as i64).collect();
        let sizes_name = self.integers(&format!("{name}.sizes"), &sizes);
        let parts: Vec<String> = (0..sizes.len()).map(|part| format!("{name}.{part}")).collect();
        self.nodes.push(Node {
            input: vec![x.to_owned(), sizes_name],
            output: parts.clone(),
            name: name.to_owned(),
            op_type: "Split".to_owned(),
            attribute: vec![int("axis", 1)],
        });
        parts
    }

    /// Adds weights, in 16 bits where that was asked for and all of them are small enough. Returns the
    /// name of the value, which is 32-bit in either case.
    pub fn weights(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        if !self.half || values.iter().any(|value| value.abs() > MAX_F16) {
            return self.floats(name, dims, values);
        }
        let bytes = values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        self.constant(name, dims, data_type::FLOAT16, bytes);
        let to = [int("to", data_type::FLOAT.into())];
        self.node("Cast", &format!("{name}.f32"), &[name], to)
    }

    /// Adds a constant of 32-bit floats, and returns its name.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, dims, data_type::FLOAT, bytes)
    }

    /// Adds a list of integers, and returns its name.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, &[values.len()], data_type::INT64, bytes)
    }

    fn constant(&mut self, name: &str, dims: &[usize], kind: i32, bytes: Vec<u8>) -> String {
        self.constants.push(Tensor {
            dims: dims.iter().map(|size| *size as i64).collect(),
            data_type: kind,
            name: name.to_owned(),
            raw_data: bytes,
        });
        name.to_owned()
    }

    /// Gives the result of the last node another name, which is returned.
    pub fn name_result(&mut self, name: &str) -> String {
        let last = self.nodes.last_mut().expect("a node was added");
        last.output = vec![name.to_owned()];
        name.to_owned()
    }

    /// The finished graph.
    pub fn finish(self, name: &str, input: ValueInfo, output: ValueInfo) -> Graph {
        Graph {
            node: self.nodes,
            name: name.to_owned(),
            initializer: self.constants,
            input: vec![input],
            output: vec![output],
        }
    }
}

/// An attribute that is an integer.
pub(super) fn int(name: &str, value: i64) -> Attribute {
    Attribute { i: Some(value), ..attribute(name, attribute_type::INT) }
}

/// An attribute that is a list of integers.
pub(super) fn ints<const N: usize>(name: &str, values: [usize; N]) -> Attribute {
    let ints = values.iter().map(|value| *value as i64).collect();
    Attribute { ints, ..attribute(name, attribute_type::INTS) }
}

/// An attribute that is a floating-point number.
pub(super) fn float(name: &str, value: f32) -> Attribute {
    Attribute { f: Some(value), ..attribute(name, attribute_type::FLOAT) }
}

/// An attribute that is a text.
pub(super) fn text(name: &str, value: &str) -> Attribute {
    Attribute { s: Some(value.into()), ..attribute(name, attribute_type::STRING) }
}

fn attribute(name: &str, kind: i32) -> Attribute {
    Attribute { name: name.to_owned(), r#type: kind, ..Attribute::default() }
}

/// An input or output of this type and these sizes.
pub(super) fn value<const N: usize>(name: &str, kind: i32, sizes: [Size; N]) -> ValueInfo {
    let dim = sizes.into_iter().map(|size| Dimension { value: Some(size) }).collect();
    let tensor = TensorType { elem_type: kind, shape: Some(Shape { dim }) };
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor) }) }
}

/// A size that is always this.
pub(super) fn fixed(size: usize) -> Size {
    Size::Fixed(size as i64)
}

/// A size that each call chooses.
pub(super) fn named(name: &str) -> Size {
    Size::Named(name.to_owned())
}
