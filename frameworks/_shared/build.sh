#!/usr/bin/env bash
# Builds the image of an entry that is a package of the workspace frameworks/.
#   build.sh NAME
# Environment: DOCKER (docker).
set -euo pipefail

context="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
docker="${DOCKER:-docker}"
options=(--tag "httparena-$1" --file "$context/$1/Dockerfile")
# An engine without bridges builds on the host's network.
"$docker" network inspect bridge > /dev/null 2>&1 || options+=(--network host)
exec "$docker" build "${options[@]}" "$context"
