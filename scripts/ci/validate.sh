#!/usr/bin/env bash
# Validates the entries that a comment names, and writes what came of it to comment.md.
#   BODY='/validate sws hyper' scripts/ci/validate.sh --docker|--native
# Exit codes: 0 all passed, 1 some did not, 2 wrong comment.
# Environment: BODY (the comment; sws when it names nobody), VALIDATE (the repository's validate.sh).
set -euo pipefail

here="$(dirname "${BASH_SOURCE[0]}")"
place="$1"
validate="${VALIDATE:-"$here/../../validate.sh"}"
if ! line="$("$here/words.sh" /validate 2> comment.md)"; then
    cat comment.md >&2
    exit 2
fi
read -r -a names <<< "${line:-sws}"
log="$(mktemp)"
faults="$(mktemp)"
trap 'rm -f "$log" "$faults"' EXIT

code=0
printf '| entry | result | |\n|---|---|---|\n' > comment.md
for name in "${names[@]}"; do
    word=passed
    "$validate" "$name" "$place" > "$log" 2>&1 || word=FAILED
    cat "$log"
    printf '| %s | %s | %s |\n' "$name" "$word" "$(tail -n 1 "$log" | tr -d '|`<>' | cut -c 1-200)" >> comment.md
    if [[ $word = FAILED ]]; then
        code=1
        # Indented text is shown as it is, whatever is in it.
        printf '\n%s:\n\n' "$name" >> "$faults"
        { grep -A 3 -E '^(FAIL|error)' "$log" || tail -n 20 "$log"; } |
            sed -n '1,60s/^/    /p' >> "$faults"
    fi
done
head -c 50000 "$faults" >> comment.md
exit "$code"
