#!/usr/bin/env bash
# All checks of the project but the end-to-end runs of validate.sh and benchmark.sh (see .ci/run).
#   scripts/test.sh [FUZZ_SECONDS]
# FUZZ_SECONDS (60): how long the parsers are fuzzed.
set -euo pipefail

fuzz_seconds="${1:-60}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n=== %s (after %d s)\n' "$*" "$SECONDS"; }

step 'format'
cargo fmt --all --check
for folder in frameworks fuzz; do
    cargo fmt --manifest-path "$folder/Cargo.toml" --all --check
done

step 'lints'
cargo clippy --workspace --all-targets --locked -- --deny warnings
cargo clippy --manifest-path frameworks/Cargo.toml --workspace --all-targets --locked -- --deny warnings

step 'documentation'
RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --locked --quiet

step 'shell scripts'
if command -v shellcheck > /dev/null; then
    shellcheck ./*.sh scripts/*.sh scripts/*/*.sh scripts/export-arena frameworks/*/*.sh .ci/run
else
    echo 'skipped: shellcheck is not installed'
fi

step 'workflows'
if command -v actionlint > /dev/null; then
    actionlint
else
    echo 'skipped: actionlint is not installed (a test of the harness looks at the workflows as well)'
fi

step 'tests'
if ! command -v chromium > /dev/null && command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } > /dev/null 2>&1 || true
fi
if ! command -v parallel > /dev/null && command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends parallel; } > /dev/null 2>&1 || true
fi
command -v parallel > /dev/null || echo 'skipped: GNU parallel is not installed, so the recipe with it is not tried'
command -v chromium > /dev/null || echo 'skipped: chromium is not installed, so the HTML report is not opened in a browser'
cargo test --workspace --locked
cargo test --manifest-path frameworks/Cargo.toml --package entry-kit --package epoll-entry --locked

step 'simulated engine, 100,000 scripts'
SWS_SIM_SCRIPTS=100000 cargo test --profile checked -p sws --lib --locked whatever_the_kernel_does

step "fuzzing, ${fuzz_seconds} s"
if command -v c++ > /dev/null; then
    scripts/fuzz.sh "$fuzz_seconds"
else
    echo 'skipped: fuzzing needs a C++ compiler'
fi

echo
echo 'all checks passed'
