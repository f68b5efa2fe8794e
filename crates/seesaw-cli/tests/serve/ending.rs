//! Signals: what ends the service, and what loads its models again.

use std::{
    io::Write,
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{PATIENCE, Server, long_request, read, request},
    common::{self, Tiny},
};

#[test]
fn what_was_accepted_is_answered_before_the_end() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--workers", "1"]);
    let mut busy = server.connect();
    busy.write_all(&long_request()).unwrap();
    server.wait_for("seesaw_queue_seconds_count", 1.0);
    let photo = common::bmp(20, [9, 99, 199]);
    let mut waiting: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    for stream in &mut waiting {
        stream.write_all(&request("POST", "/v1/classify", &[], &photo)).unwrap();
    }
    server.wait_for("seesaw_queue_length", 8.0);
    // Idle connections do not hold it up.
    let _idle = server.connect();
    server.signal("TERM");
    for stream in waiting.iter_mut().chain([&mut busy]) {
        assert_eq!(read(stream).unwrap().status, 200);
    }
    let address = server.address;
    let (code, stderr) = server.wait();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("finishing the requests"), "{stderr}");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn under_load_every_answer_is_whole_or_there_is_none() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--workers", "2"]);
    let photo = common::bmp(20, [9, 99, 199]);
    let request = request("POST", "/v1/classify", &[("Connection", "close")], &photo);
    let expected = server.post("/v1/classify", &photo);
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = server.address;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let Ok(mut stream) = TcpStream::connect(address) else { break };
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    if stream.write_all(&request).is_err() {
                        break;
                    }
                    let Some(response) = read(&mut stream) else { break };
                    if response.status == 200 {
                        assert_eq!(response.body, expected.body);
                        answered.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert_eq!(response.status, 503);
                    }
                }
            });
        }
        while answered.load(Ordering::Relaxed) < 100 {
            thread::sleep(Duration::from_millis(1));
        }
        server.signal("TERM");
        let (code, stderr) = server.wait();
        ended.store(true, Ordering::Relaxed);
        assert_eq!(code, Some(0), "{stderr}");
    });
}

#[test]
fn a_second_signal_or_the_end_of_the_grace_ends_it_at_once() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--workers", "1", "--grace", "1"]);
    let mut half = server.connect();
    half.write_all(b"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n").unwrap();
    server.get("/v2");
    let start = Instant::now();
    server.signal("INT");
    let (code, stderr) = server.wait();
    assert_eq!(code, Some(0));
    assert!(stderr.contains("not all requests finished"), "{stderr}");
    assert!(start.elapsed() < Duration::from_secs(20));

    let server = Server::of(&tiny, &["--workers", "1"]);
    let mut half = server.connect();
    half.write_all(b"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n").unwrap();
    server.get("/v2");
    server.signal("TERM");
    thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(143));
}

#[test]
fn models_are_loaded_again_and_broken_ones_are_not() {
    let tiny = Tiny::new();
    let weights = tiny.imported();
    let server = Server::start(&[weights.to_str().unwrap()]);
    let first = || server.get("/v1/models").json()["models"][0]["classes"][0].clone();
    assert_eq!(first(), "class 0");
    let labels = tiny.path("labels.txt");
    std::fs::write(&labels, "one\ntwo\nthree\nfour\nfive\nsix\nseven\n").unwrap();
    let other = tiny.path("other.safetensors");
    common::seesaw(common::args![
        "import",
        tiny.weights,
        other,
        "--net",
        tiny.net,
        "--labels",
        labels
    ])
    .ok();
    std::fs::rename(&other, &weights).unwrap();
    server.signal("HUP");
    let start = Instant::now();
    while first() != "one" {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    std::fs::write(&weights, "damaged").unwrap();
    server.signal("HUP");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(first(), "one");
    server.signal("TERM");
    let (code, stderr) = server.wait();
    assert_eq!(code, Some(0));
    assert!(stderr.contains("loaded again: tiny"), "{stderr}");
    assert!(stderr.contains("the models before stay in use"), "{stderr}");
}

#[test]
fn others_on_the_network_are_warned_of_and_requests_are_logged() {
    let tiny = Tiny::new();
    let weights = tiny.imported();
    // The last `--listen` counts, which is not the client's.
    let mut command = common::command();
    command.args(["serve", weights.to_str().unwrap(), "--listen", "0.0.0.0:0"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    assert!(line.starts_with("http://0.0.0.0:") && line.contains(" serves tiny"), "{line}");
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("no authentication") && stderr.contains("--token-file"), "{stderr}");

    let server = Server::of(&tiny, &["--access-log"]);
    server.request("GET", "/v2/models/no?secret=1", &[("X-Request-Id", "mine")], b"");
    server.signal("TERM");
    let (_, stderr) = server.wait();
    assert!(!stderr.contains("warning"), "{stderr}");
    let line: serde_json::Value = serde_json::from_str(stderr.lines().next().unwrap()).unwrap();
    assert_eq!((&line["status"], &line["id"]), (&404.into(), &"mine".into()));
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/v2/models/no".into()));
}
