#!/usr/bin/env bash
# The run.sh of the entries that are a package of the workspace frameworks/.
#   run.sh PACKAGE build    compiles it
#   run.sh PACKAGE start    replaces itself with the server
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package="$1"
case "${2:-}" in
build)
    exec cargo build --release --locked --target-dir target --package "$package"
    ;;
start)
    binary="target/release/$package"
    if [[ ! -x $binary ]]; then
        echo "run.sh: $PWD/$binary is missing; run '${package%-entry}/run.sh build' first" >&2
        exit 1
    fi
    exec "$binary"
    ;;
*)
    echo "usage: run.sh build|start" >&2
    exit 2
    ;;
esac
