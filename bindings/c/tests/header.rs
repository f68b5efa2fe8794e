//! The committed header is what the sources say.
#![allow(missing_docs)]

use std::{env, fs, path::Path};

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    let builder = cbindgen::Builder::new().with_config(config).with_src(root.join("src/lib.rs"));
    let sources = ["error", "model", "run"].map(|name| root.join(format!("src/{name}.rs")));
    let builder = sources.iter().fold(builder, cbindgen::Builder::with_src);
    builder.generate().unwrap().write(&mut header);
    let path = root.join("include/seesaw.h");
    if env::var_os("SEESAW_HEADER").is_some_and(|value| value == "overwrite") {
        fs::write(&path, &header).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert_eq!(
        committed,
        String::from_utf8(header).unwrap(),
        "to update it: SEESAW_HEADER=overwrite cargo test -p seesaw-c --test header"
    );
}
