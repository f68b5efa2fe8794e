//! What names of tensors begin with: wrappers such as `module.` and `_orig_mod.`, and the several nets
//! that a flat file may hold.

use crate::{
    FormatError, Note, Tensors,
    choice::{self, Choice, Rank},
    error::shown,
    names::stem_prefixes,
};

/// How many parts of names are removed at most, and how many nets a file may hold; more would only cost
/// time.
const MAX_PARTS: usize = 16;
const MAX_NETS: usize = 16;

/// The prefixes of the nets that are among these tensors.
pub(crate) fn of_nets(tensors: &Tensors) -> Vec<String> {
    stem_prefixes(tensors.iter().map(|(name, tensor)| (name, tensor.shape.as_slice())))
}

/// Removes the first part of all names as long as they share it and no net is found under the names as
/// they are.
pub(crate) fn strip_shared(mut tensors: Tensors, notes: &mut Vec<Note>) -> Tensors {
    let mut whole = String::new();
    let is_named = |tensors: &Tensors| of_nets(tensors).iter().any(String::is_empty);
    for _ in 0..MAX_PARTS {
        let Some(prefix) = shared(&tensors).filter(|_| !is_named(&tensors)) else { break };
        tensors = tensors.renamed(|name| name[prefix.len()..].to_owned());
        whole.push_str(&prefix);
    }
    if !whole.is_empty() {
        notes.push(Note::Stripped { prefix: shown(&whole) });
    }
    tensors
}

/// The first part of all names, with its dot.
fn shared(tensors: &Tensors) -> Option<String> {
    let mut names = tensors.iter().map(|(name, _)| name);
    let (first, _) = names.next()?.split_once('.')?;
    let prefix = format!("{first}.");
    names.all(|name| name.starts_with(&prefix)).then_some(prefix)
}

/// The tensors of the net among these, under the names that its package has for them. Tensors beside
/// the net, such as a linear layer outside a wrapper, keep their names.
///
/// # Errors
/// [`FormatError::SeveralWeights`] when there are several nets and no reason to prefer one.
pub(crate) fn select(tensors: Tensors, notes: &mut Vec<Note>) -> Result<Tensors, FormatError> {
    let prefixes = of_nets(&tensors);
    match prefixes.as_slice() {
        [] => return Ok(strip_shared(tensors, notes)),
        [only] if only.is_empty() => return Ok(tensors),
        many if many.len() > MAX_NETS => {
            let keys = many[..MAX_NETS].iter().map(|key| shown(key.trim_end_matches('.')));
            return Err(FormatError::SeveralWeights { keys: keys.collect() });
        }
        _ => {}
    }
    let choices: Vec<Choice> = prefixes
        .iter()
        .map(|prefix| {
            let mut own = tensors.iter().filter(|(name, _)| is_under(name, prefix, &prefixes));
            let has_norms = own.any(|(name, _)| name.ends_with("running_mean"));
            let path = prefix.trim_end_matches('.').to_owned();
            Choice { path, names: Vec::new(), strength: if has_norms { 3 } else { 1 } }
        })
        .collect();
    let Rank { index, others, .. } = choice::choose(&choices, None)?;
    let taken = &prefixes[index];
    let mut selected = Tensors::new();
    let mut beside = Tensors::new();
    for (name, tensor) in tensors {
        if is_under(&name, taken, &prefixes) {
            selected.insert(&name[taken.len()..], tensor);
        } else if !prefixes.iter().any(|other| !other.is_empty() && name.starts_with(other)) {
            beside.insert(name, tensor);
        }
    }
    let mut hidden = Vec::new();
    for (name, tensor) in beside {
        match selected.get(&name) {
            Some(_) => hidden.push(shown(&name)),
            None => selected.insert(name, tensor),
        }
    }
    if prefixes.len() > 1 {
        let taken = if taken.is_empty() { "the top level" } else { taken.trim_end_matches('.') };
        notes.push(Note::Chosen { taken: shown(taken), others });
    }
    if !taken.is_empty() {
        notes.push(Note::Stripped { prefix: shown(taken) });
    }
    if !hidden.is_empty() {
        notes.push(Note::LeftOut { names: hidden });
    }
    Ok(selected)
}

/// Whether a name is one of the net with this prefix, and not of a net within it.
fn is_under(name: &str, prefix: &str, prefixes: &[String]) -> bool {
    let inner = |other: &&String| other.len() > prefix.len() && name.starts_with(other.as_str());
    name.starts_with(prefix) && !prefixes.iter().any(|other| inner(&other))
}

/// The tensors at `key`, which is what their names begin with.
///
/// # Errors
/// [`FormatError::NoKey`] when there are none.
pub(crate) fn at_key(tensors: Tensors, key: &str) -> Result<Tensors, FormatError> {
    let prefix = format!("{}.", key.trim_end_matches('.'));
    let nets = of_nets(&tensors);
    let found: Tensors =
        choice::under(tensors.into_iter().collect(), &prefix).into_iter().collect();
    if found.is_empty() {
        let nets = nets.iter().map(|net| shown(net.trim_end_matches('.')));
        let available = nets.filter(|net| !net.is_empty()).collect();
        return Err(FormatError::NoKey { key: shown(key), available });
    }
    Ok(found)
}
