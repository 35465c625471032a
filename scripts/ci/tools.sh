#!/usr/bin/env bash
# The stable compiler with the components that are named, on a runner that has rustup.
#   scripts/ci/tools.sh [COMPONENT...]
set -euo pipefail

rustup toolchain install stable --profile minimal --no-self-update
for component in "$@"; do
    rustup component add --toolchain stable "$component"
done
rustup default stable
