#!/usr/bin/env bash
# Fuzzes the protocol code, two targets at a time.
#   scripts/fuzz.sh [SECONDS_TOTAL] [TARGET...]
# SECONDS_TOTAL (60) is about how long it takes once built, shared by the targets (all of
# fuzz/fuzz_targets). Exits 1 if a target failed, and says where the input is that made it fail.
# What was learned is kept in fuzz/corpus, on top of the checked-in fuzz/seeds.
# Environment: CARGO_TARGET_DIR (fuzz/target).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
fuzz="$root/fuzz"
CARGO_TARGET_DIR="$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$fuzz/target}")"
export CARGO_TARGET_DIR
triple="$(rustc -vV | sed -n 's/^host: //p')"
jobs=2

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# The instrumentation that `cargo fuzz` would ask for, all of it in stable compilers. Without a
# sanitizer, which is not: the code under test has no unsafe blocks. Naming the target keeps the
# flags away from build scripts.
build() {
    local flags=(
        -Cpasses=sancov-module
        -Cllvm-args=-sanitizer-coverage-level=4
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
        -Cllvm-args=-sanitizer-coverage-pc-table
        -Cllvm-args=-sanitizer-coverage-trace-compares
        --cfg fuzzing
        -Cdebug-assertions=on
        -Ccodegen-units=1
    )
    RUSTFLAGS="${flags[*]}" cargo build --manifest-path "$fuzz/Cargo.toml" \
        --release --target "$triple" --bins
}

# Runs one target; its log is shown only if it fails.
run() {
    local target="$1" seconds="$2"
    local corpus="$fuzz/corpus/$target" artifacts="$fuzz/artifacts/$target"
    local log="$artifacts/last.log"
    mkdir -p "$corpus" "$artifacts"
    # One input may take 10 s at most, and 1 GiB: the parsers need microseconds and kilobytes.
    if "$CARGO_TARGET_DIR/$triple/release/$target" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
        -dict="$fuzz/http1.dict" -artifact_prefix="$artifacts/" \
        "$corpus" "$fuzz/seeds/$target" >"$log" 2>&1; then
        echo "ok      $target: $(grep -E '^#[0-9]+[[:space:]]+DONE' "$log" | tr -s '\t ' ' ')"
        return 0
    fi
    echo "FAILED  $target; its log is $log:"
    grep -A 6 'panicked at' "$log" || tail -n 20 "$log"
    local found
    found="$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
    if [[ -n $found ]]; then
        echo "FAILED  $target: input $found"
        echo "        repeat with: $CARGO_TARGET_DIR/$triple/release/$target $found"
    fi
    return 1
}

seconds_total="${1:-60}"
[[ $seconds_total =~ ^[1-9][0-9]*$ ]] || usage
targets=("${@:2}")
if ((${#targets[@]} == 0)); then
    for file in "$fuzz"/fuzz_targets/*.rs; do
        targets+=("$(basename "$file" .rs)")
    done
fi
for target in "${targets[@]}"; do
    if [[ ! -f $fuzz/fuzz_targets/$target.rs ]]; then
        echo "fuzz.sh: no target $target in fuzz/fuzz_targets" >&2
        exit 2
    fi
done

build

rounds=$(((${#targets[@]} + jobs - 1) / jobs))
seconds_each=$((seconds_total / rounds))
((seconds_each > 0)) || seconds_each=1
failed=0
for ((first = 0; first < ${#targets[@]}; first += jobs)); do
    pids=()
    for target in "${targets[@]:first:jobs}"; do
        run "$target" "$seconds_each" &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
done
exit "$failed"
