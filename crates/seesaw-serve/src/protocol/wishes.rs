//! What a request may choose, in its address, in a form or in JSON.

use serde::{Deserialize, Deserializer, de};

use crate::error::Problem;

/// How many classes are named where the request does not say.
const DEFAULT_TOP: u32 = 5;

/// Whether and how the net shows where it sees the most likely class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Explain {
    /// Not at all.
    #[default]
    No,
    /// As numbers.
    Map,
    /// As numbers and as the picture that `seesaw predict --explain` draws.
    Picture,
}

/// What a request chooses.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wishes {
    /// The model's name; else the first one.
    pub model: Option<String>,
    /// How many of the most likely classes are named.
    pub top: Option<u32>,
    /// A photo is called unknown if its most likely class is less likely than this, 0 to 1.
    pub unknown_below: Option<f64>,
    pub explain: Option<Explain>,
    /// What the photo is called in the answer.
    pub path: Option<String>,
}

impl Wishes {
    /// The wishes in the pairs of an address or a form.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problem> {
        let mut wishes = Self::default();
        pairs.into_iter().try_for_each(|(key, value)| wishes.set(&key, &value))?;
        Ok(wishes)
    }

    /// Sets one wish from text.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        let wrong = |rule: &str| Problem::bad(format!("`{key}` is {value:?}, but must be {rule}"));
        match key {
            "model" => self.model = Some(value.to_owned()),
            "path" => self.path = Some(value.to_owned()),
            "top" => self.top = Some(value.parse().map_err(|_| wrong(TOP))?),
            "unknown_below" => {
                self.unknown_below = Some(value.parse().map_err(|_| wrong(PROBABILITY))?);
            }
            "explain" => {
                self.explain = Some(Explain::parse(value).ok_or_else(|| wrong(EXPLAIN))?);
            }
            _ => {
                let known = "known are `model`, `path`, `top`, `unknown_below` and `explain`";
                return Err(Problem::bad(format!("there is no option `{key}`; {known}")));
            }
        }
        self.check()
    }

    /// These wishes, and those of `other` where these have none.
    pub fn or(self, other: Self) -> Self {
        Self {
            model: self.model.or(other.model),
            top: self.top.or(other.top),
            unknown_below: self.unknown_below.or(other.unknown_below),
            explain: self.explain.or(other.explain),
            path: self.path.or(other.path),
        }
    }

    /// How many of the most likely classes are named.
    pub fn top(&self) -> usize {
        self.top.unwrap_or(DEFAULT_TOP) as usize
    }

    /// Checks values that came from JSON.
    pub fn check(&self) -> Result<(), Problem> {
        if self.top == Some(0) {
            return Err(Problem::bad(format!("`top` is 0, but must be {TOP}")));
        }
        match self.unknown_below {
            Some(least) if !(0.0..=1.0).contains(&least) => {
                Err(Problem::bad(format!("`unknown_below` is {least}, but must be {PROBABILITY}")))
            }
            _ => Ok(()),
        }
    }
}

const TOP: &str = "a whole number from 1 on";
const PROBABILITY: &str = "a number from 0 to 1";
const EXPLAIN: &str = "true, false or picture";

impl Explain {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "true" => Some(Self::Map),
            "false" => Some(Self::No),
            "picture" => Some(Self::Picture),
            _ => None,
        }
    }
}

/// In JSON: `true`, `false` or `"picture"`.
impl<'de> Deserialize<'de> for Explain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Explain;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false or \"picture\"")
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Explain, E> {
                Ok(if yes { Explain::Map } else { Explain::No })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Explain, E> {
                match text {
                    "picture" => Ok(Explain::Picture),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Result<Wishes, Problem> {
        Wishes::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn what_is_said_first_counts() {
        let all = pairs(&[
            ("model", "a"),
            ("top", "3"),
            ("unknown_below", "0.5"),
            ("explain", "picture"),
            ("path", "x.jpg"),
        ]);
        let all = all.unwrap();
        let some = pairs(&[("top", "2"), ("explain", "false")]).unwrap().or(all.clone());
        let expected = Wishes { top: Some(2), explain: Some(Explain::No), ..all.clone() };
        assert_eq!((some, all.explain), (expected, Some(Explain::Picture)));
        assert_eq!((Wishes::default().top(), all.top()), (5, 3));
    }

    #[test]
    fn senseless_values_are_refused_with_the_rule() {
        for (key, value, rule) in [
            ("top", "0", "from 1"),
            ("top", "-1", "from 1"),
            ("unknown_below", "1.5", "0 to 1"),
            ("unknown_below", "NaN", "0 to 1"),
            ("explain", "yes", "picture"),
            ("Top", "1", "no option `Top`"),
        ] {
            let problem = pairs(&[(key, value)]).unwrap_err();
            assert!(problem.message.contains(rule), "{key}={value}: {}", problem.message);
        }
        for (json, explain) in [
            ("true", Some(Explain::Map)),
            ("false", Some(Explain::No)),
            (r#""picture""#, Some(Explain::Picture)),
            (r#""true""#, None),
            ("1", None),
        ] {
            assert_eq!(serde_json::from_str(json).ok(), explain, "{json}");
        }
    }
}
