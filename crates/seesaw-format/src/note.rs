//! What a reader of weights chose, assumed or left out.

use std::fmt;

/// Something about the reading of a file that users should be told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// One of several sets of weights was taken.
    Chosen {
        /// The key of the one that was taken, or `the top level`.
        taken: String,
        /// The keys of the others.
        others: Vec<String>,
    },
    /// All names began with this, which was removed.
    Stripped {
        /// The beginning, with its last dot.
        prefix: String,
    },
    /// Tensors that are no part of the net.
    LeftOut {
        /// Their names.
        names: Vec<String>,
    },
    /// Objects of these classes, and calls of these functions, were skipped.
    Skipped {
        /// The names of the classes and functions.
        classes: Vec<String>,
    },
    /// The weights were those of a whole module.
    Module {
        /// The module's class.
        class: String,
    },
    /// The weights were in several files.
    Parts {
        /// How many.
        count: usize,
    },
    /// TensorFlow's background class, the first of 1001, was left out.
    Background,
    /// The net is one of the zoo with other channel counts or numbers of blocks.
    Derived {
        /// The net of the zoo.
        from: String,
    },
    /// The package that the tensors are named by defines the net differently from the zoo.
    Adapted {
        /// What is different.
        what: &'static str,
    },
    /// The tensors fit several nets.
    Assumed(Assumption),
}

/// A net that was chosen where the tensors fit several.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assumption {
    /// The name of the chosen net.
    pub chosen: String,
    /// The names of the other nets that the tensors fit.
    pub others: Vec<String>,
    /// Why it was chosen.
    pub reason: Reason,
}

/// Why a net was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// By what the file is called.
    FileName,
    /// By its number of classes: 1000 are ImageNet's, 10 or 100 are CIFAR's.
    Classes(usize),
}

/// How many names a note shows.
const SHOWN: usize = 6;

impl Note {
    /// Whether another choice may have been right, which deserves more attention than a fact.
    pub fn is_assumption(&self) -> bool {
        matches!(self, Self::Chosen { .. } | Self::Adapted { .. } | Self::Assumed(_))
    }
}

/// `a`, `b` and 3 more.
fn list(names: &[String]) -> String {
    let first: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let first = first.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen { taken, others } if taken == "the top level" => {
                write!(f, "took the weights at the top level; there are also {}", list(others))
            }
            Self::Chosen { taken, others } => {
                let others = if others.is_empty() {
                    "others at the top level".to_owned()
                } else {
                    list(others)
                };
                write!(f, "took the weights of `{taken}`; there are also {others}")
            }
            Self::Stripped { prefix } => {
                write!(f, "removed `{prefix}`, with which the names of the tensors began")
            }
            Self::LeftOut { names } => {
                write!(f, "left out {}, which the net does not have", list(names))
            }
            Self::Skipped { classes } => {
                write!(f, "skipped {}, of which nothing was executed", list(classes))
            }
            Self::Module { class } => write!(
                f,
                "a whole module, `{class}`: its weights were read, and none of its code was executed"
            ),
            Self::Parts { count } => write!(f, "read {count} parts"),
            Self::Background => {
                f.write_str("left out the first of 1001 classes, TensorFlow's background")
            }
            Self::Derived { from } => {
                write!(
                    f,
                    "taken for {from} with the channel counts and numbers of blocks of the tensors"
                )
            }
            Self::Adapted { what } => f.write_str(what),
            Self::Assumed(assumption) => assumption.fmt(f),
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chosen, others) = (&self.chosen, self.others.join(" and "));
        match self.reason {
            Reason::FileName => write!(f, "assumed to be {chosen} by the file's name")?,
            Reason::Classes(n) => write!(f, "assumed to be {chosen}, because it has {n} classes")?,
        }
        write!(f, "; the tensors also fit {others}")
    }
}
