//! The protocol's outside: connections, routes, bodies, tokens.

mod auth;
pub mod body;
mod classify;
mod connections;
mod context;
mod drained;
mod form;
mod infer;
mod observe;
mod reply;
mod router;
mod stalls;

pub use auth::Tokens;
pub use connections::{Connections, serve};
pub use context::App;
pub use router::router;
