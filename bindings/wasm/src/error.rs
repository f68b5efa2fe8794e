//! What can go wrong.

/// Why a model cannot be loaded or a photo cannot be classified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are something else.
    #[error("the model: not a safetensors file; `seesaw import` makes one of PyTorch checkpoints")]
    OtherKind,
    /// The file does not say which net it is.
    #[error(
        "the model: a safetensors file without Seesaw's metadata; `seesaw import` adds what is missing"
    )]
    NoMetadata,
    /// The file is damaged.
    #[error("the model: {0}")]
    Format(#[from] seesaw_format::FormatError),
    /// The net cannot be compiled.
    #[error("the model: {0}")]
    Engine(#[from] seesaw_engine::EngineError),
    /// The model's preprocessing is out of range.
    #[error("the model: {0}")]
    Preprocess(#[from] seesaw_image::PreprocessError),
    /// The pixels do not make an image.
    #[error(
        "the photo: {bytes} bytes are not whole rows of {width} RGBA pixels; pass 4 bytes for each pixel"
    )]
    Pixels {
        /// Bytes that were passed.
        bytes: usize,
        /// Pixels in a row.
        width: u32,
    },
    /// The photo has more pixels than are taken.
    #[error("the photo: {pixels} pixels; the limit is {limit}: scale it down first")]
    TooLarge {
        /// Pixels of the photo.
        pixels: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// There is no such class.
    #[error("class {class}: the model has {classes}, numbered from 0")]
    Class {
        /// The class.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// The net's outputs are not numbers.
    #[error("the model: its weights give outputs that are not finite; it is damaged")]
    NotFinite,
}
