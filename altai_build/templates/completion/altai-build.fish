# Completion of altai-build for fish; written by `altai-build completion fish`.
function __altai_build_completion
    set -l words (commandline -opc)
    set -l response (env _ALTAI_BUILD_COMPLETE=fish_complete COMP_WORDS=(commandline -cp | string collect) \
        COMP_CWORD=(commandline -t | string collect) $words[1] 2>/dev/null </dev/null)
    for line in $response
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command altai-build --arguments '(__altai_build_completion)'
