//! A space of nets to search: a net, and for some of its stages the values that may take the place of
//! its own.
//!
//! A [`Space`] is written in TOML. Its [factors](Space::factors) are what can be chosen; a [`Choices`]
//! is one level of each, and [`Space::net`] makes a net of it. [`fit_width`] then brings the net to a
//! cost by its width, so that nets of a space are compared at equal cost.
//!
//! ```
//! use seesaw_arch::space::{Space, fit_width};
//!
//! let space = Space::built_in("uneven-blocks-cifar").unwrap();
//! let choices = space.parse(&[("early.expand", "1:3"), ("late.kernel", "5")])?;
//! let net = fit_width(&space.net(&choices)?, 108_000_000, 0.02)?;
//! assert_eq!(net.stages[0].expand.as_ref().unwrap().to_string(), "1:3");
//! assert!(net.cost(32)?.madds.abs_diff(108_000_000) < 108_000_000 / 50);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod error;
#[cfg(test)]
mod tests;
mod width;
mod zone;

use serde::{Deserialize, Serialize};

use crate::{ArchError, Net, zoo};

pub use error::SpaceError;
pub use width::{Ladder, fit_width};
pub use zone::{Level, Zone};

/// A level of each factor, by its index.
pub type Choices = Vec<usize>;

const BUILT_IN: [(&str, &str); 2] = [
    ("uneven-blocks-cifar", include_str!("../../spaces/uneven-blocks-cifar.toml")),
    ("uneven-blocks-imagenet", include_str!("../../spaces/uneven-blocks-imagenet.toml")),
];

/// Nets that differ in the blocks of their zones. In TOML, the fields have the same names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Its name.
    pub name: String,
    /// The net whose zones are varied.
    pub base: Base,
    /// Names of nets that the nets of the space are compared with, at the same cost.
    #[serde(default)]
    pub references: Vec<String>,
    /// What every net of the space must satisfy.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub constraints: Constraints,
    /// What is varied.
    pub zones: Vec<Zone>,
}

/// The net whose zones are varied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Base {
    /// A net of the [zoo].
    Name(String),
    /// A net of its own.
    Net(Box<Net>),
}

/// What every net of a space must satisfy, besides the rules for all nets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Constraints {
    /// The most parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_params: Option<usize>,
    /// The most bytes of f32 activations that are alive at once for one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_activation_bytes: Option<u64>,
    /// Whether each block must connect all of its groups: no part of its channels may be a net of its
    /// own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub connected: bool,
}

impl Constraints {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// The zone and what is chosen in it, such as `early.expand`.
    pub name: String,
    /// The zone, by its index.
    zone: usize,
    /// What may be chosen, at least two.
    pub levels: Vec<Level>,
}

