#!/usr/bin/env bash
# Builds or starts this entry without a container.
#   ./run.sh build    installs what package-lock.json names
#   ./run.sh start    replaces itself with the server
# Environment of start: PORT (8080), DATA_DIR (/data).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for tool in node npm; do
    if ! command -v "$tool" > /dev/null; then
        echo "run.sh: skipped: $tool is not installed (node 18.14 or newer; Debian: apt install nodejs npm)" >&2
        exit 77
    fi
done

case "${1:-}" in
build)
    exec npm ci --omit=dev --no-audit --no-fund --loglevel=error
    ;;
start)
    if [[ ! -d node_modules/ws ]]; then
        echo "run.sh: $PWD/node_modules/ws is missing; run '$0 build' first" >&2
        exit 1
    fi
    exec node src/main.js
    ;;
*)
    echo "usage: $0 build|start" >&2
    exit 2
    ;;
esac
