#!/usr/bin/env bash
# Builds the image of an entry that is a package of the workspace frameworks/.
#   build.sh NAME
set -euo pipefail

context="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
exec "${DOCKER:-docker}" build --tag "httparena-$1" --file "$context/$1/Dockerfile" "$context"
