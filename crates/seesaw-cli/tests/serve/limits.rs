//! Clients that are slow, large, many, or gone.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{PATIENCE, Server, gray_png, long_request, read, request},
    common::{self, Tiny},
};

fn photo() -> Vec<u8> {
    common::bmp(20, [9, 99, 199])
}

/// Asserts that a photo is still answered.
#[track_caller]
fn works(server: &Server) {
    assert_eq!(server.post("/v1/classify", &photo()).status, 200);
}

/// Reads until the other end closes the connection.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn slow_heads_and_idle_connections_are_closed() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--head-timeout", "1"]);
    let start = Instant::now();
    let idle = server.connect();
    let mut dribble = server.connect();
    dribble.write_all(b"GET /v2 HTTP/1.1\r\nHost: te").unwrap();
    // A byte now and then does not extend the time.
    for byte in b"st\r\nX: 1" {
        thread::sleep(Duration::from_millis(200));
        if dribble.write_all(&[*byte]).is_err() {
            break;
        }
    }
    assert!(rest(dribble).is_empty() || start.elapsed() < PATIENCE);
    assert!(rest(idle).is_empty());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    works(&server);
}

#[test]
fn bodies_that_do_not_come_are_given_up() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--timeout", "1"]);
    let mut stream = server.connect();
    stream
        .write_all(b"POST /v1/classify HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\npart")
        .unwrap();
    read(&mut stream).unwrap().fails(408, &["did not arrive", "1s"]);
    let mut gone = server.connect();
    gone.write_all(b"POST /v1/classify HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\npart")
        .unwrap();
    drop(gone);
    works(&server);
    server.wait_for("seesaw_body_bytes", 0.0);
}

#[test]
fn large_bodies_are_refused_and_the_client_reads_why() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-body", "1"]);
    let large = vec![7; 100 << 20];
    // All of it is sent before the answer is read, as many clients do.
    server.post("/v1/classify", &large).fails(413, &["1 MiB"]);
    server.post("/v2/models/tiny/infer", &large[..(1 << 20) + 1]).fails(413, &["1 MiB"]);
    // Without announcing its length.
    let mut stream = server.connect();
    stream
        .write_all(
            b"POST /v1/classify HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .unwrap();
    let chunk = [b"10000\r\n", &large[..0x10000], b"\r\n"].concat();
    (0..32).for_each(|_| stream.write_all(&chunk).unwrap());
    stream.write_all(b"0\r\n\r\n").unwrap();
    read(&mut stream).unwrap().fails(413, &["1 MiB"]);
    // A client that asks first is not asked to send it.
    let mut stream = server.connect();
    let head = "POST /v1/classify HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n";
    write!(stream, "{head}Content-Length: 99999999\r\n\r\n").unwrap();
    read(&mut stream).unwrap().fails(413, &[]);
    if let Some(peak) = peak_memory_kb(server.id()) {
        assert!(peak < 100_000, "{peak} kB");
    }
    works(&server);
}

/// The most memory that a process has held.
pub fn peak_memory_kb(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn decompression_bombs_are_refused_by_their_heads() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    // 20,000 x 20,000 pixels in a head, and hardly any data.
    let mut png = gray_png(1);
    png[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    server.post("/v1/classify", &png).fails(413, &["too large", "pixels"]);
    let pnm = b"P6 30000 30000 255\n";
    server.post("/v1/classify", pnm).fails(413, &["too large"]);
    // Much of nothing, which is allowed: 36 million pixels in 100 kB.
    let gray = gray_png(6000);
    assert!(gray.len() < 300_000, "{}", gray.len());
    assert_eq!(server.post("/v1/classify", &gray).status, 200);
    let deep = "[".repeat(100_000);
    let json = format!("{{\"inputs\":[{{\"name\":\"images\",\"shape\":[],\"data\":{deep}");
    server.post("/v2/models/tiny/infer", json.as_bytes()).fails(400, &["JSON"]);
    works(&server);
}

/// The checksum of PNG's chunks.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--workers", "2"]);
    let photo = photo();
    let mut all = Vec::new();
    for number in 0..20 {
        let path = format!("/v1/classify?path={number}");
        all.extend(request("POST", &path, &[("X-Request-Id", &format!("id-{number}"))], &photo));
    }
    let mut stream = server.connect();
    stream.write_all(&all).unwrap();
    for number in 0..20 {
        let response = read(&mut stream).unwrap();
        assert_eq!(response.json()["path"], number.to_string());
        assert_eq!(response.header("x-request-id"), Some(format!("id-{number}").as_str()));
    }
}

