#!/usr/bin/env bash
# Builds or starts this entry, in a container too.
#   ./run.sh build    looks whether nginx and its JavaScript module are there
#   ./run.sh start    replaces itself with the server
# Environment of start: PORT (8080). It needs no data.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

missing() {
    echo "run.sh: skipped: $1 (Debian: apt install nginx libnginx-mod-http-js)" >&2
    exit 77
}

PATH="$PATH:/usr/sbin"
command -v nginx > /dev/null || missing 'nginx is not installed'
modules=''
for folder in /usr/lib/nginx/modules /usr/lib64/nginx/modules; do
    if [[ -e $folder/ngx_http_js_module.so ]]; then
        modules="$folder"
    fi
done
[[ -n $modules ]] || missing 'nginx has no JavaScript module'

configure() {
    local port="${PORT:-8080}" files state
    # Workers share the limit of the process that starts them, one each.
    files="$(ulimit -Hn)"
    if [[ $files == unlimited ]]; then
        files=1048576
    fi
    # nginx takes its pid file along when it ends; what it leaves otherwise goes now.
    for state in target/*/; do
        if [[ -d $state && ! -e $state/nginx.pid && -z $(find "$state" -maxdepth 0 -mmin -1) ]]; then
            rm -rf "$state"
        fi
    done
    state="$PWD/target/$port"
    mkdir -p "$state"
    sed -e "s|@MODULES@|$modules|" -e "s|@WORKERS@|$(nproc)|" -e "s|@FILES@|$files|" \
        -e "s|@CONNECTIONS@|$((files < 65536 ? files - 32 : 65536))|" -e "s|@STATE@|$state|" \
        -e "s|@FOLDER@|$PWD|" -e "s|@PORT@|$port|" nginx.conf.in > "$state/nginx.conf"
    conf="$state/nginx.conf"
}

case "${1:-}" in
build)
    ;;
start)
    configure
    exec nginx -c "$conf" -e stderr
    ;;
*)
    echo "usage: $0 build|start" >&2
    exit 2
    ;;
esac
