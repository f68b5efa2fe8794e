//! Help, tables and errors, word for word. `just snapshots` rewrites them.

#[test]
fn snapshots() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("seesaw", std::path::Path::new(env!("CARGO_BIN_EXE_seesaw")));
    cases.case("tests/cmd/*.trycmd");
}
