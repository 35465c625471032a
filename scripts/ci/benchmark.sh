#!/usr/bin/env bash
# Measures the entries and profiles that a comment names, natively, and writes the table to
# comment.md.
#   BODY='/benchmark sws hyper json' scripts/ci/benchmark.sh [--quick]
# Exit code: that of the benchmark; 2 for a wrong comment.
# Environment: BODY (the comment), BENCHMARK and TABLE (commands instead of the repository's
# benchmark.sh and `harness.sh table`).
set -euo pipefail

here="$(dirname "${BASH_SOURCE[0]}")"
root="$here/../.."
if ! line="$("$here/words.sh" /benchmark 2> comment.md)"; then
    cat comment.md >&2
    exit 2
fi
read -r -a words <<< "$line"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

code=0
"${BENCHMARK:-"$root/benchmark.sh"}" "${words[@]}" --native "$@" 2>&1 | tee "$log" || code=$?
if [[ -n ${TABLE:-} ]]; then table=("$TABLE"); else table=("$root/scripts/harness.sh" table); fi
{
    "${table[@]}" || echo 'There are no results.'
    printf '\n<details><summary>%s</summary>\n\n' "$(tail -n 1 "$log" | tr -d '<>&' | cut -c 1-200)"
    tail -n 200 "$log" | sed 's/^/    /' | head -c 50000
    printf '\n\n</details>\n'
} > comment.md
exit "$code"
