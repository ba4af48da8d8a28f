# Completion of altai-build for bash; written by `altai-build completion bash`.
_altai_build_completion() {
    local line response
    COMPREPLY=()
    response=$(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _ALTAI_BUILD_COMPLETE=bash_complete \
        "${1/#\~/$HOME}" 2>/dev/null </dev/null) || return 0
    while IFS= read -r line; do
        case $line in
            dir,*) compopt -o dirnames 2>/dev/null ;;
            file,*) compopt -o default 2>/dev/null ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done <<<"$response"
    return 0
}
complete -F _altai_build_completion altai-build
