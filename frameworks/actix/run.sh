#!/usr/bin/env bash
# Builds or starts this entry without a container.
#   ./run.sh build    compiles it
#   ./run.sh start    replaces itself with the server
# Environment of start: PORT (8080), DATA_DIR (/data).
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../_shared/run.sh" actix-entry "$@"
