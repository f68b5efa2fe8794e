//! Which layer of a net is meant.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// What a layer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// Dense 3x3 convolution on the image.
    Stem,
    /// Pointwise convolution that opens a block.
    Expand,
    /// Depthwise convolution.
    Depthwise,
    /// Pointwise convolution that closes a block, with the residual addition.
    Project,
    /// Dense pointwise convolution after the blocks.
    Head,
    /// Global average pool.
    Pool,
    /// Linear layer.
    Linear,
}

/// A layer of a net. Blocks are numbered from 1, as in the names of their weights: `features.0` is
/// the stem.
///
/// [`fmt::Display`] is the layer's only name: `stem`, `block 3 expand`, `head`, `pool`, `linear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerId {
    /// The convolution on the image.
    Stem,
    /// The convolution that opens this block.
    Expand(usize),
    /// The depthwise convolution of this block.
    Depthwise(usize),
    /// The convolution that closes this block.
    Project(usize),
    /// The convolution after the blocks.
    Head,
    /// The global average pool.
    Pool,
    /// The linear layer.
    Linear,
}

/// A part of a net that runs as one: a block, or what comes before or after the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// The stem.
    Stem,
    /// The block with this number, from 1.
    Block(usize),
    /// The head convolution.
    Head,
    /// The global average pool and the linear layer.
    Classifier,
}

impl LayerId {
    /// What the layer does.
    pub fn kind(self) -> LayerKind {
        match self {
            Self::Stem => LayerKind::Stem,
            Self::Expand(_) => LayerKind::Expand,
            Self::Depthwise(_) => LayerKind::Depthwise,
            Self::Project(_) => LayerKind::Project,
            Self::Head => LayerKind::Head,
            Self::Pool => LayerKind::Pool,
            Self::Linear => LayerKind::Linear,
        }
    }

    /// The part of the net that the layer belongs to.
    pub fn unit(self) -> Unit {
        match self {
            Self::Stem => Unit::Stem,
            Self::Expand(block) | Self::Depthwise(block) | Self::Project(block) => {
                Unit::Block(block)
            }
            Self::Head => Unit::Head,
            Self::Pool | Self::Linear => Unit::Classifier,
        }
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stem => "stem",
            Self::Expand => "expand",
            Self::Depthwise => "depthwise",
            Self::Project => "project",
            Self::Head => "head",
            Self::Pool => "pool",
            Self::Linear => "linear",
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stem => f.write_str("stem"),
            Self::Block(block) => write!(f, "block {block}"),
            Self::Head => f.write_str("head"),
            Self::Classifier => f.write_str("pool and linear"),
        }
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit() {
            unit @ Unit::Block(_) => write!(f, "{unit} {}", self.kind()),
            _ => self.kind().fmt(f),
        }
    }
}

/// As two fields, `name` and `kind`.
impl Serialize for LayerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("LayerId", 2)?;
        fields.serialize_field("name", &self.to_string())?;
        fields.serialize_field("kind", &self.kind())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_named_by_its_block_and_kind() {
        let names = [LayerId::Stem, LayerId::Expand(3), LayerId::Project(12), LayerId::Linear];
        assert_eq!(
            names.map(|id| id.to_string()),
            ["stem", "block 3 expand", "block 12 project", "linear"]
        );
        assert_eq!(LayerId::Pool.unit().to_string(), "pool and linear");
    }
}
