# shellcheck shell=bash
# What differs between two commits of a superproject, straight from git. Sourced after lib.sh, never run.

# The functions set these for their callers.
# shellcheck disable=SC2034
declare commit statuses paths old_pins new_pins other_changes

# The pinned commits count, not what git-replace shows in their place.
export GIT_NO_REPLACE_OBJECTS=1

# resolve_commit REPOSITORY REVISION: sets `commit` to its full id; fails where the repository does not have it
resolve_commit() {
    commit=$(git -C "$1" rev-parse --verify --quiet --end-of-options "$2^{commit}" 2>/dev/null)
}

# require_commit REPOSITORY REVISION: the same, or exits with what to do
require_commit() {
    git -C "$1" rev-parse --git-dir >/dev/null || die 3 "$1 is not a git repository that this user may read"
    if resolve_commit "$1" "$2"; then
        return
    fi
    if is_shallow "$1"; then
        die 3 "this shallow clone does not have the commit ${2@Q}" "Fetch it:" "    $(describe_deepening "$1")"
    fi
    die 3 "$1 has no commit ${2@Q}" "Fetch it, or name another one."
}

is_shallow() { [[ $(git -C "$1" rev-parse --is-shallow-repository) == true ]]; }

# describe_deepening REPOSITORY: the command that fetches what a shallow clone lacks
describe_deepening() { printf 'git -C %q fetch --unshallow origin' "$1"; }

# is_no_commit ID: true for the zeros that stand for no commit (a new or deleted branch), and for an empty text
is_no_commit() { [[ $1 =~ ^0*$ ]]; }

# is_commit_id ID: true for a full commit id, other than zeros
is_commit_id() { [[ $1 =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]] && ! is_no_commit "$1"; }

# resolve_parent REPOSITORY COMMIT: sets `commit` to the first parent, or to the empty tree where the commit has none
resolve_parent() {
    local parents
    if resolve_commit "$1" "$2^1"; then
        return
    fi
    # A shallow clone hides the parents; the object itself still names them.
    parents=$(git -C "$1" cat-file commit "$2" | sed -n '/^$/q; s/^parent //p')
    [[ -z $parents ]] || die 3 "this shallow clone does not have the parent of $2" "Fetch it:" "    $(describe_deepening "$1")"
    commit=$(git -C "$1" hash-object -t tree /dev/null)
}

# read_changes REPOSITORY OLD NEW [IGNORED…]: compares two commits (or trees) without what the pathspecs match. Each gitlink
# that differs is an entry of the arrays `statuses` (added, modified, removed), `paths`, `old_pins` and `new_pins`; a gitlink
# with a new path is one removed and one added. `other_changes` counts the files that differ.
read_changes() {
    local repository=$1 old=$2 new=$3 rows=() row index old_mode new_mode old_id new_id
    shift 3
    statuses=() paths=() old_pins=() new_pins=() other_changes=0
    mapfile -d '' -t rows < <(
        git -C "$repository" diff-tree -r -z --raw --no-renames --no-abbrev --ignore-submodules=none \
            --end-of-options "$old" "$new" -- "${@/#/:(top,exclude)}"
    )
    wait "$!" || die 3 "git cannot compare $old with $new in $repository" \
        "See the line above. A clone without these commits needs a fetch; a damaged one: git fsck."
    for ((index = 0; index < ${#rows[@]}; index += 2)); do
        row=${rows[index]}
        read -r old_mode new_mode old_id new_id _ <<<"${row#:}"
        case $old_mode:$new_mode in
            160000:160000) statuses+=(modified) ;;
            160000:*)
                statuses+=(removed)
                # A file that replaces the component.
                [[ $new_mode == 000000 ]] || other_changes=$((other_changes + 1))
                new_id=
                ;;
            *:160000)
                statuses+=(added)
                [[ $old_mode == 000000 ]] || other_changes=$((other_changes + 1))
                old_id=
                ;;
            *)
                other_changes=$((other_changes + 1))
                continue
                ;;
        esac
        paths+=("${rows[index + 1]}")
        old_pins+=("$old_id")
        new_pins+=("$new_id")
    done
}

# describe_changes: what read_changes found, in one line
describe_changes() {
    local text=
    if ((${#paths[@]})); then
        printf -v text '%q, ' "${paths[@]:0:5}"
        text=${text%, }
        ((${#paths[@]} <= 5)) || text+=" and $((${#paths[@]} - 5)) more"
        text="changed components: $text; "
    fi
    ((other_changes == 0)) || text+="other changed files: $other_changes"
    text=${text%; }
    printf '%s' "${text:-nothing has changed}"
}
