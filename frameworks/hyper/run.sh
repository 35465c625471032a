#!/usr/bin/env bash
# Builds or starts this entry without a container.
#   ./run.sh build    compiles it
#   ./run.sh start    replaces itself with the server
# Environment of start: PORT (8080), DATA_DIR (/data).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case "${1:-}" in
build)
    exec cargo build --release --locked --target-dir target
    ;;
start)
    binary=target/release/hyper-entry
    if [[ ! -x $binary ]]; then
        echo "run.sh: $PWD/$binary is missing; run '$0 build' first" >&2
        exit 1
    fi
    exec "$binary"
    ;;
*)
    echo "usage: $0 build|start" >&2
    exit 2
    ;;
esac
