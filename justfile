# Recipes for https://just.systems; each line works without it too.

# List the recipes
default:
    @just --list

# Build the command
build:
    cargo build --locked --release

# Run every test
test:
    cargo test --locked --release --workspace

# Format, then lint
lint:
    cargo fmt --all
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Build the API documentation
doc:
    cargo doc --locked --workspace --no-deps --open

# Run the library examples
examples:
    for e in crates/*/examples/*.rs; do cargo run --locked --release --example "$(basename "$e" .rs)"; done

# Measure a net: just bench seesaw-shuffle-1.0d-imagenet --layers
bench net *args:
    cargo run --locked --release -- bench {{net}} {{args}}

# Rewrite the snapshots of the command's help, output and errors; then read the diff
snapshots:
    TRYCMD=overwrite cargo test --locked --release -p seesaw-cli --test snapshots

# Check licenses and advisories of the dependencies
deny:
    cargo deny --locked check

# Check that every crate can be published
package:
    .ci/package

# Check other targets
targets:
    .ci/aarch64
    .ci/32bit

# What continuous integration runs
ci:
    .ci/run
