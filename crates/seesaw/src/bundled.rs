//! The weights that the program carries.

/// Ten classes of ImageNet; `weights/README.md` of the repository describes how they were trained.
pub const WEIGHTS: &[u8] = include_bytes!("../weights/seesaw-shuffle-0.5d-imagenette.safetensors");
