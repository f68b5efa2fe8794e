//! Seesaw-Nets over HTTP: photos in, class names out, with a web page.
//!
//! ```no_run
//! use seesaw::Classifier;
//! use seesaw_serve::{Model, Models, Options, Server};
//!
//! let load = || -> Result<Models, Box<dyn std::error::Error>> {
//!     Ok(Models::new(vec![Model::new("flowers", Classifier::open("flowers.safetensors")?)?])?)
//! };
//! let models = load()?;
//! let server = Server::bind("127.0.0.1:8080".parse()?, Options::default())?;
//! println!("http://{}", server.address());
//! // Until SIGTERM or Ctrl-C; SIGHUP loads the models again.
//! server.run(models, move || load().map_err(|error| error.to_string()), |event| {
//!     eprintln!("{event:?}");
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | address | does |
//! |---|---|
//! | `POST /v1/classify`, `/v1/embed` | what `seesaw predict --json` prints of photos; their features |
//! | `/v2/...` | the Open Inference Protocol with binary tensors |
//! | `GET /` | the page |
//! | `GET /openapi.json`, `/metrics` | a description of all addresses; Prometheus' metrics |
//!
//! One thread does all I/O. Workers, which are plain threads, take requests from a bounded queue, several
//! at a time, decode their photos, and run the net on one thread each. What does not fit the queue is
//! refused at once.
#![forbid(unsafe_code)]

mod collect;
mod error;
mod http;
mod metrics;
mod models;
mod openapi;
mod page;
mod protocol;
mod queue;
mod server;
mod work;

pub use error::ServeError;
pub use models::{Model, Models};
pub use server::{AccessLine, Event, Options, Server};
