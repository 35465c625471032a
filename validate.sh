#!/usr/bin/env bash
# Checks the answers of an entry: builds it, starts it on data of this run,
# asks, and says what is wrong.
#   ./validate.sh NAME [PROFILE...] [--seed N] [--generation 2026-03|2026-04]
#                 [--quick] [--docker|--native] [--seccomp FILE] [--port N]
# NAME is an entry (./validate.sh sws) or the path of a folder with meta.json
# and run.sh. Exit codes: 0 all passed, 1 failed checks, 2 wrong usage or
# unknown name, 3 could not be built or started.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/scripts/harness.sh" validate "$@"
