#!/usr/bin/env bash
# Sets up a Docker engine where none answers, for CI and for bare Debian machines.
#   scripts/docker-engine.sh start|stop|status
# start installs docker.io where dockerd is missing (root, apt), starts it with the first set of
# options under which a container runs, and says which; run again it changes nothing. stop ends
# the engine that start started, and no other. Exit codes: 0 an engine answers (start, status) or
# none is left (stop), 1 it could not be stopped, 2 wrong usage, 77 skipped; the line `skipped: why`
# names the reason.
# Environment: DOCKER_HOST (unix:///var/run/docker.sock). With the socket in a folder of its own
# (unix:///tmp/engine/docker.sock) all that this engine keeps is in that folder, below `state`.
set -euo pipefail

default=unix:///var/run/docker.sock
host="${DOCKER_HOST:-$default}"
export DOCKER_HOST="$host"
if [[ $host == "$default" ]]; then
    state=/var/lib/sws-docker-engine
else
    state="$(dirname "${host#unix://}")/state"
fi

skip() {
    echo "skipped: $*"
    exit 77
}

answers() { docker info > /dev/null 2>&1; }

version() { docker version --format '{{.Server.Version}}'; }

install() {
    command -v apt-get > /dev/null || skip 'dockerd is missing and there is no apt-get to install it with'
    echo 'installing docker.io ...'
    local log=/tmp/docker-engine-apt.$$ packages=(docker.io)
    if ! apt-get update -qq > "$log" 2>&1; then
        skip "apt-get update failed: $(tail -n 1 "$log")"
    fi
    # From Debian 13 on the client is a package of its own.
    if ! command -v docker > /dev/null && apt-cache show docker-cli > /dev/null 2>&1; then
        packages+=(docker-cli)
    fi
    if ! DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" > "$log" 2>&1; then
        skip "docker.io cannot be installed: $(tail -n 1 "$log")"
    fi
    rm -f "$log"
}

# An image of one program of this machine with its libraries: no registry is needed to see
# whether containers run.
import_probe() {
    local program file files=()
    program="$(command -v true)"
    program="$(realpath /bin/true 2> /dev/null || echo "$program")"
    files=("$program")
    while read -r file; do
        files+=("$file")
    done < <(ldd "$program" 2> /dev/null | grep -o '/[^ ]*' || true)
    tar --create --dereference --absolute-names --transform 's,^/,,' "${files[@]}" |
        docker import --change "ENTRYPOINT [\"$program\"]" - sws-engine-probe > /dev/null
}

# Whether a container runs on the default network.
proves_itself() {
    import_probe && docker run --rm sws-engine-probe
}

# Two engines that share docker0 give the same addresses to different containers, so one beside
# the system's gets a bridge of its own; fails where none is wanted or none can be made.
own_bridge() {
    [[ $host != "$default" ]] && command -v ip > /dev/null || return 1
    bridge="sws-br$(($$ % 100000))"
    ip link add name "$bridge" type bridge 2> /dev/null || return 1
    echo "$bridge" > "$state/bridge"
    ip addr add "172.30.$(($$ % 250)).1/24" dev "$bridge" 2> /dev/null &&
        ip link set "$bridge" up 2> /dev/null
}

remove_bridges() {
    local name table rule
    if [[ -f $state/bridge ]]; then
        name="$(cat "$state/bridge")"
        # dockerd leaves its rules; those that name this bridge are of no use to anybody else.
        for table in filter nat; do
            while read -r -a rule; do
                iptables -t "$table" -D "${rule[@]:1}" 2> /dev/null || true
            done < <(iptables -t "$table" -S 2> /dev/null | grep -w -- "$name" || true)
        done
        ip link delete "$name" 2> /dev/null || true
        rm -f "$state/bridge"
    fi
    if [[ -f $state/no-docker0-before ]]; then
        ip link delete docker0 2> /dev/null || true
        rm -f "$state/no-docker0-before"
    fi
}

ensure_cgroups() {
    if ! mountpoint -q /sys/fs/cgroup; then
        mount -t cgroup2 none /sys/fs/cgroup 2> /dev/null || true
    fi
}

wait_for_answer() {
    local pid="$1"
    for _ in {1..120}; do
        if answers; then return 0; fi
        kill -0 "$pid" 2> /dev/null || return 1
        sleep 0.25
    done
    return 1
}

stop_pid() {
    local pid="$1"
    kill "$pid" 2> /dev/null || return 0
    for _ in {1..120}; do
        kill -0 "$pid" 2> /dev/null || return 0
        sleep 0.25
    done
    kill -KILL "$pid" 2> /dev/null || true
    return 1
}

# Starts dockerd with the given options; fails, with the reason in $state/log, unless a container
# runs.
attempt() {
    : > "$state/log"
    setsid dockerd --host "$host" --data-root "$state/data" --exec-root "$state/exec" \
        --pidfile "$state/dockerd.pid" --log-level warn "$@" \
        >> "$state/log" 2>&1 < /dev/null &
    local pid=$!
    if wait_for_answer "$pid" && proves_itself >> "$state/log" 2>&1; then
        echo "$pid" > "$state/started"
        return 0
    fi
    stop_pid "$pid" || true
    return 1
}

reason() {
    grep -iE 'fail|error|denied|not permitted' "$state/log" | tail -n 1 | cut -c 1-300 || tail -n 1 "$state/log"
}

start() {
    if answers; then
        echo "docker engine $(version) answers at $host; nothing to do"
        return 0
    fi
    [[ $host == unix://* ]] || skip "no engine answers at $host, and only one on a unix socket can be started"
    [[ $(uname -s) == Linux ]] || skip 'an engine can be started on Linux only'
    [[ $(id -u) == 0 ]] || skip 'no engine answers, and starting one needs root'
    command -v dockerd > /dev/null || install
    if [[ -d /run/systemd/system && $host == "$default" ]]; then
        systemctl start docker || skip 'systemctl start docker failed'
        proves_itself > /dev/null 2>&1 || skip "the engine that systemd started runs no container"
        echo "docker engine $(version) was started by systemd"
        return 0
    fi
    mkdir -p "$state" "$(dirname "${host#unix://}")"
    # Of an engine that was killed.
    remove_bridges
    ensure_cgroups
    # From the most usual to what a restricted host still allows: a storage driver that needs no
    # mounts, then a network without bridges and packet filters.
    local sets=('' '--storage-driver=vfs' '--bridge=none --iptables=false --ip6tables=false'
        '--bridge=none --iptables=false --ip6tables=false --storage-driver=vfs')
    if own_bridge; then
        sets=("--bridge=$bridge" "--bridge=$bridge --storage-driver=vfs" "${sets[@]}")
    elif ! ip link show docker0 > /dev/null 2>&1; then
        touch "$state/no-docker0-before"
    fi
    local set options why=''
    for set in "${sets[@]}"; do
        read -r -a options <<< "$set"
        if attempt "${options[@]}"; then
            echo "docker engine $(version) was started at $host (${set:-no special options}; its log is $state/log)"
            return 0
        fi
        why="$(reason)"
        echo "dockerd ${set:-without special options}: ${why:-no reason given}"
    done
    remove_bridges
    skip "dockerd runs no container here: ${why:-no reason given}"
}

stop() {
    if [[ ! -f $state/started ]]; then
        echo "no engine was started from here at $host"
        return 0
    fi
    local pid name
    pid="$(cat "$state/started")"
    # A number may belong to somebody else by now.
    name="$(cat "/proc/$pid/comm" 2> /dev/null || true)"
    if [[ $name == dockerd ]]; then
        stop_pid "$pid" || { echo "dockerd ($pid) did not end by itself and was killed" >&2; exit 1; }
    fi
    rm -f "$state/started"
    remove_bridges
    if [[ $host != "$default" ]]; then
        # dockerd leaves the namespace of host networks mounted.
        local target
        while read -r _ target _; do
            if [[ $target == "$state"/* ]]; then
                umount "$target" 2> /dev/null || true
            fi
        done < <(tac /proc/mounts)
        # What is still mounted is left alone rather than deleted through.
        grep -q " $state/" /proc/mounts || rm -rf "$state"
    fi
    echo "docker engine at $host was stopped"
}

case "${1:-}" in
start) start ;;
stop) stop ;;
status)
    answers || skip "no engine answers at $host"
    echo "docker engine $(version) answers at $host"
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
