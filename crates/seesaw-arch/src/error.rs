//! Errors in the description of a net.

/// An error in the description of a net.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchError {
    /// The text is not a list of relative group sizes.
    #[error(
        "`{0}` is not a list of group sizes: write positive whole numbers between colons, such as `1:3`, or `1` for a dense convolution"
    )]
    Groups(String),
    /// The text is not a flow.
    #[error("`{0}` is not a flow: write `keep`, `shuffle(2)` or `shuffle(c/2)`")]
    Flow(String),
    /// No net of the zoo has this name.
    #[error("unknown net `{name}`{}", suggestion(nearest.as_deref()))]
    UnknownNet {
        /// The requested name.
        name: String,
        /// The known name that it resembles most, if it resembles any.
        nearest: Option<String>,
    },
    /// The TOML text does not describe a net.
    #[error("not a description of a net: {0}")]
    Toml(String),
    /// A rule that one block breaks.
    #[error("block {block} (stage {stage}): {rule}")]
    Block {
        /// Index of the block, as in the weights' names: the stem is 0, the first block 1.
        block: usize,
        /// Number of the stage in the table, from 1.
        stage: usize,
        /// What is broken, and how to fix it.
        rule: String,
    },
    /// A rule that the net as a whole breaks.
    #[error("net `{net}`: {rule}")]
    Net {
        /// The net's name.
        net: String,
        /// What is broken, and how to fix it.
        rule: String,
    },
    /// A size of the preprocessing is 0 or too large.
    #[error("preprocessing: `{field}` is {value}; it must be from 1 to 4096")]
    PreprocessSize {
        /// `resize` or `crop`.
        field: &'static str,
        /// The size.
        value: u32,
    },
    /// The mean or standard deviation of the preprocessing cannot normalize a sample.
    #[error(
        "preprocessing: channel {channel} has mean {mean} and std {std}; both must be finite and at most 1000, and std at least 0.00001"
    )]
    PreprocessNormalization {
        /// 0, 1 or 2 for red, green or blue.
        channel: usize,
        /// Its mean.
        mean: f32,
        /// Its standard deviation.
        std: f32,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}
