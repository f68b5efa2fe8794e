//! `seesaw serve`

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use clap::{
    Args,
    builder::{RangedU64ValueParser, TypedValueParser},
};

use super::common::batch;

/// The port where none is given.
const PORT: u16 = 8080;
/// The most workers, waiting requests, connections, seconds and MiB.
const MAX_WORKERS: u64 = 256;
const MAX_QUEUE: u64 = 65_536;
const MAX_CONNECTIONS: u64 = 65_536;
const MAX_SECONDS: u64 = 3600;
const MAX_MIB: u64 = 1024;

/// Classify photos over HTTP, with a web page
#[derive(Debug, Args)]
#[command(after_help = "\
Opens a page at http://127.0.0.1:8080 for photos, and answers
  POST /v1/classify      a photo (as it is, as a form, or in JSON): what `seesaw predict --json` prints
  POST /v1/embed         the features of a photo
  POST /v2/models/...    the Open Inference Protocol, with binary tensors
  GET  /openapi.json     everything else

SIGTERM and Ctrl-C let the requests that are under way finish; SIGHUP loads models and tokens again.
There is no encryption: put a proxy with TLS in front of a service that others reach.

Examples:
  seesaw serve
  seesaw serve runs/photos/best.safetensors
  seesaw serve flowers=runs/flowers/best.safetensors birds=birds.safetensors
  seesaw serve model.safetensors --listen 0.0.0.0:8080 --token-file tokens.txt
  curl --data-binary @photo.jpg http://127.0.0.1:8080/v1/classify")]
pub struct ServeArgs {
    /// Models: files of weights or the names of bundled ones, each with NAME= for what requests call it
    /// [default: the weights that `seesaw models` names first]
    #[arg(value_name = "[NAME=]MODEL")]
    pub models: Vec<String>,
    /// Address to listen on; 0.0.0.0 stands for all of the machine's, and port 0 for any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,
    /// Threads that decode photos and compute, each on a request of its own [default: one per processor]
    #[arg(long, value_name = "N", value_parser = up_to(MAX_WORKERS))]
    pub workers: Option<usize>,
    /// Photos that go through the net at a time, if as many are waiting
    #[arg(long, value_name = "B", default_value_t = 8, value_parser = batch())]
    pub max_batch: usize,
    /// Requests that may wait or be computed; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = up_to(MAX_QUEUE))]
    pub queue: usize,
    /// Largest request
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = up_to(MAX_MIB))]
    pub max_body: usize,
    /// Connections at a time; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = up_to(MAX_CONNECTIONS))]
    pub max_connections: usize,
    /// Time for the head of a request; idle connections are closed after it too
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds())]
    pub head_timeout: Duration,
    /// Time for a request, from its head to its answer
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds())]
    pub timeout: Duration,
    /// Time that requests under way have to finish when the service is ended
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds())]
    pub grace: Duration,
    /// File of tokens, one per line: requests must show one as `Authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Let users of the page file photos under a class folder of this folder, for `seesaw train`
    #[arg(long, value_name = "FOLDER")]
    pub collect: Option<PathBuf>,
    /// Write a line of JSON to standard error for each request
    #[arg(long)]
    pub access_log: bool,
    /// Print the address and the models as JSON
    #[arg(long)]
    pub json: bool,
}

fn up_to(most: u64) -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::new().range(1..=most)
}

fn seconds() -> impl TypedValueParser<Value = Duration> {
    RangedU64ValueParser::new().range(1..=MAX_SECONDS).map(Duration::from_secs)
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or without the port.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT));
    }
    let named = if text.contains(':') { text.to_owned() } else { format!("{text}:{PORT}") };
    let found = named.to_socket_addrs().ok().and_then(|addresses| {
        // `localhost` is often both, and most programs try the older one first or as well.
        let mut addresses: Vec<SocketAddr> = addresses.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.first().copied()
    });
    found.ok_or_else(|| "write ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_port_or_get_one() {
        for (text, expected) in [
            ("0.0.0.0", "0.0.0.0:8080"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("::1", "[::1]:8080"),
            ("[::1]", "[::1]:8080"),
            ("[::]:81", "[::]:81"),
        ] {
            assert_eq!(address(text).map(|a| a.to_string()).as_deref(), Ok(expected), "{text}");
        }
        assert!(address("localhost:9").is_ok_and(|address| address.ip().is_loopback()));
        for wrong in ["", ":", "127.0.0.1:70000", "a b"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
