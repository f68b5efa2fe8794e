//! What Prometheus is told.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

/// A route and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    endpoint: String,
    code: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelName {
    model: String,
}

type Histograms = Family<Endpoint, Histogram, fn() -> Histogram>;

/// Counters, gauges and histograms, and the registry that knows their names.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_seconds: Histograms,
    photos: Family<ModelName, Counter>,
    queue_seconds: Histogram,
    decode_seconds: Histogram,
    inference_seconds: Histogram,
    batch_size: Histogram,
    abandoned: Counter,
    pub queue_length: Gauge,
    pub connections: Gauge,
    pub body_bytes: Gauge,
}

/// From half a millisecond to about half a minute.
fn seconds() -> Histogram {
    Histogram::new((0..17).map(|power| 0.0005 * f64::from(1 << power)))
}

impl Metrics {
    pub fn new(isa: &str, workers: usize) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("seesaw"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            photos: Family::default(),
            queue_seconds: seconds(),
            decode_seconds: seconds(),
            inference_seconds: seconds(),
            batch_size: Histogram::new((0..8).map(|power| f64::from(1 << power))),
            abandoned: Counter::default(),
            queue_length: Gauge::default(),
            connections: Gauge::default(),
            body_bytes: Gauge::default(),
        };
        metrics.register(isa, workers);
        metrics
    }

    fn register(&mut self, isa: &str, workers: usize) {
        let registry = &mut self.registry;
        let build = Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("isa", isa.to_owned()),
            ("workers", workers.to_string()),
        ]);
        registry.register("build", "Version, instruction set and workers", build);
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register(
            "photos",
            "Photos and images that went through a net",
            self.photos.clone(),
        );
        let abandoned = "Requests whose client was gone before the answer";
        registry.register("abandoned_requests", abandoned, self.abandoned.clone());
        let length = "Requests that wait for a worker";
        registry.register("queue_length", length, self.queue_length.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        let body = "Memory of the bodies of requests";
        registry.register_with_unit("body", body, Unit::Bytes, self.body_bytes.clone());
        registry.register(
            "batch_size",
            "Images that went through a net at once",
            self.batch_size.clone(),
        );
        let whole = "From the head of a request to its answer";
        registry.register_with_unit("request", whole, Unit::Seconds, self.request_seconds.clone());
        for (name, help, histogram) in [
            ("queue", "From a whole request to a worker", &self.queue_seconds),
            ("decode", "Decoding and preparing a photo", &self.decode_seconds),
            ("inference", "A batch in the net", &self.inference_seconds),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
    }

    /// A request was answered.
    pub fn answered(&self, endpoint: &str, code: u16, time: Duration) {
        let endpoint = endpoint.to_owned();
        let answered = Answered { endpoint: endpoint.clone(), code: code.into() };
        self.requests.get_or_create(&answered).inc();
        self.request_seconds.get_or_create(&Endpoint { endpoint }).observe(time.as_secs_f64());
    }

    /// A worker took up a request.
    pub fn taken(&self, waited: Duration) {
        self.queue_seconds.observe(waited.as_secs_f64());
    }

    /// A photo was decoded.
    pub fn decoded(&self, time: Duration) {
        self.decode_seconds.observe(time.as_secs_f64());
    }

    /// A batch went through the net of `model`.
    pub fn computed(&self, model: &str, images: usize, time: Duration) {
        self.inference_seconds.observe(time.as_secs_f64());
        self.batch_size.observe(images as f64);
        let name = ModelName { model: model.to_owned() };
        self.photos.get_or_create(&name).inc_by(images as u64);
    }

    /// A request was dropped, because its client is gone.
    pub fn abandoned(&self) {
        self.abandoned.inc();
    }

    /// All of it, in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text takes what is written");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let metrics = Metrics::new("avx2", 2);
        metrics.answered("/v1/classify", 200, Duration::from_millis(3));
        metrics.taken(Duration::ZERO);
        metrics.computed("net", 4, Duration::from_millis(20));
        let text = metrics.text();
        for line in [
            "seesaw_build_info{version=\"",
            "seesaw_requests_total{endpoint=\"/v1/classify\",code=\"200\"} 1",
            "# TYPE seesaw_request_seconds histogram",
            "seesaw_request_seconds_bucket{le=\"0.004\",endpoint=\"/v1/classify\"} 1",
            "seesaw_photos_total{model=\"net\"} 4",
            "seesaw_inference_seconds_count 1",
            "seesaw_batch_size_sum 4",
            "seesaw_queue_length 0",
            "seesaw_abandoned_requests_total 0",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
    }
}
