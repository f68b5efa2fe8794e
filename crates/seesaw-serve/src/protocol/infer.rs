//! The Open Inference Protocol, version 2, with the extensions for binary tensors and classification.

use std::sync::Arc;

use axum::body::Bytes;
use seesaw::ranking::probabilities;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    classify::{check_count, from_base64},
    numbers::Elements,
    tensors,
};
use crate::{error::Problem, models::Model};

/// The names of inputs and outputs, and what they hold.
const IMAGES: &str = "images";
const PHOTOS: &str = "photos";
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";

/// What the server can do, as `GET /v2` says.
pub fn server() -> Value {
    json!({
        "name": "seesaw",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "classification"],
    })
}

/// What a model takes and gives, as `GET /v2/models/NAME` says.
pub fn metadata(model: &Model) -> Value {
    let (side, classes) = (model.side(), model.classes());
    let tensor = |name: &str, datatype: &str, shape: Value| json!({ "name": name, "datatype": datatype, "shape": shape });
    json!({
        "name": model.name,
        "platform": "seesaw",
        "inputs": [
            tensor(IMAGES, "FP32", json!([-1, 3, side, side])),
            tensor(PHOTOS, "BYTES", json!([-1])),
        ],
        "outputs": [
            tensor(LOGITS, "FP32", json!([-1, classes])),
            tensor(PROBABILITIES, "FP32", json!([-1, classes])),
        ],
    })
}

/// A body, or the part of it that is JSON.
#[derive(Debug, Deserialize)]
struct Body {
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    inputs: Vec<InputTensor>,
    #[serde(default)]
    outputs: Option<Vec<OutputTensor>>,
}

#[derive(Debug, Deserialize)]
struct InputTensor {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    data: Option<Elements>,
}

#[derive(Debug, Deserialize)]
struct OutputTensor {
    name: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
}

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// Normalized images, `[n, 3, side, side]`.
    Images(Vec<f32>),
    /// Encoded photos.
    Photos(Vec<Bytes>),
}

/// An output that the request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    probabilities: bool,
    binary: bool,
    /// The most likely classes as text, instead of numbers.
    classification: Option<usize>,
}

/// A request that is understood.
#[derive(Debug)]
pub struct Request {
    id: Option<String>,
    wanted: Vec<Wanted>,
}

/// Reads a request for `model` of at most `most` images; the first `json_len` bytes are JSON, and the
/// binary tensors follow.
pub fn parse(
    body: &Bytes,
    json_len: Option<usize>,
    model: &Model,
    most: usize,
) -> Result<(Request, Input), Problem> {
    let json_len = json_len.unwrap_or(body.len());
    if json_len > body.len() {
        let message = "Inference-Header-Content-Length is greater than the length of the body";
        return Err(Problem::bad(message));
    }
    let binary = body.slice(json_len..);
    let Body { id, parameters, inputs, outputs } = serde_json::from_slice(&body[..json_len])
        .map_err(|error| Problem::bad(format!("the JSON is not as expected: {error}")))?;
    let input = input(inputs, binary, model, most)?;
    let binary = flag(parameters.as_ref(), "binary_data_output")?.unwrap_or(false);
    let wanted = match outputs {
        Some(outputs) if !outputs.is_empty() => {
            outputs.into_iter().map(|output| wanted(output, binary)).collect()
        }
        _ => {
            let all = |probabilities| Wanted { probabilities, binary, classification: None };
            Ok(vec![all(false), all(true)])
        }
    };
    Ok((Request { id, wanted: wanted? }, input))
}

/// The one input.
fn input(
    inputs: Vec<InputTensor>,
    binary: Bytes,
    model: &Model,
    most: usize,
) -> Result<Input, Problem> {
    let Ok([InputTensor { name, shape, datatype, parameters, data }]) =
        <[InputTensor; 1]>::try_from(inputs)
    else {
        let message = format!("give one input, either `{IMAGES}` or `{PHOTOS}`");
        return Err(Problem::bad(message));
    };
    let size = number(parameters.as_ref(), "binary_data_size")?;
    let data = match (data, size) {
        (Some(data), None) if binary.is_empty() => Data::Json(data),
        (None, Some(size)) if size == binary.len() => Data::Binary(binary),
        (None, None) => return Err(Problem::bad(format!("`{name}` has no data"))),
        (Some(_), Some(_)) => {
            return Err(Problem::bad(format!("`{name}` has data in JSON and as bytes")));
        }
        (_, size) => {
            let (found, announced) = (binary.len(), size.unwrap_or(0));
            let message = format!("{found} bytes follow the JSON, and {announced} are announced");
            return Err(Problem::bad(message));
        }
    };
    let wrong = |rule: &str| {
        Err(Problem::bad(format!("`{name}` is {datatype} {shape:?}, but must be {rule}")))
    };
    match (name.as_str(), datatype.as_str()) {
        (IMAGES, "FP32") => images(&shape, data, model, most),
        (PHOTOS, "BYTES") => photos(&shape, data, most),
        (IMAGES, _) => wrong("FP32"),
        (PHOTOS, _) => wrong("BYTES"),
        _ => {
            let message = format!("there is no input `{name}`: give `{IMAGES}` or `{PHOTOS}`");
            Err(Problem::bad(message))
        }
    }
}

