#!/usr/bin/env bash
# What only a real Docker engine can show: seccomp profiles, limits, stale containers, and a
# validation in containers.
#   scripts/docker-test.sh [all]
# Without `all` the container holds the binary that this machine compiled, on the Debian base of
# its own release, so that it takes a minute or two; with it the real Dockerfiles of all entries and
# that of the exported one are built and validated as well, which takes much longer. Where no engine
# answers one is started for the time of the test (scripts/docker-engine.sh) and base images that no
# registry gives are made (scripts/docker-bases.sh). Exit codes: 0 passed, 1 failed, 2 wrong usage,
# 77 skipped; a line `skipped: why` names the reason.
# Environment: DOCKER_HOST, CARGO_TARGET_DIR (target/ of the repository).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
scripts="$root/scripts"
CARGO_TARGET_DIR="$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$root/target}")"
export CARGO_TARGET_DIR
engine=''
work=''

clean() {
    # Whatever fails here must not decide how the test ended.
    if [[ -n $engine ]]; then
        "$scripts/docker-engine.sh" stop || true
    fi
    if [[ -n $work ]]; then
        rm -rf --one-file-system "$work" || true
    fi
}

case "$#:${1:-}" in
0: | 1:all) ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac

release="$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2> /dev/null || true)"
grep -qx 'ID=debian' /etc/os-release 2> /dev/null || release=''
if [[ -z $release && ${1:-} != all ]]; then
    echo 'skipped: this is no Debian, so the binary compiled here may not run on a Debian base image'
    exit 77
fi

# /tmp itself, because the path of a socket may have 107 bytes only.
work="$(mktemp -d /tmp/sws-docker.XXXXXX)"
trap clean EXIT
if ! "$scripts/docker-engine.sh" status > /dev/null; then
    export DOCKER_HOST="unix://$work/docker.sock"
    # Asked for first: a failing start is cleaned up as well.
    engine=started
    "$scripts/docker-engine.sh" start
fi

echo "building sws for the container ..."
"$scripts/run-sws.sh" build
"$scripts/docker-bases.sh" "debian:$release-slim"

# Not named sws, whose image is that of the real Dockerfile.
export SWS_DOCKER_ENTRY="$work/sws-of-this-machine"
mkdir "$SWS_DOCKER_ENTRY"
cp "$root/meta.json" "$CARGO_TARGET_DIR/release/sws" "$SWS_DOCKER_ENTRY/"
cat > "$SWS_DOCKER_ENTRY/Dockerfile" << EOF
FROM debian:$release-slim
COPY sws /usr/local/bin/sws
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/sws"]
EOF
printf '#!/bin/sh\necho "this entry is for Docker only" >&2\nexit 2\n' > "$SWS_DOCKER_ENTRY/run.sh"
chmod +x "$SWS_DOCKER_ENTRY/run.sh"
docker build --quiet --tag httparena-sws-of-this-machine "$SWS_DOCKER_ENTRY" > /dev/null

# One at a time: rings of all containers count towards one limit of locked memory.
cargo test --manifest-path "$root/Cargo.toml" --package harness --locked --test engine --test containers -- \
    --ignored --test-threads 1 --nocapture

echo 'validation in a container, with the binary that this machine compiled in place of the Dockerfile'
"$scripts/harness.sh" validate "$SWS_DOCKER_ENTRY" --docker --quick --port 18080 \
    --seccomp "$scripts/seccomp/sws.json"
docker rmi --force httparena-sws-of-this-machine > /dev/null

if [[ ${1:-} == all ]]; then
    "$scripts/docker-bases.sh" || echo 'not every base image is there; entries on others will fail'
    failed=()
    for meta in "$root/meta.json" "$root"/frameworks/*/meta.json; do
        folder="$(dirname "$meta")"
        name=sws
        [[ $folder == "$root" ]] || name="$(basename "$folder")"
        "$root/validate.sh" "$name" --docker || failed+=("$name")
    done
    echo 'the exported folder, built by itself'
    "$scripts/test-export.sh" --docker || failed+=(export)
    if ((${#failed[@]} > 0)); then
        echo "failed in containers: ${failed[*]}" >&2
        exit 1
    fi
fi
