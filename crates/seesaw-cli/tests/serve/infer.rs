//! The Open Inference Protocol.

use serde_json::{Value, json};

use crate::{
    client::{Response, Server},
    common::{Tiny, args, seesaw},
};

const INFER: &str = "/v2/models/tiny/infer";

/// The input of the golden data and what `seesaw infer` makes of it.
fn golden(tiny: &Tiny) -> (Vec<usize>, Vec<f32>, Vec<f32>) {
    let (out, weights) = (tiny.path("out.safetensors"), tiny.imported());
    seesaw(args!["infer", "--input", tiny.io, "--output", out, "--weights", weights]).ok();
    let input = seesaw_format::load(&tiny.io).unwrap().tensors.remove("input").unwrap();
    let logits = seesaw_format::load(&out).unwrap().tensors.remove("logits").unwrap();
    (input.shape, input.data, logits.data)
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect()
}

/// Sends JSON and the bytes that follow it.
fn send(server: &Server, json: &Value, binary: &[u8]) -> Response {
    let json = json.to_string();
    let body = [json.as_bytes(), binary].concat();
    let length = json.len().to_string();
    server.request("POST", INFER, &[("Inference-Header-Content-Length", &length)], &body)
}

#[test]
fn the_server_says_what_it_can_do_and_what_its_models_take() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    for path in ["/v2", "/v2/"] {
        let about = server.get(path).json();
        assert_eq!(about["name"], "seesaw");
        assert_eq!(about["extensions"][0], "binary_tensor_data");
    }
    assert_eq!(server.get("/v2/health/live").json(), json!({ "live": true }));
    assert_eq!(server.get("/v2/health/ready").json(), json!({ "ready": true }));
    assert_eq!(server.get("/v2/models/tiny/ready").json()["ready"], true);
    let model = server.get("/v2/models/tiny").json();
    let side = model["inputs"][0]["shape"][2].clone();
    assert_eq!(model["inputs"][0]["shape"], json!([-1, 3, side, side]));
    assert_eq!(
        model["outputs"][0],
        json!({"name": "logits", "datatype": "FP32", "shape": [-1, 7]})
    );
    for path in ["/v2/models/no", "/v2/models/no/ready"] {
        server.get(path).fails(404, &["no model `no`"]);
    }
    server.get("/v2/models/tiny/versions/1").fails(404, &["no versions"]);
    server.post("/v2/models/tiny/versions/1/infer", b"{}").fails(404, &["no versions"]);
}

#[test]
fn logits_are_those_of_the_command_to_the_bit() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-batch", "2"]);
    let (shape, input, expected) = golden(&tiny);
    let tensor = json!({"name": "images", "shape": shape, "datatype": "FP32", "data": input});
    let answer = send(&server, &json!({"id": "a b", "inputs": [tensor]}), b"").json();
    assert_eq!((&answer["model_name"], &answer["id"]), (&"tiny".into(), &"a b".into()));
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 2, "all outputs, if none is named");
    let logits: Vec<f32> = serde_json::from_value(answer["outputs"][0]["data"].clone()).unwrap();
    assert_eq!(bits(&logits), bits(&expected));
    let sums = serde_json::from_value::<Vec<f32>>(answer["outputs"][1]["data"].clone()).unwrap();
    assert!(sums.chunks(7).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));

    let binary = bytes(&input);
    let tensor = json!({
        "name": "images", "shape": shape, "datatype": "FP32",
        "parameters": {"binary_data_size": binary.len()},
    });
    let outputs = json!([{"name": "logits", "parameters": {"binary_data": true}}]);
    let response = send(&server, &json!({"inputs": [tensor], "outputs": outputs}), &binary);
    let length = response.header("inference-header-content-length").unwrap().parse().unwrap();
    let (json, binary) = response.body.split_at(length);
    let answer: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(answer["outputs"][0]["parameters"]["binary_data_size"], binary.len());
    assert_eq!(answer["outputs"][0]["shape"], json!([shape[0], 7]));
    assert_eq!(bits(&floats(binary)), bits(&expected));
}

