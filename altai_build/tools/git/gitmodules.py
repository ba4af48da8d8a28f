"""What a commit's .gitmodules says of its submodules."""

from __future__ import annotations

from typing import NamedTuple

from altai_build.model.gitlink import CommitId
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import parse_tree
from altai_build.tools.process import ANY_STATUS


class GitmodulesEntry(NamedTuple):
    """What .gitmodules says of a submodule: its URL and how to update it, both as written."""

    name: str | None
    url: str | None
    update: str = ""


def read_gitmodules(store: ObjectStore, commit: CommitId) -> dict[str, GitmodulesEntry]:
    """Path → entry of a commit's .gitmodules; {} when there is none, or text that git does not understand.

    Raises InputError when the file is in the commit but not in the clone.
    """
    words = ["config", "--no-includes", "--blob", f"{commit}:.gitmodules", "--null", "--list"]
    listed = store.run(words, ok=ANY_STATUS)
    if listed.returncode != 0:
        entries = parse_tree(store.run(["ls-tree", "-z", "--full-tree", commit, ".gitmodules"]).stdout)
        if not entries or not (entries[0].is_file or entries[0].is_link):
            return {}
        # Its object may be damaged, and of a mirror it has been fetched again then.
        store.read_blobs([entries[0].oid])
        listed = store.run(words, ok=ANY_STATUS)
    if listed.returncode != 0:
        return {}
    table: dict[str, dict[str, str]] = {}
    for row in listed.text.split("\0")[:-1]:
        key, _, value = row.partition("\n")
        section, _, rest = key.partition(".")
        name, _, variable = rest.rpartition(".")
        if section == "submodule" and name:
            table.setdefault(name, {})[variable] = value
    return {
        entry["path"].rstrip("/"): GitmodulesEntry(name, entry.get("url"), entry.get("update", ""))
        for name, entry in table.items()
        if "path" in entry
    }
