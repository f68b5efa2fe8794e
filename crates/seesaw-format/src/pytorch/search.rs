//! Which part of a checkpoint holds the weights.

use std::collections::{HashSet, VecDeque};

use super::{
    MAX_NAME,
    global::{Global, is_usual},
    module::{Modules, attributes, is_module},
    value::{Id, Object, Value, Values, bad},
};
use crate::{
    FormatError, Note,
    choice::{self, Choice, KEYS, Rank, is_usual_key},
    error::shown,
    names::stem_prefixes,
};

/// The most dictionaries, lists and objects that are looked into, and how deep.
const MAX_NODES: usize = 1 << 14;
const MAX_DEPTH: usize = 8;
/// Items of a list that are looked into, and of a dictionary under keys that are not usual for weights,
/// such as the results of many images.
const MAX_ITEMS: usize = 64;
const MAX_UNUSUAL: usize = 1024;
/// The most tensors, and the most bytes of their names, in all candidates together.
const MAX_TENSORS: usize = 1 << 17;
const MAX_NAMES: usize = 16 << 20;

/// A dictionary or module that holds tensors.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Where it is: keys, joined by dots.
    pub path: String,
    /// Names and numbers of its tensors.
    pub tensors: Vec<(String, Id)>,
    /// The class, where it is a module.
    pub class: Option<String>,
    /// A class that stands where a weight should be.
    blocked: Option<String>,
}

/// The weights, and how they were chosen.
pub(super) struct Found {
    pub candidate: Candidate,
    pub notes: Vec<Note>,
}

/// Tensors by name, and what stands in their place.
#[derive(Debug, Default)]
pub(super) struct Named {
    tensors: Vec<(String, Id)>,
    blocked: Option<String>,
    count: usize,
    bytes: usize,
    steps: usize,
}

impl Named {
    /// Counts an attribute or entry of a module.
    ///
    /// # Errors
    /// [`FormatError::Pickle`] when there are too many.
    pub fn step(&mut self) -> Result<(), FormatError> {
        self.steps += 1;
        if self.steps > 2 * MAX_TENSORS {
            return Err(bad("its modules have more parts than those of any net"));
        }
        Ok(())
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// [`FormatError::Pickle`] when there are too many, or a name is too long.
    pub fn push(&mut self, name: String, id: Id) -> Result<(), FormatError> {
        if name.len() > MAX_NAME {
            return Err(bad(format!("a tensor's name has {} bytes", name.len())));
        }
        self.count += 1;
        self.bytes += name.len();
        if self.count > MAX_TENSORS || self.bytes > MAX_NAMES {
            return Err(bad("it has more tensors than the checkpoint of any net"));
        }
        self.tensors.push((name, id));
        Ok(())
    }

    /// Notes that an object of this class is where a tensor called `name` would be.
    pub fn block(&mut self, name: &str, class: &str) {
        let last = name.rsplit('.').next().unwrap_or(name);
        if matches!(last, "weight" | "bias" | "running_mean" | "running_var") {
            self.blocked.get_or_insert_with(|| class.to_owned());
        }
    }

    fn take(&mut self) -> (Vec<(String, Id)>, Option<String>) {
        (std::mem::take(&mut self.tensors), self.blocked.take())
    }
}

/// Finds the weights: those at `key`, else the most likely ones.
///
/// # Errors
/// When there are none, several of equal rank, or when they depend on code.
pub(super) fn find(values: &Values, top: Id, key: Option<&str>) -> Result<Found, FormatError> {
    let mut search = Search {
        values,
        seen: HashSet::new(),
        queue: VecDeque::from([(top, String::new(), 0)]),
        named: Named::default(),
        candidates: Vec::new(),
        closed: None,
        module_classes: HashSet::new(),
    };
    search.run()?;
    let Search { candidates, closed, module_classes, .. } = search;
    if candidates.is_empty() {
        return Err(match closed {
            Some(class) => FormatError::Refused(class),
            None => no_weights(values, top),
        });
    }
    let choices: Vec<Choice> =
        candidates.iter().map(|candidate| candidate.choice(values)).collect();
    let Rank { index, rest, others } = choice::choose(&choices, key)?;
    let mut candidate = candidates.into_iter().nth(index).expect("an index of the candidates");
    if let Some(prefix) = &rest {
        candidate.tensors = choice::under(candidate.tensors, prefix);
    }
    if let Some(class) = candidate.blocked {
        return Err(FormatError::Refused(class));
    }
    let mut notes = Vec::new();
    if !others.is_empty() && key.is_none() {
        let taken = if candidate.path.is_empty() { "the top level" } else { &candidate.path };
        notes.push(Note::Chosen { taken: shown(taken), others });
    }
    let mut skipped: Vec<String> = values
        .names()
        .filter(|name| !is_usual(name) && !name.starts_with("torch.nn."))
        .filter(|name| candidate.class.is_none() || !module_classes.contains(*name))
        .map(str::to_owned)
        .collect();
    skipped.sort_unstable();
    skipped.dedup();
    if !skipped.is_empty() {
        notes.push(Note::Skipped { classes: skipped });
    }
    Ok(Found { candidate, notes })
}

/// The error of a checkpoint without tensors, with what it holds instead.
fn no_weights(values: &Values, top: Id) -> FormatError {
    let keys: Vec<String> = match values.get(top) {
        Value::Dict(entries) => {
            let keys = entries.iter().filter_map(|(key, _)| values.text(*key));
            keys.take(8).map(|key| format!("`{}`", shown(key))).collect()
        }
        Value::Global(Global::Unknown(name)) => {
            return FormatError::Refused(values.name(*name).to_owned());
        }
        _ => Vec::new(),
    };
    if keys.is_empty() {
        return bad("it has no state dict");
    }
    bad(format!("it has no state dict; what it has is called {}", keys.join(", ")))
}

impl Candidate {
    fn choice(&self, values: &Values) -> Choice {
        let shape = |id: &Id| match values.get(*id) {
            Value::Tensor(view) => view.shape.as_slice(),
            _ => &[],
        };
        let has_stem = {
            let names = self.tensors.iter().map(|(name, id)| (name.as_str(), shape(id)));
            !stem_prefixes(names).is_empty()
        };
        let has_norms = self.tensors.iter().any(|(name, _)| name.ends_with("running_mean"));
        let has_convs = self.tensors.iter().any(|(_, id)| shape(id).len() == 4);
        let strength = match (has_stem, has_norms) {
            (true, true) => 3,
            (true, false) => 1,
            (false, true) if has_convs => 2,
            _ => 0,
        };
        let names = self.tensors.iter().map(|(name, _)| name.clone()).collect();
        Choice { path: self.path.clone(), names, strength }
    }
}

/// A search through the values, in order of depth.
struct Search<'a> {
    values: &'a Values,
    seen: HashSet<Id>,
    queue: VecDeque<(Id, String, usize)>,
    named: Named,
    candidates: Vec<Candidate>,
    /// The first class that stands where a state dict is expected.
    closed: Option<String>,
    module_classes: HashSet<&'a str>,
}