#[test]
fn photos_are_bytes_and_classes_are_texts() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let photo = crate::common::bmp(20, [9, 99, 199]);
    let element = [&(photo.len() as u32).to_le_bytes()[..], &photo].concat();
    let both = element.repeat(2);
    let tensor = json!({
        "name": "photos", "shape": [2], "datatype": "BYTES",
        "parameters": {"binary_data_size": both.len()},
    });
    let outputs = json!([
        {"name": "probabilities", "parameters": {"classification": 2}},
        {"name": "logits"},
    ]);
    let answer = send(&server, &json!({"inputs": [tensor], "outputs": outputs}), &both).json();
    let texts: Vec<String> = serde_json::from_value(answer["outputs"][0]["data"].clone()).unwrap();
    assert_eq!(answer["outputs"][0]["shape"], json!([2, 2]));
    assert_eq!(texts[..2], texts[2..]);
    let first = server.post("/v1/classify", &photo).json()["top"][0].clone();
    let [probability, class, name] = texts[0].splitn(3, ':').collect::<Vec<_>>()[..] else {
        panic!("{texts:?}")
    };
    assert_eq!(first["class"], name);
    assert_eq!(format!("class {class}"), name);
    let probability: f64 = probability.parse().unwrap();
    assert!((first["probability"].as_f64().unwrap() - probability).abs() < 1e-6);
    let logits: Vec<f32> = serde_json::from_value(answer["outputs"][1]["data"].clone()).unwrap();
    assert_eq!(bits(&logits[..7]), bits(&logits[7..]));
}

#[test]
fn wrong_tensors_are_refused_with_the_rule() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let (shape, input, _) = golden(&tiny);
    let tensor = |name: &str, datatype: &str, shape: Value, data: Value| json!({"inputs": [{"name": name, "datatype": datatype, "shape": shape, "data": data}]});
    let images = |shape: Value, data: Value| tensor("images", "FP32", shape, data);
    let one = json!([1, 3, shape[2], shape[3]]);
    let mut large = input;
    large[5] = 1e38;
    for (request, parts) in [
        (json!({}), &["inputs"][..]),
        (json!({"inputs": []}), &["one input", "`images`", "`photos`"]),
        (tensor("x", "FP32", one.clone(), json!([])), &["no input `x`"]),
        (tensor("images", "FP16", one.clone(), json!([])), &["FP16", "must be FP32"]),
        (images(json!([1, 3, 5, 7]), json!([])), &["must be [n, 3"]),
        (images(one.clone(), json!([1.0])), &["holds 1 numbers"]),
        (images(one, json!(["a"])), &["holds strings"]),
        (
            images(json!([9_999_999_999_u64, 3, shape[2], shape[3]]), json!([])),
            &["the limit is 64"],
        ),
        (tensor("photos", "BYTES", json!([1]), json!(["%"])), &["base64"]),
        (tensor("photos", "BYTES", json!([2]), json!(["aGk="])), &["holds 1 elements"]),
        (tensor("photos", "BYTES", json!([1]), json!([3])), &["holds numbers"]),
    ] {
        send(&server, &request, b"").fails(400, parts);
    }
    let photo = tensor("photos", "BYTES", json!([1]), json!(["aGk="]));
    send(&server, &photo, b"").fails(415, &["photo 1", "not an image"]);
    send(&server, &photo, b"more").fails(400, &["4 bytes follow"]);
    let far = [("Inference-Header-Content-Length", "99")];
    server.request("POST", INFER, &far, b"{}").fails(400, &["greater than"]);
    let no_number = [("Inference-Header-Content-Length", "x")];
    server.request("POST", INFER, &no_number, b"{}").fails(400, &["must be a number"]);
    let gzip = [("Content-Encoding", "gzip")];
    server.request("POST", INFER, &gzip, b"{}").fails(415, &["Content-Encoding"]);
    // What overflows inside is an error and not a number that JSON lacks.
    let numbers = images(json!(shape), json!(large));
    let answer = send(&server, &numbers, b"");
    assert!(answer.status == 200 || answer.status == 500, "{}", answer.text());
    assert!(!answer.text().contains("null"), "{}", answer.text());
}
