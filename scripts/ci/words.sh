#!/usr/bin/env bash
# The words behind a command in the first line of the comment BODY, in one line. They end up on a
# command line, so only names of entries and profiles are let through.
#   BODY='/validate sws' scripts/ci/words.sh /validate
# Exit codes: 0 fine, 2 not that command, or a word that is no name.
set -euo pipefail

line="${BODY%%$'\n'*}"
read -r -a words <<< "${line%$'\r'}"
if [[ ${words[0]:-} != "$1" ]]; then
    echo "the first line is not '$1 ...'" >&2
    exit 2
fi
for word in "${words[@]:1}"; do
    if [[ ! $word =~ ^[a-z0-9][a-z0-9-]*$ ]]; then
        printf '%q is no name of an entry or a profile\n' "$word" >&2
        exit 2
    fi
done
echo "${words[*]:1}"