#[test]
fn heads_that_are_too_long_or_no_heads_are_refused() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let long = "x".repeat(40 << 10);
    let many: Vec<String> = (0..150).map(|n| format!("X-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (&name[..], "1")).collect();
    for bytes in [
        request("GET", "/v2", &[("X", &long)], b""),
        request("GET", &format!("/{long}"), &[], b""),
        request("GET", "/v2", &many, b""),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
        b"GET /v2 HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(),
    ] {
        let mut stream = server.connect();
        stream.write_all(&bytes).unwrap();
        let answer = String::from_utf8(rest(stream)).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    server.get("/nothing").fails(404, &["/openapi.json"]);
    let wrong = server.get("/v1/classify");
    wrong.fails(405, &["does not take GET"]);
    assert_eq!(wrong.header("allow"), Some("POST"));
    works(&server);
}

#[test]
fn a_full_queue_refuses_and_a_client_that_is_gone_makes_room() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--workers", "1", "--queue", "3"]);
    let mut busy = server.connect();
    busy.write_all(&long_request()).unwrap();
    server.wait_for("seesaw_queue_seconds_count", 1.0);
    let waiting = request("POST", "/v1/classify", &[], &photo());
    let [mut first, mut second] = [server.connect(), server.connect()];
    first.write_all(&waiting).unwrap();
    second.write_all(&waiting).unwrap();
    server.wait_for("seesaw_queue_length", 2.0);
    let refused = server.post("/v1/classify", &photo());
    refused.fails(503, &["wait"]);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // Health and metrics are answered all the same.
    assert_eq!(server.get("/v2/health/ready").status, 200);

    drop(first);
    server.wait_for("seesaw_abandoned_requests_total", 1.0);
    let mut third = server.connect();
    third.write_all(&waiting).unwrap();
    for stream in [&mut busy, &mut second, &mut third] {
        assert_eq!(read(stream).unwrap().status, 200);
    }
    // 16 photos of the long request and two others: what the first one sent was never computed.
    let metrics = server.get("/metrics");
    assert!(
        metrics.text().contains("seesaw_photos_total{model=\"tiny\"} 18\n"),
        "{}",
        metrics.text()
    );
}

#[test]
fn a_request_that_waits_too_long_is_refused_and_not_computed() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--workers", "1", "--timeout", "1"]);
    let mut busy = server.connect();
    busy.write_all(&long_request()).unwrap();
    server.wait_for("seesaw_queue_seconds_count", 1.0);
    let late = server.post("/v1/classify", &photo());
    // On a fast machine the long request may be done in time.
    if late.status != 200 {
        late.fails(503, &["not answered within 1s"]);
    }
    let _ = read(&mut busy);
    server.wait_for("seesaw_queue_length", 0.0);
    works(&server);
}

#[test]
fn more_connections_than_places_are_told_so() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-connections", "8"]);
    // Ten thousand in all, of which no more than 500 are open at a time on this side.
    let mut open: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    for stream in &mut open {
        // The connection is there once it has answered.
        stream.write_all(&request("GET", "/v2/health/live", &[], b"")).unwrap();
        assert_eq!(read(stream).unwrap().status, 200);
    }
    for _ in 0..20 {
        let many: Vec<TcpStream> = (0..500).map(|_| server.connect()).collect();
        for stream in many {
            let answer = String::from_utf8(rest(stream)).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After"),
                "{answer}"
            );
        }
    }
    // Those that have a place keep it, and give it back.
    open[3].write_all(&request("POST", "/v1/classify", &[], &photo())).unwrap();
    assert_eq!(read(&mut open[3]).unwrap().status, 200);
    drop(open);
    let start = Instant::now();
    while server.post("/v1/classify", &photo()).status != 200 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn requests_without_a_token_are_refused() {
    let tiny = Tiny::new();
    let file = tiny.path("tokens.txt");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let server = Server::of(&tiny, &["--token-file", file.to_str().unwrap()]);
    let refused = server.post("/v1/classify", &photo());
    refused.fails(401, &["token", "Bearer"]);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    for path in ["/v1/models", "/v2", "/v2/models/tiny", "/metrics", "/nothing"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    for path in ["/", "/openapi.json", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let with = |token: &str| {
        let value = format!("Bearer {token}");
        server.request("POST", "/v1/classify", &[("Authorization", &value)], &photo()).status
    };
    assert_eq!((with("0123456789abcdef"), with("0123456789abcdee")), (200, 401));
    // Tokens are read again with the models.
    std::fs::write(&file, "fedcba9876543210\n").unwrap();
    server.signal("HUP");
    let start = Instant::now();
    while with("fedcba9876543210") != 200 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(with("0123456789abcdef"), 401);
    let short = tiny.path("short.txt");
    std::fs::write(&short, "short\n").unwrap();
    let weights = &*tiny.path("tiny.safetensors").display().to_string();
    let short = &*short.display().to_string();
    let arguments = ["serve", weights, "--listen", "127.0.0.1:0", "--token-file", short];
    common::seesaw(arguments).fails(&["short.txt", "fewer than 16"]);
}
