//! The bodies of requests, limited one by one and together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::error::Problem;

/// The memory that bodies may take together.
#[derive(Debug)]
pub struct BodyMemory {
    total: usize,
    used: AtomicUsize,
}

/// A part of that memory, which is given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    memory: Arc<BodyMemory>,
    bytes: usize,
}

impl BodyMemory {
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, used: AtomicUsize::new(0) })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Nothing yet.
    pub fn hold(self: &Arc<Self>) -> Held {
        Held { memory: Arc::clone(self), bytes: 0 }
    }
}

impl Held {
    /// Takes more, if there is as much.
    fn take(&mut self, bytes: usize) -> bool {
        let total = self.memory.total;
        let more = |used: usize| used.checked_add(bytes).filter(|&used| used <= total);
        let taken =
            self.memory.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes.
    pub bytes: usize,
    /// When all of it must have arrived.
    pub deadline: Instant,
    /// How long that is from the beginning of the request.
    pub time: Duration,
}

/// The whole body. `announced` is its length, if the client said so.
pub async fn read(
    mut body: Body,
    announced: Option<u64>,
    limits: BodyLimits,
    memory: &Arc<BodyMemory>,
) -> Result<(Bytes, Held), Problem> {
    check_len(announced, limits.bytes)?;
    let announced = announced.map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX));
    let mut whole = Vec::new();
    let mut held = memory.hold();
    loop {
        let frame = timeout_at(limits.deadline, body.frame()).await.map_err(|_| {
            let message = format!("the body did not arrive within {:?}", limits.time);
            Problem::new(StatusCode::REQUEST_TIMEOUT, message)
        })?;
        let Some(frame) = frame else { break };
        // A frame that is not data is a trailer.
        let Ok(data) = frame.map_err(|_| Problem::bad("the body is not as announced"))?.into_data()
        else {
            continue;
        };
        check_len(Some((whole.len() + data.len()) as u64), limits.bytes)?;
        if !held.take(data.len()) {
            return Err(Problem::busy("other requests take all the memory for bodies", 1));
        }
        if whole.capacity() - whole.len() < data.len() {
            // Not more than was received so far is allocated on the word of the client.
            let more = announced.saturating_sub(whole.len()).min(whole.len().max(64 << 10));
            whole.reserve_exact(more.max(data.len()));
        }
        whole.extend_from_slice(&data);
    }
    Ok((whole.into(), held))
}

/// Refuses a body that is too long.
pub fn check_len(len: Option<u64>, limit: usize) -> Result<(), Problem> {
    if len.is_none_or(|len| len <= limit as u64) {
        return Ok(());
    }
    let mib = limit as f64 / f64::from(1 << 20);
    let message = format!("a body of more than {mib} MiB: send photos one by one, or smaller ones");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(bytes: usize) -> BodyLimits {
        let time = Duration::from_secs(5);
        BodyLimits { bytes, deadline: Instant::now() + time, time }
    }

    #[tokio::test]
    async fn bodies_share_their_memory_and_give_it_back() {
        let memory = BodyMemory::new(100);
        let body = |len: usize| Body::from(vec![7; len]);
        let (bytes, held) = read(body(60), Some(60), limits(80), &memory).await.unwrap();
        assert_eq!((bytes.len(), memory.used()), (60, 60));
        let problem = read(body(60), None, limits(80), &memory).await.unwrap_err();
        assert_eq!(problem.status, 503);
        assert_eq!(memory.used(), 60, "what was refused holds nothing");
        drop(held);
        assert_eq!(memory.used(), 0);
        assert!(read(body(60), None, limits(80), &memory).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_is_too_long_by_its_head_or_by_what_comes() {
        let memory = BodyMemory::new(1000);
        for (announced, len) in [(Some(81), 0), (None, 81), (Some(u64::MAX), 1)] {
            let body = Body::from(vec![7; len]);
            let problem = read(body, announced, limits(80), &memory).await.unwrap_err();
            assert_eq!(problem.status, 413, "{announced:?} {len}");
        }
        let empty = read(Body::empty(), Some(0), limits(80), &memory).await.unwrap();
        assert!(empty.0.is_empty());
    }
}
