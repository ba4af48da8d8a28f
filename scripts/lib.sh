# shellcheck shell=bash
# What the scripts share: how they speak and how they stop. Sourced, never run.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die STATUS WHAT [WHY-AND-CURE…]: statuses are those of altai-build (2 usage, 3 input, 4 something is missing)
die() {
    local status=$1
    say "$2"
    shift 2
    if (($#)); then
        printf '  %s\n' "$@" >&2
    fi
    exit "$status"
}
