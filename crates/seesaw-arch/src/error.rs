//! What can be wrong with the description of a net.

/// Why a description is not a net.
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
    #[error("no net is called `{name}`{hint}")]
    UnknownNet {
        /// The name asked for.
        name: String,
        /// The nearest known name as a question, or where to look.
        hint: String,
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
        /// What is broken, and what would mend it.
        rule: String,
    },
    /// A rule that the net as a whole breaks.
    #[error("net `{net}`: {rule}")]
    Net {
        /// The net's name.
        net: String,
        /// What is broken, and what would mend it.
        rule: String,
    },
}
