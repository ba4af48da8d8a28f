"""Rings: channels of which each machine follows one, chosen once by its id and kept in a variable of dnf and yum."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SCRIPT = """\
#!/bin/sh
# Chooses the channel of this machine, once: a part of all machines follows each, by the machine's id.
# dnf and yum put the variable {variable} in place of ${variable} in .repo files. An administrator may write another
# channel into these files. The argument is the root directory of another system.
set -eu
root=${{1:-}}
ring={last}
id=
for file in "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"; do
    if [ -z "$id" ] && [ -r "$file" ]; then
        read -r id <"$file" || :
    fi
done
case $id in
    *[!0-9a-f]* | '') ;; # not known yet, as in an image: this machine is not among the first
    *)
        digits=$(printf '%s' "{project} $id" | sha256sum | cut -c1-7)
        number=$(($(printf '%d' "0x$digits") % 100))
{choices}
        ;;
esac
for folder in "$root/etc/yum/vars" "$root/etc/dnf/vars"; do
    if [ -s "$folder/{variable}" ]; then
        read -r ring <"$folder/{variable}" || :
        break
    fi
done
for folder in "$root/etc/yum/vars" "$root/etc/dnf/vars"; do
    if [ ! -s "$folder/{variable}" ]; then
        mkdir -p "$folder"
        printf '%s\\n' "$ring" >"$folder/{variable}"
    fi
done
"""


def make_ring_variable(project: str) -> str:
    """The name of the variable: yum knows small letters, digits and _."""
    return f"{re.sub('[^a-z0-9]', '', project.lower())}ring"


def format_ring_script(project: str, rings: Sequence[tuple[str, int]]) -> str:
    """The shell script for %post of the package with the .repo file.

    `rings` are channels with the percentage of machines that each or an earlier one is for; the last is for all.
    Without rings the script is empty.
    """
    if not rings:
        return ""
    choices = [
        f"        {'el' if number else ''}if [ $number -lt {percent} ]; then ring={name}"
        for number, (name, percent) in enumerate(rings)
    ]
    return _SCRIPT.format(
        variable=make_ring_variable(project),
        project=project,
        last=rings[-1][0],
        choices="\n".join([*choices, "        fi"]),
    )
