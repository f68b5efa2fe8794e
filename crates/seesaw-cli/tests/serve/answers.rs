//! What is answered is what the command prints.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use seesaw_testing::bmp_of;

use crate::{
    client::{Server, form},
    common::{Tiny, args, seesaw},
};

fn photos() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/photos");
    ["church.jpg", "golf-ball.jpg", "parachute.jpg"].map(|name| folder.join(name)).to_vec()
}

fn weights() -> PathBuf {
    let name = "../../weights/seesaw-shuffle-0.5d-imagenette.safetensors";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// `text` as base64, by the plain rule.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        let digit = |i: usize| match i <= chunk.len() {
            true => char::from(DIGITS[(bits >> (18 - 6 * i)) as usize & 63]),
            false => '=',
        };
        [0, 1, 2, 3].map(digit)
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[test]
fn every_way_to_send_a_photo_gives_the_lines_of_predict() {
    let (weights, photos) = (weights(), photos());
    let options = ["predict", "--json", "--top", "3", "--unknown-below", "0.9", "--weights"];
    let options = options.map(OsString::from).into_iter().chain([weights.clone().into()]);
    let predicted = seesaw(options.chain(photos.iter().map(OsString::from)));
    let predicted = predicted.ok();
    let server = Server::start(&[weights.to_str().unwrap(), "--workers", "2"]);
    let bytes: Vec<Vec<u8>> = photos.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let names: Vec<&str> = photos.iter().map(|path| path.to_str().unwrap()).collect();

    let query = "top=3&unknown_below=0.9";
    let mut one_by_one = String::new();
    for (bytes, name) in bytes.iter().zip(&names) {
        let response = server.post(&format!("/v1/classify?{query}&path={name}"), bytes);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some("application/json"));
        one_by_one += response.text();
    }
    assert_eq!(one_by_one, predicted);

    let mut fields: Vec<(&str, Option<&str>, &[u8])> =
        names.iter().zip(&bytes).map(|(name, bytes)| ("file", Some(*name), &bytes[..])).collect();
    fields.push(("top", None, b"3"));
    fields.push(("unknown_below", None, b"0.9"));
    let (kind, body) = form(&fields);
    let response = server.request("POST", "/v1/classify", &[("Content-Type", &kind)], &body);
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(response.text(), predicted, "a form");

    let items: Vec<serde_json::Value> = names
        .iter()
        .zip(&bytes)
        .map(|(name, bytes)| serde_json::json!({ "path": name, "photo": base64(bytes) }))
        .collect();
    let json = serde_json::json!({ "photos": items, "top": 3, "unknown_below": 0.9 }).to_string();
    let headers = [("Content-Type", "application/json; charset=utf-8")];
    let response = server.request("POST", "/v1/classify", &headers, json.as_bytes());
    assert_eq!(response.text(), predicted, "JSON");
    assert!(response.header("server-timing").unwrap().contains("decode;dur="));
}

#[test]
fn explanations_are_the_pictures_of_predict() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let photo = bmp_of(40, 20, |x, y| [6 * x as u8, 12 * y as u8, 99]);
    let path = tiny.path("photo.bmp");
    std::fs::write(&path, &photo).unwrap();
    let (weights, maps) = (tiny.path("tiny.safetensors"), tiny.path("maps"));
    seesaw(args!["predict", path, "--weights", weights, "--explain", maps]).ok();
    let drawn = std::fs::read(maps.join("photo.bmp.png")).unwrap();

    let response = server.post("/v1/classify?explain=picture&path=photo.bmp", &photo).json();
    let url = format!("data:image/png;base64,{}", base64(&drawn));
    assert_eq!(response["explained"], url);
    let map = &response["map"];
    assert_eq!(map["class"], response["top"][0]["class"]);
    let side = map["side"].as_u64().unwrap() as usize;
    let logits: Vec<f64> =
        map["logits"].as_array().unwrap().iter().map(|logit| logit.as_f64().unwrap()).collect();
    assert_eq!(logits.len(), side * side);
    let seen: Vec<f64> =
        map["seen"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).collect();
    assert!((seen[0] + seen[2] / 2.0 - 0.5).abs() < 1e-9, "in the center: {seen:?}");
    assert!((seen[3] / seen[2] - 2.0).abs() < 1e-9, "a square of the photo: {seen:?}");

    let plain = server.post("/v1/classify?explain=true&path=photo.bmp", &photo).json();
    assert_eq!((&plain["map"], &plain["explained"]), (map, &serde_json::Value::Null));
    let none = server.post("/v1/classify?path=photo.bmp", &photo).json();
    assert_eq!((&none["map"], &none["top"]), (&serde_json::Value::Null, &response["top"]));
}

#[test]
fn features_are_those_of_embed_to_the_bit() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let photo = bmp_of(33, 31, |x, y| [7 * x as u8, 8 * y as u8, (x * y) as u8]);
    let (path, out) = (tiny.path("photo.bmp"), tiny.path("features.safetensors"));
    std::fs::write(&path, &photo).unwrap();
    let weights = tiny.path("tiny.safetensors");
    seesaw(args!["embed", path, "--weights", weights, "--out", out]).ok();
    let expected = &seesaw_format::load(&out).unwrap().tensors;
    let expected = &expected.get("features").unwrap().data;

    let response = server.post("/v1/embed?path=photo.bmp", &photo).json();
    assert_eq!(response["path"], "photo.bmp");
    let features: Vec<f32> = serde_json::from_value(response["features"].clone()).unwrap();
    assert_eq!(
        features.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        expected.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    );
}

