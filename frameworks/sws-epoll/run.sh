#!/usr/bin/env bash
# Builds or starts sws on epoll without a container.
#   ./run.sh build    compiles it
#   ./run.sh start    replaces itself with the server
# Environment: as scripts/run-sws.sh.
set -euo pipefail

script="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/scripts/run-sws.sh"

case "${1:-}" in
build) exec "$script" build ;;
start) exec "$script" start --engine epoll ;;
*)
    echo "usage: $0 build|start" >&2
    exit 2
    ;;
esac
