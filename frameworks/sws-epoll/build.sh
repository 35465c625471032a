#!/usr/bin/env bash
# Builds the image of this entry on top of the image of the entry sws, so that
# both run the same binary.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
docker="${DOCKER:-docker}"

"$docker" build --tag httparena-sws "$here/../.."
"$docker" build --tag httparena-sws-epoll "$here"
