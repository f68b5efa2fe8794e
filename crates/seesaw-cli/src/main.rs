//! The command `seesaw`.
#![forbid(unsafe_code)]

fn main() {}