enum Data {
    Json(Elements),
    Binary(Bytes),
}

fn images(shape: &[u64], data: Data, model: &Model, most: usize) -> Result<Input, Problem> {
    let side = model.side();
    let count = match *shape {
        [count, 3, rows, columns] if [rows, columns] == [side as u64; 2] => count,
        _ => {
            let message = format!("`{IMAGES}` is {shape:?}, but must be [n, 3, {side}, {side}]");
            return Err(Problem::bad(message));
        }
    };
    let count = checked_count(count, most)?;
    let numbers = match data {
        Data::Binary(bytes) => tensors::floats(&bytes)?,
        Data::Json(Elements::Numbers(numbers)) => numbers,
        Data::Json(Elements::None) => Vec::new(),
        Data::Json(Elements::Texts(_)) => {
            return Err(Problem::bad(format!("`{IMAGES}` holds strings, but must hold numbers")));
        }
    };
    let expected = count * 3 * side * side;
    if numbers.len() != expected {
        let found = numbers.len();
        let message = format!("`{IMAGES}` holds {found} numbers, and its shape {expected}");
        return Err(Problem::bad(message));
    }
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(Input::Images(numbers)),
        Some(at) => {
            let message = format!("`{IMAGES}` holds {} at position {at}", numbers[at]);
            Err(Problem::bad(message))
        }
    }
}

fn photos(shape: &[u64], data: Data, most: usize) -> Result<Input, Problem> {
    let &([count] | [count, 1]) = shape else {
        return Err(Problem::bad(format!("`{PHOTOS}` is {shape:?}, but must be [n]")));
    };
    let count = checked_count(count, most)?;
    let photos = match data {
        Data::Binary(bytes) => tensors::texts(bytes, most)?,
        Data::Json(Elements::None) => Vec::new(),
        Data::Json(Elements::Texts(texts)) => {
            let decode = |text: &String| from_base64(text).map(Bytes::from);
            texts.iter().map(decode).collect::<Result<_, _>>().map_err(|error| {
                Problem::bad(format!("in JSON, `{PHOTOS}` are in base64: {error}"))
            })?
        }
        Data::Json(Elements::Numbers(_)) => {
            return Err(Problem::bad(format!("`{PHOTOS}` holds numbers, but must hold strings")));
        }
    };
    if photos.len() != count {
        let found = photos.len();
        let message = format!("`{PHOTOS}` holds {found} elements, and its shape {count}");
        return Err(Problem::bad(message));
    }
    Ok(Input::Photos(photos))
}

fn checked_count(count: u64, most: usize) -> Result<usize, Problem> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    check_count(count, most)?;
    Ok(count)
}

fn wanted(output: OutputTensor, binary: bool) -> Result<Wanted, Problem> {
    let OutputTensor { name, parameters } = output;
    let probabilities = match name.as_str() {
        LOGITS => false,
        PROBABILITIES => true,
        _ => {
            let message =
                format!("there is no output `{name}`: there are `{LOGITS}` and `{PROBABILITIES}`");
            return Err(Problem::bad(message));
        }
    };
    let parameters = parameters.as_ref();
    let binary = flag(parameters, "binary_data")?.unwrap_or(binary);
    let classification = number(parameters, "classification")?.filter(|&classes| classes > 0);
    Ok(Wanted { probabilities, binary, classification })
}

/// A parameter that is true or false.
fn flag(parameters: Option<&Map<String, Value>>, name: &str) -> Result<Option<bool>, Problem> {
    match parameters.and_then(|parameters| parameters.get(name)) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(value) => Err(Problem::bad(format!("`{name}` is {value}, but must be true or false"))),
    }
}

