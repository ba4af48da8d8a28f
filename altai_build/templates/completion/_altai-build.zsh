#compdef altai-build
# Completion of altai-build for zsh; written by `altai-build completion zsh`.
_altai_build_completion() {
    local -a response described plain
    local type key description
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) _ALTAI_BUILD_COMPLETE=zsh_complete \
        ${~words[1]} 2>/dev/null </dev/null)}")
    for type key description in $response; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $description == _ ]]; then
                    plain+=("$key")
                else
                    described+=("$key:$description")
                fi
                ;;
        esac
    done
    (($#described)) && _describe -V unsorted described
    (($#plain)) && compadd -V unsorted -a plain
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _altai_build_completion "$@"
else
    compdef _altai_build_completion altai-build
fi
