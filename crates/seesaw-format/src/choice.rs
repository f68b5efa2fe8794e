//! Which of several sets of tensors is taken: the rules that nested dictionaries and prefixes of names
//! share.

use std::cmp::Reverse;

use crate::{FormatError, error::shown};

/// Keys under which training scripts save weights, in order of preference.
pub(crate) const KEYS: [&str; 14] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "weights",
    "params",
    "state",
    "model_weights",
    "net_state_dict",
    "network_state_dict",
    "checkpoint",
];
/// The rank of a set at the top, which strays such as the best accuracy may form.
const TOP: usize = 50;
/// The rank of other keys.
const OTHER: usize = 100;
/// How many sets an error or note names.
const NAMED: usize = 8;

/// A set of tensors that could be the weights.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Where it is: keys joined by dots; empty for the top.
    pub path: String,
    /// The names of its tensors.
    #[cfg_attr(not(feature = "pytorch"), allow(dead_code))]
    pub names: Vec<String>,
    /// How much it looks like a net's weights.
    pub strength: u8,
}

/// The set that is taken.
#[derive(Debug)]
pub(crate) struct Rank {
    /// Its index.
    pub index: usize,
    /// What the names of the wanted tensors begin with, where the key leads into them.
    #[cfg_attr(not(feature = "pytorch"), allow(dead_code))]
    pub rest: Option<String>,
    /// Other sets that look as much like weights.
    pub others: Vec<String>,
}

/// Whether a part of a path says that it holds an exponential moving average.
fn is_ema(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let mut words = path.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| matches!(word, "ema" | "modelema" | "emamodel" | "averaged"))
}

/// Whether a key is one that training scripts use for weights.
#[cfg_attr(not(feature = "pytorch"), allow(dead_code))]
pub(crate) fn is_usual_key(key: &str) -> bool {
    KEYS.contains(&key) || is_ema(key)
}

/// How far back a set is in the order of preference, the smallest first.
fn order(choice: &Choice) -> (Reverse<u8>, bool, usize) {
    let last = choice.path.rsplit('.').next().unwrap_or_default();
    let key = match KEYS.iter().position(|key| *key == last) {
        Some(index) => index,
        None if choice.path.is_empty() => TOP,
        None => OTHER,
    };
    (Reverse(choice.strength), !is_ema(&choice.path), key)
}

/// Chooses the set at `key`, or else the first in the order of preference.
///
/// # Errors
/// [`FormatError::SeveralWeights`] when several are first; [`FormatError::NoKey`].
pub(crate) fn choose(choices: &[Choice], key: Option<&str>) -> Result<Rank, FormatError> {
    let mut left: Vec<(usize, Option<String>)> = (0..choices.len()).map(|i| (i, None)).collect();
    if let Some(key) = key {
        left = at(choices, key);
        if left.is_empty() {
            let available = paths(choices.iter());
            return Err(FormatError::NoKey { key: shown(key), available });
        }
    }
    left.sort_by_key(|(index, _)| order(&choices[*index]));
    let ((index, rest), others) = left.split_first().expect("at least one set");
    let chosen = &choices[*index];
    let equal = others.iter().filter(|(other, _)| order(&choices[*other]) == order(chosen));
    let equal: Vec<&Choice> = equal.map(|(other, _)| &choices[*other]).collect();
    if !equal.is_empty() {
        return Err(FormatError::SeveralWeights { keys: paths([chosen].into_iter().chain(equal)) });
    }
    let alike = |choice: &&Choice| choice.strength == chosen.strength || is_ema(&choice.path);
    let others = others.iter().map(|(other, _)| &choices[*other]).filter(alike);
    Ok(Rank { index: *index, rest: rest.clone(), others: paths(others) })
}

/// The paths of these sets, as far as a message names them.
fn paths<'a>(choices: impl Iterator<Item = &'a Choice>) -> Vec<String> {
    let named = choices.filter(|choice| !choice.path.is_empty()).take(NAMED);
    named.map(|choice| shown(&choice.path)).collect()
}

/// The sets at `key`, else those below it, else those with tensors whose names begin with the rest of
/// it.
fn at(choices: &[Choice], key: &str) -> Vec<(usize, Option<String>)> {
    let key = key.trim_end_matches('.');
    let select = |rest: &dyn Fn(&Choice) -> Option<Option<String>>| -> Vec<_> {
        let indexed = choices.iter().enumerate();
        indexed.filter_map(|(index, choice)| Some((index, rest(choice)?))).collect()
    };
    let below = format!("{key}.");
    let exact = select(&|choice| (choice.path == key).then_some(None));
    if !exact.is_empty() {
        return exact;
    }
    let nested = select(&|choice| choice.path.starts_with(&below).then_some(None));
    if !nested.is_empty() {
        return nested;
    }
    select(&|choice| {
        let rest = match choice.path.as_str() {
            "" => Some(key),
            path => key.strip_prefix(path)?.strip_prefix('.'),
        };
        let prefix = format!("{}.", rest?);
        choice.names.iter().any(|name| name.starts_with(&prefix)).then_some(Some(prefix))
    })
}

/// Those whose names begin with `prefix`, without it.
pub(crate) fn under<T>(named: Vec<(String, T)>, prefix: &str) -> Vec<(String, T)> {
    let rest = |(name, value): (String, T)| Some((name.strip_prefix(prefix)?.to_owned(), value));
    named.into_iter().filter_map(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(path: &str, strength: u8) -> Choice {
        let names = vec!["student.a".to_owned(), "b".to_owned()];
        Choice { path: path.to_owned(), names, strength }
    }

    fn chosen(paths: &[(&str, u8)], key: Option<&str>) -> Result<String, FormatError> {
        let choices: Vec<Choice> =
            paths.iter().map(|(path, strength)| choice(path, *strength)).collect();
        let rank = choose(&choices, key)?;
        Ok(paths[rank.index].0.to_owned() + rank.rest.as_deref().unwrap_or_default())
    }

    #[test]
    fn averages_come_first_then_usual_keys() {
        let all = [("model", 3), ("state_dict", 3), ("model_ema", 3), ("", 3), ("x", 3)];
        assert_eq!(chosen(&all, None).unwrap(), "model_ema");
        assert_eq!(chosen(&[all[0], all[1], all[3]], None).unwrap(), "state_dict");
        assert_eq!(chosen(&all[3..], None).unwrap(), "");
        // An average without the statistics of batch norms is no net.
        assert_eq!(chosen(&[("ema", 1), ("model", 3)], None).unwrap(), "model");
        // No average, though the letters are there.
        assert_eq!(chosen(&[("schema", 3), ("model", 3)], None).unwrap(), "model");
    }

    #[test]
    fn sets_of_equal_rank_are_for_the_caller_to_choose_from() {
        let error = chosen(&[("student", 3), ("teacher", 3), ("junk", 0)], None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it holds several nets: `student` and `teacher`; choose one by its key"
        );
    }

    #[test]
    fn a_key_is_a_path_or_the_beginning_of_one() {
        let all = [("a.model", 3), ("a.opt", 0), ("b", 3), ("", 0)];
        assert_eq!(chosen(&all, Some("a.model")).unwrap(), "a.model");
        assert_eq!(chosen(&all, Some("a")).unwrap(), "a.model");
        assert_eq!(chosen(&all, Some("b.student")).unwrap(), "bstudent.");
        assert_eq!(chosen(&all, Some("student")).unwrap(), "student.");
        let error = chosen(&all, Some("c")).unwrap_err().to_string();
        assert!(error.contains("nothing is at `c`; it has `a.model`, `a.opt`, `b`"), "{error}");
    }
}
