//! A plain interpreter of the operators that exported graphs use, written from ONNX's specification.
//!
//! It shares no code with the crate but the structs of the file. Numbers of every type are f64 here.

use std::collections::{HashMap, HashSet};

use half::f16;
use seesaw_export::onnx::proto::{Attribute, Model, Node, Size, Tensor, data_type};

use crate::resize::resize;

/// A tensor: sizes, type as in [`data_type`], numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub dims: Vec<usize>,
    pub kind: i32,
    pub data: Vec<f64>,
}

impl Value {
    pub fn new(dims: &[usize], kind: i32, data: Vec<f64>) -> Self {
        assert_eq!(dims.iter().product::<usize>(), data.len(), "{dims:?}");
        Self { dims: dims.to_vec(), kind, data }
    }

    pub fn floats(dims: &[usize], data: &[f32]) -> Self {
        Self::new(dims, data_type::FLOAT, data.iter().map(|x| f64::from(*x)).collect())
    }

    fn ints(&self) -> Vec<i64> {
        assert_eq!(self.kind, data_type::INT64);
        self.data.iter().map(|x| *x as i64).collect()
    }
}

/// Runs a model on its only input, and returns its only output. Everything that ONNX's checker would
/// refuse and that a mistake here could cause is refused too.
pub fn run(model: &Model, input: Value) -> Value {
    assert_eq!(model.ir_version, 8);
    assert_eq!(model.opset_import.len(), 1);
    assert_eq!((model.opset_import[0].domain.as_str(), model.opset_import[0].version), ("", 18));
    let graph = model.graph.as_ref().unwrap();
    assert!(!graph.name.is_empty());
    let [declared] = graph.input.as_slice() else { panic!("one input") };
    check(declared, &input);
    let mut values: HashMap<&str, Value> = HashMap::new();
    let mut unused: HashSet<&str> = HashSet::new();
    for tensor in &graph.initializer {
        unused.insert(&tensor.name);
        assert!(values.insert(&tensor.name, constant(tensor)).is_none(), "{}", tensor.name);
    }
    assert!(values.insert(&declared.name, input).is_none());
    let mut names = HashSet::new();
    for node in &graph.node {
        assert!(names.insert(&node.name), "two nodes {}", node.name);
        let inputs: Vec<Option<&Value>> = node
            .input
            .iter()
            .map(|name| {
                unused.remove(name.as_str());
                (!name.is_empty())
                    .then(|| values.get(name.as_str()).unwrap_or_else(|| panic!("{name}")))
            })
            .collect();
        let outputs = apply(node, &inputs);
        assert_eq!(outputs.len(), node.output.len());
        for (name, value) in node.output.iter().zip(outputs) {
            assert!(values.insert(name, value).is_none(), "{name} is computed twice");
        }
    }
    assert!(unused.is_empty(), "nothing reads {unused:?}");
    let [declared] = graph.output.as_slice() else { panic!("one output") };
    let output = values.remove(declared.name.as_str()).unwrap();
    check(declared, &output);
    output
}

/// Compares a value with its declaration.
fn check(declared: &seesaw_export::onnx::proto::ValueInfo, value: &Value) {
    let tensor = declared.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    assert_eq!(tensor.elem_type, value.kind, "{}", declared.name);
    let dims = &tensor.shape.as_ref().unwrap().dim;
    assert_eq!(dims.len(), value.dims.len(), "{}", declared.name);
    for (declared, size) in dims.iter().zip(&value.dims) {
        match declared.value.as_ref().unwrap() {
            Size::Fixed(fixed) => assert_eq!(*fixed, *size as i64),
            Size::Named(name) => assert!(!name.is_empty()),
        }
    }
}

fn constant(tensor: &Tensor) -> Value {
    let dims: Vec<usize> = tensor.dims.iter().map(|size| *size as usize).collect();
    let bytes = &tensor.raw_data;
    let data = match tensor.data_type {
        data_type::FLOAT => {
            bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
        }
        data_type::FLOAT16 => {
            bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f64()).collect()
        }
        data_type::INT64 => {
            bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect()
        }
        other => panic!("type {other}"),
    };
    Value::new(&dims, tensor.data_type, data)
}

/// A node's attributes, each of which must be asked for.
struct Attributes<'a> {
    node: &'a Node,
    asked: HashSet<&'static str>,
}