impl<'a> Search<'a> {
    fn run(&mut self) -> Result<(), FormatError> {
        while let Some((id, path, depth)) = self.queue.pop_front() {
            if depth > MAX_DEPTH || self.seen.len() >= MAX_NODES || !self.seen.insert(id) {
                continue;
            }
            let values = self.values;
            match values.get(id) {
                Value::Dict(entries) => self.dict(entries, &path, depth)?,
                Value::Tuple(items) | Value::List(items) => {
                    for (i, item) in items.iter().take(MAX_ITEMS).enumerate() {
                        self.visit(*item, &path, &i.to_string(), depth);
                    }
                }
                Value::Object(object) if is_module(values, object) => {
                    self.module(id, object, path)?;
                }
                Value::Object(object) => {
                    let last = path.rsplit('.').next().unwrap_or_default();
                    if last.is_empty() || KEYS.contains(&last) {
                        let class = values.name(object.class).to_owned();
                        self.closed.get_or_insert(class);
                    }
                    self.dict(&object.entries, &path, depth)?;
                    self.dict(attributes(values, object), &path, depth)?;
                    let arguments = values.items(object.arguments).unwrap_or_default();
                    for item in arguments.iter().take(MAX_ITEMS) {
                        if matches!(values.get(*item), Value::Dict(_)) {
                            self.enqueue(*item, path.clone(), depth + 1);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts what may lead to weights at the end of the queue. What waits is bounded too, since it has a
    /// path.
    fn enqueue(&mut self, id: Id, path: String, depth: usize) {
        let leads_on = matches!(
            self.values.get(id),
            Value::Dict(_) | Value::Tuple(_) | Value::List(_) | Value::Object(_)
        );
        let is_bounded = path.len() <= MAX_NAME && self.queue.len() < MAX_NODES;
        if leads_on && is_bounded && !self.seen.contains(&id) {
            self.queue.push_back((id, path, depth));
        }
    }

    fn visit(&mut self, id: Id, path: &str, key: &str, depth: usize) {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        self.enqueue(id, path, depth + 1);
    }

    /// A dictionary: its tensors are a candidate, and its other entries are visited.
    fn dict(
        &mut self,
        entries: &'a [(Id, Id)],
        path: &str,
        depth: usize,
    ) -> Result<(), FormatError> {
        let mut unusual = 0;
        for (key, value) in entries {
            let Some(key) = self.values.text(*key) else { continue };
            match self.values.get(*value) {
                Value::Tensor(_) => {
                    self.named.push(key.to_owned(), *value)?;
                    continue;
                }
                Value::Object(object) => self.named.block(key, self.values.name(object.class)),
                Value::Dict(_) | Value::Tuple(_) | Value::List(_) => {}
                _ => continue,
            }
            unusual += usize::from(!is_usual_key(key));
            if unusual <= MAX_UNUSUAL || is_usual_key(key) {
                self.visit(*value, path, key, depth);
            }
        }
        self.finish(path.to_owned(), None);
        Ok(())
    }

    fn module(&mut self, id: Id, object: &Object, path: String) -> Result<(), FormatError> {
        let values = self.values;
        let mut modules = Modules { values, seen: HashSet::new(), named: &mut self.named };
        modules.add(id, "", 0)?;
        for id in modules.seen {
            self.seen.insert(id);
            if let Value::Object(object) = values.get(id) {
                self.module_classes.insert(values.name(object.class));
            }
        }
        self.finish(path, Some(values.name(object.class).to_owned()));
        Ok(())
    }

    /// Makes a candidate of the tensors that were found.
    fn finish(&mut self, path: String, class: Option<String>) {
        let (tensors, blocked) = self.named.take();
        if !tensors.is_empty() {
            self.candidates.push(Candidate { path, tensors, class, blocked });
        } else if let Some(class) = blocked {
            self.closed.get_or_insert(class);
        }
    }
}
