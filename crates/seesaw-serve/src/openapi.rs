//! The description of all addresses.

use serde_json::Value;

/// The document, for this version of the program.
pub fn document() -> Value {
    let mut document: Value =
        serde_json::from_str(include_str!("openapi.json")).expect("a test reads it");
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
}
