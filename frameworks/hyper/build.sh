#!/usr/bin/env bash
# Builds the image of this entry; the context holds what it shares with others.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../_shared/build.sh" hyper