#[test]
fn what_cannot_be_read_is_said_of_that_photo_alone() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let photo = bmp_of(9, 9, |_, _| [1, 2, 3]);
    server.post("/v1/classify", b"a text").fails(415, &["not an image"]);
    server.post("/v1/classify", &photo[..100]).fails(422, &["BMP", "truncated"]);
    server.request("POST", "/v1/classify", &[("Content-Length", "0")], b"").fails(400, &["empty"]);
    server.post("/v1/classify?top=0", &photo).fails(400, &["`top`", "from 1 on"]);
    server.post("/v1/classify?tops=1", &photo).fails(400, &["no option `tops`"]);
    server.post("/v1/classify?model=no", &photo).fails(404, &["no model `no`", "/v1/models"]);
    let (kind, body) = form(&[("a", Some("a.bmp"), &photo), ("b", Some("b.bmp"), b"text")]);
    let response = server.request("POST", "/v1/classify", &[("Content-Type", &kind)], &body);
    let lines: Vec<serde_json::Value> =
        response.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((response.status, lines.len()), (200, 2));
    assert_eq!((&lines[0]["path"], &lines[1]["path"]), (&"a.bmp".into(), &"b.bmp".into()));
    assert!(lines[0]["top"].is_array() && lines[1]["error"].is_string());
}

#[test]
fn several_models_are_served_by_name() {
    let tiny = Tiny::new();
    let first = tiny.imported();
    let second = format!("second={}", first.display());
    let server = Server::start(&[first.to_str().unwrap(), &second]);
    let listed = server.get("/v1/models").json();
    assert_eq!(listed["models"][0]["name"], "tiny");
    assert_eq!(listed["models"][1]["name"], "second");
    assert_eq!(listed["models"][1]["classes"][6], "class 6");
    let photo = bmp_of(9, 9, |_, _| [1, 2, 3]);
    let answers = ["", "?model=tiny", "?model=second"]
        .map(|query| server.post(&format!("/v1/classify{query}"), &photo));
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    let twice = seesaw(args!["serve", first, first, "--listen", "127.0.0.1:0"]);
    twice.fails(&["two models are called `tiny`", "NAME=MODEL"]);
}

#[test]
fn photos_are_collected_if_the_service_was_started_for_it() {
    let tiny = Tiny::new();
    let photo = bmp_of(9, 9, |_, _| [1, 2, 3]);
    let image = [("Content-Type", "image/bmp")];
    let server = Server::of(&tiny, &[]);
    let refused = server.request("POST", "/v1/collect?class=a", &image, &photo);
    refused.fails(403, &["collects no photos"]);
    assert_eq!(server.get("/v1/models").json()["collect"], false);

    let folder = tiny.path("collected");
    let server = Server::of(&tiny, &["--collect", folder.to_str().unwrap()]);
    let collect = |query: &str, headers: &[(&str, &str)], photo: &[u8]| {
        server.request("POST", &format!("/v1/collect?{query}"), headers, photo)
    };
    let filed = collect("class=a%2Fb&path=x/my.bmp", &image, &photo);
    assert_eq!((filed.status, &filed.json()["path"]), (201, &"a_b/my.bmp".into()));
    assert_eq!(std::fs::read(folder.join("a_b/my.bmp")).unwrap(), photo);
    // What a page of another site can send without asking.
    for kind in ["text/plain", "multipart/form-data; boundary=X", ""] {
        let headers = [("Content-Type", kind)];
        collect("class=a", &headers, &photo).fails(415, &["image/*"]);
    }
    collect("", &image, &photo).fails(400, &["`class`"]);
    collect("class=a", &image, b"text").fails(415, &["not an image"]);
    collect("class=a", &image, &photo[..60]).fails(422, &["truncated"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is stored");
}

#[test]
fn every_address_of_the_description_exists_and_takes_what_it_says() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let document = server.get("/openapi.json").json();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{model}", "tiny");
        for method in ["get", "post", "put", "delete", "patch", "options"] {
            let response = server.request(&method.to_uppercase(), &path, &[], b"");
            let is_described = methods.get(method).is_some();
            assert_ne!(response.status, 404, "{method} {path}");
            assert_eq!(response.status == 405, !is_described, "{method} {path}");
            if let Some(described) = methods.get(method) {
                let status = response.status.to_string();
                assert!(described["responses"].get(&status).is_some(), "{method} {path}: {status}");
            }
        }
    }
    for path in ["/v2/models/%ff", "/%ff", "/v1/classify/"] {
        let response = server.get(path);
        assert!((400..500).contains(&response.status) && response.json()["error"].is_string());
    }
}

#[test]
fn the_page_comes_with_a_strict_policy() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    for (path, kind) in
        [("/", "text/html"), ("/page.js", "text/javascript"), ("/app.css", "text/css")]
    {
        let file = server.get(path);
        assert_eq!(file.status, 200);
        assert!(file.header("content-type").unwrap().starts_with(kind), "{path}");
        let policy = file.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    }
    let head = server.request("HEAD", "/", &[("Connection", "close")], b"");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/html; charset=utf-8")));
}
