#!/bin/bash
# Mounts an overlay in a mount namespace of its own and runs a command there; the mount ends with the namespace.
# usage: overlay.sh DIR LOWER[:LOWER…] OPTIONS COMMAND [ARGUMENT…]
# DIR holds upper/, work/ and merged/. LOWER are names in DIR (links to the layers, top first), because a path with a
# colon or comma could not be written in mount's options. OPTIONS are further ones of mount, or "", or
# "fuse-overlayfs" for the program of that name.
set -euo pipefail
cd -- "$1"
layers=lowerdir=$2,upperdir=upper,workdir=work
options=$3
shift 3
if [[ $options != fuse-overlayfs ]]; then
    mount --types overlay --options "$layers${options:+,$options}" overlay merged
    exec "$@"
fi
# It works in the background and would keep the namespace: it ends with this shell, however that ends.
setpriv --pdeathsig KILL fuse-overlayfs -f -o "$layers" merged </dev/null &>fuse.log &
daemon=$!
until mountpoint --quiet merged; do
    if ! kill -0 "$daemon" 2>/dev/null; then
        cat fuse.log >&2
        exit 1
    fi
    sleep 0.01
done
status=0
"$@" || status=$?
umount --lazy merged
wait "$daemon" || true
exit "$status"
