# shellcheck shell=bash
# Messages and errors of the scripts. Sourced, never run.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die STATUS WHAT [WHY-AND-TODO…]: prints an error and exits; the statuses are those of altai-build (2 usage, 3 input,
# 4 a program is missing)
die() {
    local status=$1
    say "$2"
    shift 2
    if (($#)); then
        printf '  %s\n' "$@" >&2
    fi
    exit "$status"
}
