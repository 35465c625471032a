#!/usr/bin/env bash
# Builds the harness and replaces itself with it.
#   scripts/harness.sh data|list|validate|benchmark|table|page|readme|export-arena [arguments]
# `table` prints the saved results in Markdown, `readme` puts them into README.md, `page` makes
# results/index.html of them.
# Environment: CARGO_TARGET_DIR (target/ of the repository).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CARGO_TARGET_DIR="$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$root/target}")"
export CARGO_TARGET_DIR

# The development profile: it measures nothing by itself, and it builds fast.
if ! cargo build --manifest-path "$root/Cargo.toml" --package harness --bin harness; then
    echo "error: the harness could not be built" >&2
    exit 3
fi
exec "$CARGO_TARGET_DIR/debug/harness" --root "$root" "$@"
