"""What people read about the checks of `doctor`: each kind of check, what it needs, what to do where it fails."""

from __future__ import annotations

import re
from typing import NamedTuple


class CheckDescription(NamedTuple):
    """A kind of check: `pattern` matches the names of its checks. `checks` and `fix` are Markdown."""

    kind: str
    pattern: str
    checks: str
    fix: str


# The first whose pattern a name begins with counts; a program's check has the name of the program.
CHECK_DESCRIPTIONS = (
    CheckDescription(
        "mark",
        r".*, line \d+$",
        "no guess and nothing to do of `altai-build init` is left in repos.yaml and in mock configurations",
        "compare the line with what is true, and remove the mark ([first steps](first-steps.md))",
    ),
    CheckDescription(
        "libraries",
        r"python libraries$",
        "the Python libraries, and rpm's bindings, can be imported in one process",
        "run `scripts/setup`; the bindings come from the system (`python3-rpm`, see [installation](install.md))",
    ),
    CheckDescription(
        "python", "python", "a Python runs altai-build; the row says which", "nothing: it is never missing"
    ),
    CheckDescription(
        "sandbox",
        r"sandbox$",
        "specs can run without network, home directory and other processes, with limits on what they use",
        "install bubblewrap; in a container see [users and containers](ci.md#users-and-containers)",
    ),
    CheckDescription(
        "builder",
        r"builder ",
        "a builder, `mock` or `chroot`, can build here; one of them is enough",
        "install mock and join its group, or give the chroot builder what it names",
    ),
    CheckDescription(
        "chroot",
        r"chroot: ",
        "the chroot builder can own the files of a buildroot, as root or in a user namespace; a row for each way",
        "one way is enough; see [users and containers](ci.md#users-and-containers)",
    ),
    CheckDescription(
        "workspace",
        r"workspace$",
        "the workspace can be written, and its disk has 5 GB",
        "correct its permissions, free some space, or name another folder with `--workspace DIR`",
    ),
    CheckDescription(
        "configuration",
        r"configuration$",
        "there is a [repos.yaml](repos-yaml.md) without errors, or at least a git repository",
        "correct the keys that it names, or write the file with `altai-build init`",
    ),
    CheckDescription(
        "superproject",
        r"superproject$",
        "the superproject has a commit, and its whole history, which packages are numbered by",
        "`git fetch --unshallow`, or correct `superproject.path`",
    ),
    CheckDescription(
        "target",
        r"target ",
        "the mock configuration of a target can be read, and the builder carries out what it asks for",
        "correct the file in `mock-configs/`, or build with `--builder mock`",
    ),
    CheckDescription(
        "key",
        r"key ",
        "the public key file of a key is there and can be read",
        "`altai-build keys init NAME` creates a signing key; get others where it says, and compare the fingerprint",
    ),
    CheckDescription(
        "signing",
        r"signing\b",
        "the secret key is in the workspace, and can sign for the clients of every target",
        "`altai-build keys init`, or copy `gnupg/` of the workspace that signs",
    ),
    CheckDescription(
        "lock",
        r"lock$",
        "`deps.lock.yaml` can be read",
        "correct what it names, or run `altai-build deps lock` and commit the result",
    ),
    CheckDescription(
        "repository",
        r"repositor(?:y|ies)\b",
        "the repositories of buildroots, of the operating system and of mirrors answer, with metadata that their "
        "key signed",
        "check the network, the proxy, the URL and the key that it names",
    ),
    CheckDescription(
        "program",
        "",
        "a program that altai-build runs is installed",
        "install the package that it names, or run `altai-build doctor --fix`",
    ),
)


def find_check_kind(check: str) -> str:
    """The kind of a check, by its name."""
    return next(found.kind for found in CHECK_DESCRIPTIONS if re.match(found.pattern, check))