impl<'a> Attributes<'a> {
    fn find(&mut self, name: &'static str) -> Option<&'a Attribute> {
        self.asked.insert(name);
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn int(&mut self, name: &'static str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| {
            assert_eq!(attribute.r#type, 2);
            attribute.i.unwrap()
        })
    }

    fn ints(&mut self, name: &'static str) -> Vec<usize> {
        let attribute = self.find(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(attribute.r#type, 7);
        attribute.ints.iter().map(|x| *x as usize).collect()
    }

    fn float(&mut self, name: &'static str, default: f32) -> f32 {
        self.find(name).map_or(default, |attribute| {
            assert_eq!(attribute.r#type, 1);
            attribute.f.unwrap()
        })
    }

    fn text(&mut self, name: &'static str) -> String {
        let attribute = self.find(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(attribute.r#type, 3);
        String::from_utf8(attribute.s.clone().unwrap()).unwrap()
    }
}

fn apply(node: &Node, inputs: &[Option<&Value>]) -> Vec<Value> {
    let mut attributes = Attributes { node, asked: HashSet::new() };
    let at = &mut attributes;
    let outputs = arithmetic(node, inputs, at)
        .or_else(|| shaping(node, inputs, at))
        .or_else(|| layer(node, inputs, at))
        .unwrap_or_else(|| panic!("operator {}", node.op_type));
    for attribute in &node.attribute {
        assert!(attributes.asked.contains(attribute.name.as_str()), "{}", attribute.name);
    }
    outputs
}

/// Operators on single numbers.
fn arithmetic(
    node: &Node,
    inputs: &[Option<&Value>],
    at: &mut Attributes<'_>,
) -> Option<Vec<Value>> {
    let x = inputs[0].unwrap();
    let second = || inputs[1].unwrap();
    let value = match node.op_type.as_str() {
        "Clip" => {
            let (min, max) = (second().data[0], inputs[2].unwrap().data[0]);
            map(x, |value| value.clamp(min, max))
        }
        "Add" => binary(x, second(), |a, b| a + b),
        "Sub" => binary(x, second(), |a, b| a - b),
        "Mul" => binary(x, second(), |a, b| a * b),
        "Min" => binary(x, second(), f64::min),
        "Max" => binary(x, second(), f64::max),
        "Div" => {
            let whole = x.kind == data_type::INT64;
            binary(x, second(), |a, b| if whole { (a / b).trunc() } else { a / b })
        }
        "Round" => map(x, f64::round_ties_even),
        "Cast" => cast(x, at.int("to", 0) as i32),
        "ReduceMin" | "ReduceMax" => {
            assert_eq!(at.int("keepdims", 1), 1);
            let values = x.data.iter().copied();
            let value = match node.op_type.as_str() {
                "ReduceMin" => values.fold(f64::INFINITY, f64::min),
                _ => values.fold(f64::NEG_INFINITY, f64::max),
            };
            Value::new(&vec![1; x.dims.len()], x.kind, vec![value])
        }
        _ => return None,
    };
    Some(vec![value])
}

/// Operators that move numbers.
fn shaping(node: &Node, inputs: &[Option<&Value>], at: &mut Attributes<'_>) -> Option<Vec<Value>> {
    let x = inputs[0].unwrap();
    let second = || inputs[1].unwrap();
    let value = match node.op_type.as_str() {
        "Split" => return Some(split(x, &second().ints(), at.int("axis", 0))),
        "Concat" => concat(inputs, at.int("axis", 0) as usize),
        "Reshape" => reshape(x, &second().ints()),
        "Transpose" => transpose(x, &at.ints("perm")),
        "Unsqueeze" => {
            assert_eq!(second().ints(), [0]);
            Value::new(&[&[1], &x.dims[..]].concat(), x.kind, x.data.clone())
        }
        "Shape" => {
            let range = at.int("start", 0) as usize..at.int("end", x.dims.len() as i64) as usize;
            let sizes: Vec<f64> = x.dims[range].iter().map(|size| *size as f64).collect();
            Value::new(&[sizes.len()], data_type::INT64, sizes)
        }
        "Pad" => pad(x, &second().ints()),
        "Slice" => {
            assert_eq!(inputs[3].unwrap().ints(), [2, 3]);
            slice(x, &second().ints(), &inputs[2].unwrap().ints())
        }
        "Flatten" => {
            assert_eq!(at.int("axis", 1), 1);
            let rows = x.dims[0];
            Value::new(&[rows, x.data.len() / rows], x.kind, x.data.clone())
        }
        _ => return None,
    };
    Some(vec![value])
}

/// Layers of nets, and the scaling of photos.
fn layer(node: &Node, inputs: &[Option<&Value>], at: &mut Attributes<'_>) -> Option<Vec<Value>> {
    let x = inputs[0].unwrap();
    let value = match node.op_type.as_str() {
        "Conv" => conv(x, inputs[1].unwrap(), inputs[2].unwrap(), at),
        "GlobalAveragePool" => {
            let pixels = x.dims[2] * x.dims[3];
            let means = x.data.chunks(pixels).map(|p| p.iter().sum::<f64>() / pixels as f64);
            Value::new(&[x.dims[0], x.dims[1], 1, 1], x.kind, means.collect())
        }
        "Gemm" => {
            assert_eq!(at.int("transB", 0), 1);
            gemm(x, inputs[1].unwrap(), inputs[2].unwrap())
        }
        "Softmax" => {
            assert_eq!((at.int("axis", -1), x.dims.len()), (1, 2));
            softmax(x)
        }
        "Resize" => {
            let sizes = inputs[3].unwrap().ints();
            assert!(inputs[1].is_none() && inputs[2].is_none());
            assert_eq!(at.ints("axes"), [2, 3]);
            assert_eq!((at.int("antialias", 0), at.int("exclude_outside", 0)), (1, 1));
            assert_eq!(at.text("coordinate_transformation_mode"), "half_pixel");
            let cubic = (at.text("mode") == "cubic").then(|| at.float("cubic_coeff_a", -0.75));
            assert_eq!(x.kind, data_type::UINT8);
            let [height, width] = [0, 1].map(|axis| sizes[axis] as usize);
            let data = resize(&x.data, [x.dims[2], x.dims[3]], [height, width], cubic);
            Value::new(&[x.dims[0], x.dims[1], height, width], x.kind, data)
        }
        _ => return None,
    };
    Some(vec![value])
}

fn map(x: &Value, f: impl Fn(f64) -> f64) -> Value {
    Value { data: x.data.iter().map(|value| f(*value)).collect(), ..x.clone() }
}

fn strides(dims: &[usize]) -> Vec<usize> {
    (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect()
}

/// The index on each axis of number `at`.
fn index(mut at: usize, dims: &[usize]) -> Vec<usize> {
    let index = strides(dims).into_iter().map(|stride| {
        let on_axis = at / stride;
        at %= stride;
        on_axis
    });
    index.collect()
}

/// With broadcasting to the larger of two shapes.
fn binary(a: &Value, b: &Value, f: impl Fn(f64, f64) -> f64) -> Value {
    assert_eq!(a.kind, b.kind);
    let rank = a.dims.len().max(b.dims.len());
    let padded = |dims: &[usize]| [vec![1; rank - dims.len()], dims.to_vec()].concat();
    let (left, right) = (padded(&a.dims), padded(&b.dims));
    let dims: Vec<usize> = left.iter().zip(&right).map(|(l, r)| *l.max(r)).collect();
    let place = |index: &[usize], own: &[usize]| -> usize {
        let places = index.iter().zip(own).zip(strides(own));
        places.map(|((at, size), stride)| if *size == 1 { 0 } else { at * stride }).sum()
    };
    let number = |at: usize| {
        let index = index(at, &dims);
        f(a.data[place(&index, &left)], b.data[place(&index, &right)])
    };
    Value::new(&dims, a.kind, (0..dims.iter().product()).map(number).collect())
}

fn cast(x: &Value, kind: i32) -> Value {
    let data = x.data.iter().map(|value| match kind {
        data_type::FLOAT => f64::from(*value as f32),
        data_type::INT64 => value.trunc(),
        other => panic!("cast to {other}"),
    });
    Value::new(&x.dims, kind, data.collect())
}

fn conv(x: &Value, weight: &Value, bias: &Value, attributes: &mut Attributes<'_>) -> Value {
    let (group, stride) = (attributes.int("group", 1) as usize, attributes.ints("strides"));
    let pads = attributes.ints("pads");
    assert_eq!(attributes.ints("kernel_shape"), weight.dims[2..]);
    let ([n, inputs, height, width], [outputs, per_group, rows, cols]) = (sizes(x), sizes(weight));
    assert_eq!(inputs, per_group * group);
    assert_eq!(bias.dims, [outputs]);
    let out_rows = (height + pads[0] + pads[2] - rows) / stride[0] + 1;
    let out_cols = (width + pads[1] + pads[3] - cols) / stride[1] + 1;
    let mut data = Vec::with_capacity(n * outputs * out_rows * out_cols);
    for image in 0..n {
        for output in 0..outputs {
            let first = output / (outputs / group) * per_group;
            let mut plane = vec![bias.data[output]; out_rows * out_cols];
            for input in 0..per_group {
                let source = &x.data[(image * inputs + first + input) * height * width..];
                for (tap, w) in weight.data[(output * per_group + input) * rows * cols..]
                    [..rows * cols]
                    .iter()
                    .enumerate()
                    .filter(|(_, w)| **w != 0.0)
                {
                    for (at, sum) in plane.iter_mut().enumerate() {
                        let row = (at / out_cols * stride[0] + tap / cols).wrapping_sub(pads[0]);
                        let col = (at % out_cols * stride[1] + tap % cols).wrapping_sub(pads[1]);
                        if row < height && col < width {
                            *sum += w * source[row * width + col];
                        }
                    }
                }
            }
            data.extend(plane);
        }
    }
    Value::new(&[n, outputs, out_rows, out_cols], x.kind, data)
}

fn sizes(x: &Value) -> [usize; 4] {
    x.dims.as_slice().try_into().expect("four axes")
}

fn split(x: &Value, parts: &[i64], axis: i64) -> Vec<Value> {
    assert_eq!(axis, 1);
    assert_eq!(parts.iter().sum::<i64>(), x.dims[1] as i64);
    let inner: usize = x.dims[2..].iter().product();
    let mut start = 0;
    let part = |part: &i64| {
        let size = *part as usize;
        let images = x.data.chunks(x.dims[1] * inner);
        let data = images.flat_map(|image| &image[start * inner..(start + size) * inner]).copied();
        let dims = [&[x.dims[0], size], &x.dims[2..]].concat();
        let value = Value::new(&dims, x.kind, data.collect());
        start += size;
        value
    };
    parts.iter().map(part).collect()
}

fn concat(inputs: &[Option<&Value>], axis: usize) -> Value {
    let inputs: Vec<&Value> = inputs.iter().map(|input| input.unwrap()).collect();
    let mut dims = inputs[0].dims.clone();
    dims[axis] = inputs.iter().map(|input| input.dims[axis]).sum();
    let outer: usize = dims[..axis].iter().product();
    let mut data = Vec::new();
    for at in 0..outer {
        for input in &inputs {
            let len: usize = input.dims[axis..].iter().product();
            data.extend_from_slice(&input.data[at * len..][..len]);
        }
    }
    Value::new(&dims, inputs[0].kind, data)
}

fn reshape(x: &Value, sizes: &[i64]) -> Value {
    let size = |(axis, size): (usize, &i64)| if *size == 0 { x.dims[axis] } else { *size as usize };
    let dims: Vec<usize> = sizes.iter().enumerate().map(size).collect();
    Value::new(&dims, x.kind, x.data.clone())
}

fn transpose(x: &Value, order: &[usize]) -> Value {
    let dims: Vec<usize> = order.iter().map(|axis| x.dims[*axis]).collect();
    let strides = strides(&x.dims);
    let number = |at: usize| {
        let index = index(at, &dims);
        let place: usize = order.iter().zip(index).map(|(axis, at)| strides[*axis] * at).sum();
        x.data[place]
    };
    Value::new(&dims, x.kind, (0..x.data.len()).map(number).collect())
}

fn pad(x: &Value, pads: &[i64]) -> Value {
    let rank = x.dims.len();
    let dims: Vec<usize> =
        (0..rank).map(|axis| x.dims[axis] + (pads[axis] + pads[rank + axis]) as usize).collect();
    let number = |at: usize| {
        let index = index(at, &dims);
        let inner = index.iter().zip(pads).map(|(at, pad)| *at as i64 - pad);
        let place =
            inner.zip(&x.dims).zip(strides(&x.dims)).try_fold(0, |place, ((at, size), stride)| {
                (0..*size as i64).contains(&at).then(|| place + at as usize * stride)
            });
        place.map_or(0.0, |place| x.data[place])
    };
    Value::new(&dims, x.kind, (0..dims.iter().product()).map(number).collect())
}

/// A part of the last two axes.
fn slice(x: &Value, starts: &[i64], ends: &[i64]) -> Value {
    let [n, channels, height, width] = sizes(x);
    let range = |axis: usize, size: usize| {
        assert!(0 <= starts[axis] && ends[axis] <= size as i64, "the crop is within the map");
        starts[axis] as usize..ends[axis] as usize
    };
    let (rows, cols) = (range(0, height), range(1, width));
    let mut data = Vec::new();
    for plane in x.data.chunks(height * width) {
        for row in rows.clone() {
            data.extend_from_slice(&plane[row * width..][cols.clone()]);
        }
    }
    Value::new(&[n, channels, rows.len(), cols.len()], x.kind, data)
}

fn gemm(x: &Value, weight: &Value, bias: &Value) -> Value {
    let [outputs, inputs] = weight.dims[..] else { panic!("a matrix") };
    assert_eq!((x.dims[1], &bias.dims[..]), (inputs, &[outputs][..]));
    let product = |row: &[f64], output: usize| -> f64 {
        row.iter().zip(&weight.data[output * inputs..]).map(|(a, b)| a * b).sum()
    };
    let rows = x.data.chunks(inputs);
    let data = rows.flat_map(|row| (0..outputs).map(move |o| product(row, o) + bias.data[o]));
    Value::new(&[x.dims[0], outputs], x.kind, data.collect())
}

fn softmax(x: &Value) -> Value {
    let rows = x.data.chunks(x.dims[1]).flat_map(|row| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|value| (value - most).exp()).sum();
        row.iter().map(move |value| (value - most).exp() / sum)
    });
    Value::new(&x.dims, x.kind, rows.collect())
}
