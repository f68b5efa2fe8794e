//! Ten thousand connections at the same time.
//!
//! Each end of a connection is an open file, so the client and the service are processes of their own, each
//! with a limit of its own: the test starts itself again under a higher limit.

use std::{
    io::Write,
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{PATIENCE, Server, read, request},
    common::{self, Tiny},
    limits::peak_memory_kb,
};

const CONNECTIONS: usize = 10_000;
/// Open files of a process with so many connections, some of them for other purposes.
const FILES: usize = CONNECTIONS + 500;
/// Set in the process that has the limit.
const VARIABLE: &str = "SEESAW_TEST_CROWD";
/// The most that the service may take in memory for a connection: buffers of hyper and the kernel's share.
const KB_PER_CONNECTION: u64 = 32;

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a skipped test says why, and a measurement what it measured"
)]
fn ten_thousand_connections_are_held_at_once() {
    if std::env::var_os(VARIABLE).is_some() {
        return crowd();
    }
    let script = format!("ulimit -n {FILES} || exit 77; exec \"$0\" \"$@\"");
    let program = std::env::current_exe().unwrap();
    let name = "crowd::ten_thousand_connections_are_held_at_once";
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).args(["--exact", name, "--nocapture"]);
    let output = command.env(VARIABLE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) {
        eprintln!("skipped: this process may not open {FILES} files: {}", said.trim());
        return;
    }
    assert!(output.status.success(), "{said}");
    let count = String::from_utf8_lossy(&output.stdout).matches("1 passed").count();
    assert_eq!(count, 1, "the test of that name ran");
    eprint!("{said}");
}

/// Connections that have each answered a request, one after the other.
fn connect(server: &Server, count: usize) -> Vec<TcpStream> {
    let live = request("GET", "/v2/health/live", &[], b"");
    let answered = |_| {
        let mut stream = server.connect();
        stream.write_all(&live).unwrap();
        assert_eq!(read(&mut stream).unwrap().status, 200);
        stream
    };
    (0..count).map(answered).collect()
}

/// Sends the head of a request and a part of its body.
fn half_a_request(mut stream: TcpStream) -> TcpStream {
    let half = "POST /v1/classify HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\npart";
    stream.write_all(half.as_bytes()).unwrap();
    stream
}

/// Takes the last place: the service counts all others, and classifies a photo.
fn last_place(server: &Server, photo: &[u8]) -> TcpStream {
    let mut last = server.connect();
    last.write_all(&request("GET", "/metrics", &[], b"")).unwrap();
    let metrics = read(&mut last).unwrap();
    let counted = format!("seesaw_connections {}\n", CONNECTIONS + 1);
    assert!(metrics.text().contains(&counted), "{}", metrics.text());
    last.write_all(&request("POST", "/v1/classify", &[], photo)).unwrap();
    assert_eq!(read(&mut last).unwrap().status, 200);
    last
}

#[expect(clippy::print_stderr, reason = "a measurement says what it measured")]
fn crowd() {
    let tiny = Tiny::new();
    // Nine tenths wait for a request, the others with half of one.
    let (idle, halves) = (CONNECTIONS * 9 / 10, CONNECTIONS / 10);
    let most = (CONNECTIONS + 1).to_string();
    let arguments = ["--max-connections", &most, "--head-timeout", "600", "--timeout", "600"];
    let server = Server::of(&tiny, &arguments);
    let before = peak_memory_kb(server.id());
    let start = Instant::now();
    let mut open = connect(&server, idle);
    open.extend(connect(&server, halves).into_iter().map(half_a_request));
    let opened = start.elapsed();
    let photo = common::bmp(20, [9, 99, 199]);
    let start = Instant::now();
    let last = last_place(&server, &photo);
    let answered = start.elapsed();
    // One more than there are places is told so.
    let mut refused = server.connect();
    let refused = read(&mut refused).unwrap();
    refused.fails(503, &["too many connections"]);
    assert!(refused.header("retry-after").is_some());
    // The first one still has its place.
    open[0].write_all(&request("POST", "/v1/classify", &[], &photo)).unwrap();
    assert_eq!(read(&mut open[0]).unwrap().status, 200);
    if let (Some(before), Some(peak)) = (before, peak_memory_kb(server.id())) {
        let grown = peak.saturating_sub(before);
        eprintln!(
            "{CONNECTIONS} connections opened in {:.1} s, two more answers in {:.1} ms, {grown} kB of memory",
            opened.as_secs_f64(),
            1e3 * answered.as_secs_f64()
        );
        assert!(grown < KB_PER_CONNECTION * CONNECTIONS as u64, "{grown} kB");
    }
    // All places are free again.
    drop((open, last));
    let start = Instant::now();
    while server.post("/v1/classify", &photo).status != 200 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    server.wait_for("seesaw_connections", 1.0);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
}
