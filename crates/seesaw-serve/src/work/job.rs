//! A request that goes to a worker, and the answer that comes from it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{body::Bytes, http::StatusCode};
use tokio::sync::oneshot;

use crate::{
    error::Problem,
    models::{Model, Models},
    protocol::{
        classify::{Output, Photo},
        wishes::Wishes,
    },
    queue::Waiting,
};

/// What a request wants done; parsed as far as it is quick.
#[derive(Debug)]
pub enum Task {
    /// Photos as they are.
    Photos { photos: Vec<Photo>, wishes: Wishes, output: Output },
    /// Photos in JSON; `wishes` are those of the address.
    Json { body: Bytes, wishes: Wishes, output: Output },
    /// Tensors; the first `json_len` bytes are JSON.
    Infer { model: Arc<Model>, body: Bytes, json_len: Option<usize> },
    /// A photo to be filed under a class.
    Collect { photo: Photo, class: String },
}

/// How long the parts of a request took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    pub queue: Duration,
    pub decode: Duration,
    /// The batches in which its images were, other requests' images included.
    pub infer: Duration,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Bytes,
    /// Where the tensors begin that follow the JSON.
    pub json_len: Option<usize>,
    pub timing: Timing,
}

/// A request in the queue.
#[derive(Debug)]
pub struct Job {
    pub task: Task,
    pub models: Arc<Models>,
    pub queued: Instant,
    pub reply: oneshot::Sender<Result<Reply, Problem>>,
    /// Keeps count of the memory of the request.
    pub held: crate::http::body::Held,
}

impl Waiting for Job {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}
