# Recipes for https://just.systems; each line works without it too.

# List the recipes
default:
    @just --list

# Build the command
build:
    cargo build --release

# Run every test
test:
    cargo test --release --workspace

# Format, then lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Build the API documentation
doc:
    cargo doc --workspace --no-deps --open

# Run the library examples
examples:
    for e in crates/*/examples/*.rs; do cargo run --release --example "$(basename "$e" .rs)"; done

# Measure a net: just bench seesaw-shuffle-1.0d-imagenet --layers
bench net *args:
    cargo run --release -- bench {{net}} {{args}}

# Rewrite the snapshots of the command's help, output and errors; then read the diff
snapshots:
    TRYCMD=overwrite cargo test --release -p seesaw-cli --test snapshots

# Check aarch64
aarch64:
    .ci/aarch64

# What continuous integration runs
ci:
    .ci/run
