"""The .repo file of a release, which tells yum and dnf of clients where its repositories are and who signs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from altai_build.model.release_files import KEY_FILE_PREFIX, make_repo_section_name


def format_repo_file(project: str, version: str, baseurl: str, keys: Mapping[str, Sequence[str]]) -> str:
    """The file, with a section for each repository in `keys`: repository → the names of the keys that clients need."""
    root = f"{baseurl.rstrip('/')}/{version}"
    sections = []
    for repository, names in keys.items():
        lines = [
            f"[{make_repo_section_name(project, repository)}]",
            f"name={project} {version} {repository}",
            f"baseurl={root}/{repository}/",
            "enabled=1",
            "gpgcheck=1",
            "repo_gpgcheck=1",
            # Where dnf.conf says True (Debian's does), dnf would pass over a refused signature, and succeed.
            "skip_if_unavailable=0",
            # Modules of the operating system would hide packages that have the name of one of theirs, and dnf refuses
            # packages of modules whose modules.yaml is not in the repository.
            "module_hotfixes=1",
            "gpgkey=" + "\n       ".join(f"{root}/{KEY_FILE_PREFIX}{name}" for name in dict.fromkeys(names)),
        ]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)
