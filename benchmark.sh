#!/usr/bin/env bash
# Measures entries against each other, in alternating rounds, and prints a
# table per profile; docs/results.md describes results/, which has all figures.
# Entries that fail validation are not measured.
#   ./benchmark.sh [NAME...] [PROFILE...] [--quick] [--time MINUTES | --rounds N]
#                  [--duration N] [--conns N,N] [--generation 2026-03|2026-04]
#                  [--docker|--native] [--port N] [--arena] [--tune-host]
#   ./benchmark.sh NAME PROFILE --flamegraph [--duration N] [--conns N]
# Without arguments: every entry on the profiles of 2026-03, in 14 minutes and
# what building takes. The first entry is the base of all ratios. --arena
# measures as HttpArena's scripts do instead.
# Environment: LOADGEN (the load generator's program). Exit codes: 0 all
# measured, 1 refused or invalid, 2 wrong usage or unknown name, 3 could not
# be built or started.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/scripts/harness.sh" benchmark "$@"
