//! Inference of Seesaw-Nets: a net and its weights compiled into a plan.
#![forbid(unsafe_code)]