/// A parameter that is a count.
fn number(parameters: Option<&Map<String, Value>>, name: &str) -> Result<Option<usize>, Problem> {
    let Some(value) = parameters.and_then(|parameters| parameters.get(name)) else {
        return Ok(None);
    };
    match value.as_u64().and_then(|value| usize::try_from(value).ok()) {
        Some(value) => Ok(Some(value)),
        None => Err(Problem::bad(format!("`{name}` is {value}, but must be a whole number"))),
    }
}

/// The logits of a request, image by image.
#[derive(Debug)]
pub struct Infer {
    request: Request,
    model: Arc<Model>,
    logits: Vec<f32>,
    images: usize,
}

/// An answer: JSON, followed by tensors if `json_len` says where they begin.
#[derive(Debug)]
pub struct InferReply {
    pub body: Vec<u8>,
    pub json_len: Option<usize>,
}

#[derive(Serialize)]
struct Reply<'a> {
    model_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<ReplyTensor>,
}

#[derive(Serialize)]
struct ReplyTensor {
    name: &'static str,
    datatype: &'static str,
    shape: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Tensor>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Tensor {
    Numbers(Vec<f32>),
    Texts(Vec<String>),
}

impl Infer {
    /// Of so many images.
    pub fn new(request: Request, model: Arc<Model>, images: usize) -> Self {
        let logits = vec![0.0; images * model.classes()];
        Self { request, model, logits, images }
    }

    /// Takes the logits of an image.
    pub fn computed(&mut self, image: usize, logits: &[f32]) {
        self.logits[image * logits.len()..][..logits.len()].copy_from_slice(logits);
    }

    /// The answer.
    pub fn finish(self) -> Result<InferReply, Problem> {
        if self.logits.iter().any(|logit| !logit.is_finite()) {
            return Err(Problem::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                "the net's output is not finite; its weights are damaged",
            ));
        }
        let mut binary = Vec::new();
        let outputs = self.request.wanted.iter().map(|&wanted| self.tensor(wanted, &mut binary));
        let outputs: Vec<ReplyTensor> = outputs.collect();
        let has_binary = self.request.wanted.iter().any(|wanted| wanted.binary);
        let reply = Reply { model_name: &self.model.name, id: self.request.id.as_deref(), outputs };
        let mut body = serde_json::to_vec(&reply).expect("texts and finite numbers are JSON");
        let json_len = has_binary.then_some(body.len());
        body.append(&mut binary);
        Ok(InferReply { body, json_len })
    }

    /// An output; its bytes are appended to `binary` if it is wanted so.
    fn tensor(&self, wanted: Wanted, binary: &mut Vec<u8>) -> ReplyTensor {
        let Wanted { probabilities, binary: as_bytes, classification } = wanted;
        let classes = self.model.classes();
        let (datatype, width, tensor) = match classification {
            None => ("FP32", classes, Tensor::Numbers(self.numbers(probabilities))),
            Some(most) => {
                let most = most.min(classes);
                ("BYTES", most, Tensor::Texts(self.most_likely(probabilities, most)))
            }
        };
        let mut reply = ReplyTensor {
            name: if probabilities { PROBABILITIES } else { LOGITS },
            datatype,
            shape: [self.images, width],
            parameters: None,
            data: None,
        };
        if as_bytes {
            let bytes = match &tensor {
                Tensor::Numbers(numbers) => tensors::float_bytes(numbers),
                Tensor::Texts(texts) => tensors::text_bytes(texts),
            };
            reply.parameters = Some(json!({ "binary_data_size": bytes.len() }));
            binary.extend(bytes);
        } else {
            reply.data = Some(tensor);
        }
        reply
    }

    fn numbers(&self, as_probabilities: bool) -> Vec<f32> {
        if !as_probabilities {
            return self.logits.clone();
        }
        let rows = self.logits.chunks_exact(self.model.classes());
        rows.flat_map(|row| probabilities(row).into_iter().map(|p| p as f32)).collect()
    }

    /// Triton's form of a classification: value, index and name of each of the `most` likely classes.
    fn most_likely(&self, as_probabilities: bool, most: usize) -> Vec<String> {
        let labels = self.model.classifier.labels();
        let rows = self.logits.chunks_exact(self.model.classes());
        let text = |row: &[f32], (class, probability): (usize, f64)| {
            let value = if as_probabilities { probability as f32 } else { row[class] };
            format!("{value}:{class}:{}", labels[class])
        };
        rows.flat_map(|row| {
            let ranked = seesaw::ranking::rank(row).into_iter().take(most);
            ranked.map(|guess| text(row, guess)).collect::<Vec<_>>()
        })
        .collect()
    }
}
