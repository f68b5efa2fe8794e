//! What runs differ in, apart from their nets and seeds.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use crate::run::Config;

/// Keys that may differ in a fair comparison: the seed, and what influences no number. The net may
/// differ too.
const FREE: [&str; 3] = ["recipe.seed", "run.version", "run.threads"];

/// `key: value | value` for each key of the configurations that has several values. They were read
/// from TOML.
pub fn differences(configs: &[Config]) -> Vec<String> {
    let mut flat = Vec::new();
    for config in configs {
        let value = Value::try_from(config).expect("what was read from TOML can be written");
        let mut keys = BTreeMap::new();
        flatten(String::new(), &value, &mut keys);
        flat.push(keys);
    }
    let keys: BTreeSet<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    let differs = keys.into_iter().filter(|key| !is_free(key)).filter_map(|key| {
        let value = |keys: &BTreeMap<String, String>| {
            keys.get(key).map_or_else(|| "not set".to_owned(), String::clone)
        };
        let values: BTreeSet<String> = flat.iter().map(value).collect();
        let values: Vec<String> = values.into_iter().collect();
        (values.len() > 1).then(|| format!("{key}: {}", values.join(" | ")))
    });
    differs.collect()
}

fn is_free(key: &str) -> bool {
    FREE.contains(&key) || key.starts_with("net.")
}

/// Tables become `a.b.c`; lists stay whole.
fn flatten(prefix: String, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(format!("{prefix}{dot}{key}"), value, into);
            }
        }
        value => {
            into.insert(prefix, value.to_string());
        }
    }
}