impl Space {
    /// The names of the built-in spaces.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The built-in space of that name.
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::from_toml(text).expect("built-in spaces are valid"))
    }

    /// The built-in space for images of this size.
    pub fn default_for(size: usize) -> Self {
        // Nearer to 32 pixels than to 224, by ratio.
        let name = if size < 85 { "uneven-blocks-cifar" } else { "uneven-blocks-imagenet" };
        Self::built_in(name).expect("a built-in name")
    }

    /// Reads and checks a space.
    ///
    /// # Errors
    /// [`SpaceError`], with the place in the text or the first broken rule.
    pub fn from_toml(text: &str) -> Result<Self, SpaceError> {
        let space: Self = toml::from_str(text).map_err(|e| SpaceError::Toml(e.to_string()))?;
        space.check()?;
        Ok(space)
    }

    /// The TOML form, which [`Self::from_toml`] reads.
    ///
    /// # Errors
    /// [`SpaceError::Toml`] when a number does not fit TOML's.
    pub fn to_toml(&self) -> Result<String, SpaceError> {
        toml::to_string(self).map_err(|e| SpaceError::Toml(e.to_string()))
    }

    /// The net whose zones are varied.
    ///
    /// # Errors
    /// When there is no net of that name, or it breaks a rule.
    pub fn base(&self) -> Result<Net, ArchError> {
        match &self.base {
            Base::Name(name) => zoo::net(name),
            Base::Net(net) => net.validate().map(|()| (**net).clone()),
        }
    }

    /// The nets to compare with.
    ///
    /// # Errors
    /// When there is no net of one of the names.
    pub fn reference_nets(&self) -> Result<Vec<Net>, ArchError> {
        self.references.iter().map(|name| zoo::net(name)).collect()
    }

    /// What can be chosen: everything in a zone that has at least two values.
    pub fn factors(&self) -> Vec<Factor> {
        let mut factors = Vec::new();
        for (zone, values) in self.zones.iter().enumerate() {
            for levels in values.levels().into_iter().filter(|levels| levels.len() > 1) {
                let name = format!("{}.{}", values.name, levels[0].key());
                factors.push(Factor { name, zone, levels });
            }
        }
        factors
    }

    /// How many combinations of levels there are.
    pub fn size(&self) -> f64 {
        self.factors().iter().map(|factor| factor.levels.len() as f64).product()
    }

    /// The net with these levels, at its own width. It is named after the space.
    ///
    /// # Errors
    /// [`SpaceError::Choices`] when a factor has no such level; [`SpaceError::Net`] when the net
    /// breaks a rule, and [`SpaceError::Constraint`] when it breaks one of the space.
    pub fn net(&self, choices: &[usize]) -> Result<Net, SpaceError> {
        let factors = self.factors();
        let fits = choices.len() == factors.len()
            && factors.iter().zip(choices).all(|(factor, &level)| level < factor.levels.len());
        if !fits {
            return Err(SpaceError::Choices);
        }
        let mut net = self.base()?;
        for zone in &self.zones {
            let fixed = zone.levels().into_iter().filter(|levels| levels.len() == 1);
            fixed.for_each(|levels| levels[0].apply(&mut net, &zone.stages));
        }
        for (factor, &level) in factors.iter().zip(choices) {
            factor.levels[level].apply(&mut net, &self.zones[factor.zone].stages);
        }
        net.name.clone_from(&self.name);
        self.check_net(&net)?;
        Ok(net)
    }

    /// The levels of these names, such as `("early.expand", "1:3")`; the first level of every factor
    /// that is not named.
    ///
    /// # Errors
    /// [`SpaceError::UnknownFactor`]; [`SpaceError::UnknownLevel`].
    pub fn parse(
        &self,
        named: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Choices, SpaceError> {
        let factors = self.factors();
        let mut choices = vec![0; factors.len()];
        for (name, level) in named {
            let (name, level) = (name.as_ref(), level.as_ref());
            let Some(index) = factors.iter().position(|factor| factor.name == name) else {
                let known = factors.into_iter().map(|factor| factor.name).collect();
                return Err(SpaceError::UnknownFactor { name: shortened(name), known });
            };
            let levels: Vec<String> =
                factors[index].levels.iter().map(ToString::to_string).collect();
            // Other programs write `1` for `+1`, and `True` for `true`.
            let plain = |level: &str| level.trim_start_matches('+').to_ascii_lowercase();
            let Some(found) = levels.iter().position(|known| plain(known) == plain(level)) else {
                let (factor, level) = (name.to_owned(), shortened(level));
                return Err(SpaceError::UnknownLevel { factor, level, known: levels });
            };
            choices[index] = found;
        }
        Ok(choices)
    }

    /// The names of factors and levels, as [`Self::parse`] reads them.
    ///
    /// # Panics
    /// When the choices are not of this space.
    pub fn named(&self, choices: &[usize]) -> Vec<(String, String)> {
        let factors = self.factors();
        assert_eq!(choices.len(), factors.len(), "a level of each factor");
        let named = factors.into_iter().zip(choices);
        named.map(|(factor, &level)| (factor.name, factor.levels[level].to_string())).collect()
    }
}

/// At most eighty characters of what a user wrote.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
