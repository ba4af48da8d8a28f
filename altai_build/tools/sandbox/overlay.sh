#!/bin/bash
# Mounts an overlay in a mount namespace of its own and runs a command there; the mount ends with the namespace.
# usage: overlay.sh DIR LOWER[:LOWER…] OPTIONS COMMAND [ARGUMENT…]
# DIR holds upper/, work/ and merged/. LOWER are names in DIR (links to the layers, top first), because a path with a
# colon or comma could not be written in mount's options. OPTIONS are further ones of mount, or "".
set -euo pipefail
cd -- "$1"
mount --types overlay --options "lowerdir=$2,upperdir=upper,workdir=work${3:+,$3}" overlay merged
shift 3
exec "$@"
