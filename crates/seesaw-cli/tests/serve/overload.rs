//! Many times more requests than can be answered. `SEESAW_OVERLOAD_SECONDS=60` in a release build measures
//! what docs/guides/serve.md says; by default the same takes a moment.

use std::{
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{Response, Server, read, request},
    common::{self, Tiny},
};

const CLIENTS: usize = 200;
const WORKERS: usize = 2;
/// The default.
const QUEUE: usize = 64;

fn seconds() -> Option<u64> {
    std::env::var("SEESAW_OVERLOAD_SECONDS").ok().map(|text| text.parse().expect("seconds"))
}

/// A model and a photo: real ones for a measurement.
fn subject(tiny: &Tiny) -> (String, Vec<u8>) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match seconds() {
        None => (tiny.imported().display().to_string(), common::bmp(300, [9, 99, 199])),
        Some(_) => {
            let weights = root.join("weights/seesaw-shuffle-0.5d-imagenette.safetensors");
            let photo = std::fs::read(root.join("docs/photos/church.jpg")).unwrap();
            (weights.display().to_string(), photo)
        }
    }
}

/// Sends one request after the other on one connection; what was answered in time, and how fast.
fn client(
    server: &Server,
    bytes: &[u8],
    until: Instant,
    pause: Duration,
    take: &dyn Fn(Response, Duration),
) {
    let mut stream = server.connect();
    while Instant::now() < until {
        let start = Instant::now();
        stream.write_all(bytes).expect("a request is taken in, whatever is answered");
        let response = read(&mut stream).expect("every request is answered");
        take(response, start.elapsed());
        thread::sleep(pause.saturating_sub(start.elapsed()));
    }
}

fn memory_kb(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What became of the requests.
struct Outcome {
    /// How long the answered ones took, in order.
    times: Vec<Duration>,
    refused: usize,
    time: Duration,
}

/// Sends requests from so many clients, each of which waits for its answer and then until `pause` is over.
fn send(server: &Server, bytes: &[u8], expected: &Response, load: Load) -> Outcome {
    let (times, refused) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let start = Instant::now();
    let take = |response: Response, time| match response.status {
        200 => {
            assert_eq!(response.body, expected.body);
            times.lock().unwrap().push(time);
        }
        503 => {
            assert!(response.header("retry-after").is_some());
            refused.fetch_add(1, Ordering::Relaxed);
        }
        other => panic!("{other}: {}", response.text()),
    };
    thread::scope(|scope| {
        for _ in 0..load.clients {
            scope.spawn(|| client(server, bytes, start + load.time, load.pause, &take));
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort();
    Outcome { times, refused: refused.into_inner(), time: start.elapsed() }
}

#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    pause: Duration,
    time: Duration,
}

impl Outcome {
    fn answered_per_second(&self) -> f64 {
        self.times.len() as f64 / self.time.as_secs_f64()
    }

    /// The milliseconds within which this share was answered.
    fn milliseconds(&self, share: f64) -> f64 {
        self.times[((self.times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a measurement says what it measured")]
fn what_is_accepted_is_right_and_the_rest_is_refused() {
    let tiny = Tiny::new();
    let (weights, photo) = subject(&tiny);
    let (workers, queue) = (WORKERS.to_string(), QUEUE.to_string());
    let server = Server::start(&[&weights, "--workers", &workers, "--queue", &queue]);
    let bytes = request("POST", "/v1/classify", &[], &photo);
    let expected = server.post("/v1/classify", &photo);
    assert_eq!(expected.status, 200);
    let time = seconds().map_or(Duration::from_millis(500), Duration::from_secs);

    // As much as can be answered: a client for each worker and one that waits.
    let load = Load { clients: 2 * WORKERS, pause: Duration::ZERO, time: time / 6 };
    let sustained = send(&server, &bytes, &expected, load).answered_per_second();
    let before = memory_kb(server.id());

    // Ten times as much, at a steady pace.
    let pause = Duration::from_secs_f64(CLIENTS as f64 / (10.0 * sustained));
    let outcome = send(&server, &bytes, &expected, Load { clients: CLIENTS, pause, time });
    let (answered, refused) = (outcome.times.len(), outcome.refused);
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
    // A worker takes so long for a request.
    let service = WORKERS as f64 / sustained;
    eprintln!(
        "sustained {sustained:.0}/s; offered {:.0}/s for {:.0} s: {:.0}/s answered, {refused} refused, \
         p50 {:.1} ms, p99 {:.1} ms (queue length times service time: {:.1} ms); \
         memory {before:?} kB before, {:?} kB after",
        (answered + refused) as f64 / outcome.time.as_secs_f64(),
        outcome.time.as_secs_f64(),
        outcome.answered_per_second(),
        outcome.milliseconds(0.5),
        outcome.milliseconds(0.99),
        1e3 * QUEUE as f64 * service,
        memory_kb(server.id()),
    );
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
}
