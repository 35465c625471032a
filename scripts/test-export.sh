#!/usr/bin/env bash
# Exports the entry into an empty checkout, copies the folder out of it, builds
# it there and validates it.
#   scripts/test-export.sh [--docker|--native]
# Environment: CARGO_TARGET_DIR (target/ of the repository); what is compiled
# for the release profile there is used again.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CARGO_TARGET_DIR="$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$root/target}")"
export CARGO_TARGET_DIR
work="$(mktemp --directory)"
trap 'rm -rf "$work"' EXIT

# As much of a checkout as the export looks at.
mkdir -p "$work/arena/frameworks" "$work/arena/scripts/lib"
touch "$work/arena/scripts/validate.sh" "$work/arena/scripts/benchmark.sh"
for profile in baseline pipelined limited-conn noisy json json-comp upload compression mixed echo-ws; do
    echo "[$profile]=\"1|0||512|\""
done > "$work/arena/scripts/lib/profiles.sh"

"$root/scripts/export-arena" "$work/arena"
mv "$work/arena/frameworks/sws" "$work/sws"
"$root/validate.sh" "$work/sws" "$@"
