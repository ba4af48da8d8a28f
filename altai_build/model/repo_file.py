"""The .repo files of a release and of a channel, which tell yum and dnf where repositories are and who signs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from altai_build.model.channel import CHANNELS_FOLDER, make_metalink_path
from altai_build.model.release_files import KEY_FILE_PREFIX, make_repo_section_name


def format_repo_file(project: str, version: str, baseurl: str, keys: Mapping[str, Sequence[str]]) -> str:
    """The file, with a section for each repository in `keys`: repository → the names of the keys that clients need."""
    root = f"{baseurl.rstrip('/')}/{version}"
    sections = [
        format_repo_section(
            make_repo_section_name(project, repository),
            f"{project} {version} {repository}",
            f"{root}/{repository}/",
            _list_key_urls(root, names),
        )
        for repository, names in keys.items()
    ]
    return "\n".join(sections)


def format_channel_repo_file(
    project: str,
    channel: str,
    baseurl: str,
    keys: Mapping[str, Sequence[str]],
    *,
    label: str | None = None,
) -> str:
    """The same for a channel: clients ask each time which release it shows.

    `channel` may be a variable of dnf and yum; `label` then stands in the names of the sections.
    """
    root = f"{baseurl.rstrip('/')}/{CHANNELS_FOLDER}/{channel}"
    sections = [
        format_repo_section(
            make_repo_section_name(f"{project}-{label or channel}", repository),
            f"{project} {channel} {repository}",
            f"{root}/{make_metalink_path(repository)}",
            _list_key_urls(root, names),
            is_metalink=True,
        )
        for repository, names in keys.items()
    ]
    return "\n".join(sections)


def format_repo_section(
    section: str, name: str, location: str, key_urls: Sequence[str], *, is_metalink: bool = False
) -> str:
    """The section of one repository; clients check signatures where it has the URLs of public keys."""
    signed = int(bool(key_urls))
    lines = [
        f"[{section}]",
        f"name={name}",
        f"{'metalink' if is_metalink else 'baseurl'}={location}",
        "enabled=1",
        f"gpgcheck={signed}",
        f"repo_gpgcheck={signed}",
        # Where dnf.conf says True (Debian's does), dnf would pass over a refused signature, and succeed.
        "skip_if_unavailable=0",
        # Modules of the operating system would hide packages that have the name of one of theirs, and dnf refuses
        # packages of modules whose modules.yaml is not in the repository.
        "module_hotfixes=1",
    ]
    if is_metalink:
        # Seconds. To ask whether something is new costs one small file, and the sections of a channel should not
        # show different releases for long.
        lines.append("metadata_expire=300")
    if key_urls:
        lines.append("gpgkey=" + "\n       ".join(key_urls))
    return "\n".join(lines) + "\n"


def _list_key_urls(root: str, names: Sequence[str]) -> list[str]:
    return [f"{root}/{KEY_FILE_PREFIX}{name}" for name in dict.fromkeys(names)]
