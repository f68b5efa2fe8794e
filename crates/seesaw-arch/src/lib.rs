//! Seesaw-Nets as plain data: blocks, nets, the zoo, validation and cost.
#![forbid(unsafe_code)]
