//! `seesaw serve` as clients meet it: raw HTTP over sockets.
#![cfg(all(feature = "serve", unix))]

mod common;

#[path = "serve/answers.rs"]
mod answers;
#[path = "serve/client.rs"]
mod client;
#[path = "serve/crowd.rs"]
mod crowd;
#[path = "serve/ending.rs"]
mod ending;
#[path = "serve/infer.rs"]
mod infer;
#[path = "serve/limits.rs"]
mod limits;
#[path = "serve/overload.rs"]
mod overload;
