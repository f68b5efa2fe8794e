//! Errors in a space of nets.

use crate::ArchError;

/// An error in a space of nets, or in a choice from it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// The TOML text does not describe a space.
    #[error("not a description of a space: {0}")]
    Toml(String),
    /// A rule for spaces.
    #[error("space `{space}`: {rule}")]
    Rule {
        /// The space's name.
        space: String,
        /// What is broken, and how to fix it.
        rule: String,
    },
    /// The choices are not one level for each factor.
    #[error("the choices are of another space: they are not one level for each factor of this one")]
    Choices,
    /// There is nothing of that name to choose.
    #[error("nothing to choose is called `{name}`; there are {}", known.join(", "))]
    UnknownFactor {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A factor has no level of that name.
    #[error("`{factor}` cannot be `{level}`; choose one of {}", known.join(", "))]
    UnknownLevel {
        /// The factor.
        factor: String,
        /// The name.
        level: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A chosen net breaks a constraint of the space.
    #[error("the net has {0}")]
    Constraint(String),
    /// No width brings the net near the cost.
    #[error(
        "no width brings the net within {:.0} % of {goal} multiply-adds; the nearest has {nearest}",
        100.0 * tolerance
    )]
    Unreachable {
        /// The cost.
        goal: u64,
        /// The nearest cost of a width.
        nearest: u64,
        /// The share by which it may miss the goal.
        tolerance: f64,
    },
    /// A net breaks a rule.
    #[error(transparent)]
    Net(#[from] ArchError),
}
