//! The README shows code that is built and run.

#[test]
fn the_readmes_code_is_the_examples() {
    let readme = include_str!("../../../README.md");
    let example = include_str!("../../seesaw/examples/photo.rs");
    let (_, rest) = readme.split_once("```rust\n").unwrap();
    let (code, _) = rest.split_once("```").unwrap();
    assert!(
        code.lines().count() >= 3 && example.contains(code),
        "the README's lines are the example's"
    );
}
