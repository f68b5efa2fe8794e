//! What every request sees.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::http::HeaderMap;
use tokio::time::Instant;

use super::{
    Tokens,
    body::{BodyLimits, BodyMemory},
};
use crate::{Event, Options, ServeError, error::Problem, models::Current, work::Shop};

/// The service.
pub struct App {
    pub options: Options,
    pub shop: Arc<Shop>,
    pub models: Current,
    pub bodies: Arc<BodyMemory>,
    tokens: RwLock<Option<Tokens>>,
    ending: AtomicBool,
    pub events: Box<dyn Fn(Event<'_>) + Send + Sync>,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// When a request must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

impl App {
    pub fn new(
        options: Options,
        shop: Arc<Shop>,
        models: Current,
        events: Box<dyn Fn(Event<'_>) + Send + Sync>,
    ) -> Result<Self, ServeError> {
        let tokens = RwLock::new(options.token_file.as_deref().map(Tokens::read).transpose()?);
        let bodies = BodyMemory::new(options.body_memory);
        Ok(Self { options, shop, models, bodies, tokens, ending: AtomicBool::new(false), events })
    }

    /// Reads the tokens again.
    pub fn reload_tokens(&self) -> Result<(), ServeError> {
        if let Some(path) = &self.options.token_file {
            let tokens = Tokens::read(path)?;
            *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
        }
        Ok(())
    }

    /// Whether a request shows a token, or none is needed.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.as_ref().is_none_or(|tokens| tokens.admit(headers))
    }

    /// No longer ready from now on.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the service is about to end.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    pub fn body_limits(&self, Deadline(deadline): Deadline) -> BodyLimits {
        BodyLimits { bytes: self.options.max_body, deadline, time: self.options.timeout }
    }

    /// That the queue is full.
    pub fn full(&self) -> Problem {
        Problem::busy("as many requests wait as may: try again", self.shop.retry_after())
    }
}
