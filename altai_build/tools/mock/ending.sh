#!/bin/bash
# Runs a command and sends it SIGTERM on SIGUSR1, which the kernel sends when the caller ends.
# usage: setpriv --pdeathsig USR1 bash ending.sh COMMAND [ARGUMENT…]
# For commands that become another user on their way: the kernel forgets their own parent-death signal then (prctl(2)).
set -uo pipefail
trap 'kill -TERM "$child"' USR1
# This comes to the whole process group: the command has got it too.
trap : TERM
# Without what bash adds to the environment that it was given.
env --unset=_ --unset=OLDPWD --unset=PWD --unset=SHLVL -- "$@" &
child=$!
status=127
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
done
wait "$child" 2>/dev/null
last=$?
# bash has forgotten a command that ended while a signal came (-1, 127): then the signal is how it ended.
[[ $last == -1 || $last == 127 ]] && last=$status
exit "$last"
