#!/usr/bin/env bash
# Builds or starts sws without a container.
#   ./run.sh build                compiles it
#   ./run.sh start [arguments]    replaces itself with the server
# Environment of start: PORT (8080), DATA_DIR (/data), and what `sws --help`
# names. Environment of both: CARGO_TARGET_DIR (target/ of this folder).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
target="${CARGO_TARGET_DIR:-$here/target}"

case "${1:-}" in
build)
    exec cargo build --manifest-path "$here/Cargo.toml" --target-dir "$target" \
        --release --locked --package sws-server --bin sws
    ;;
start)
    shift
    binary="$target/release/sws"
    if [[ ! -x $binary ]]; then
        echo "run.sh: $binary is missing; run '$0 build' first" >&2
        exit 1
    fi
    exec "$binary" "$@"
    ;;
*)
    echo "usage: $0 build|start [arguments]" >&2
    exit 2
    ;;
esac
