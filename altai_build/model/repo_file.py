"""The .repo files of a release and of a channel, which tell yum and dnf where repositories are and who signs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from altai_build.model.channel import CHANNELS_FOLDER, METALINK_NAME
from altai_build.model.release_files import KEY_FILE_PREFIX, make_repo_section_name


def format_repo_file(
    project: str,
    version: str,
    baseurl: str,
    keys: Mapping[str, Sequence[str]],
    *,
    release_keys: Collection[str] = (),
) -> str:
    """The file, with a section for each repository in `keys`: repository → the names of the keys that clients need.

    `release_keys` are those of them that sign releases, and not only packages.
    """
    root = f"{baseurl.rstrip('/')}/{version}"
    sections = [
        format_repo_section(
            make_repo_section_name(project, repository),
            f"{project} {version} {repository}",
            f"{root}/{repository}/",
            _list_key_urls(root, names),
            has_other_keys=not set(names) <= set(release_keys),
        )
        for repository, names in keys.items()
    ]
    return "\n".join(sections)


def format_channel_repo_file(
    project: str,
    channel: str,
    baseurl: str,
    keys: Sequence[str],
    *,
    release_keys: Collection[str] = (),
    label: str | None = None,
    key_file: str | None = None,
) -> str:
    """The same for a channel: clients ask each time which release it shows.

    One section has all repositories, so that a client never sees those of two releases; `keys` are the names of all
    keys. `channel` may be a variable of dnf and yum; `label` then stands in the name of the section. `key_file` is a
    file on the machine that has all keys; without it clients take the keys from the channel.
    """
    root = f"{baseurl.rstrip('/')}/{CHANNELS_FOLDER}/{channel}"
    return format_repo_section(
        f"{project}-{label or channel}",
        f"{project} {channel}",
        f"{root}/{METALINK_NAME}",
        [f"file://{key_file}"] if key_file is not None else _list_key_urls(root, keys),
        is_metalink=True,
        has_other_keys=not set(keys) <= set(release_keys),
    )


def format_repo_section(
    section: str,
    name: str,
    location: str,
    key_urls: Sequence[str],
    *,
    is_metalink: bool = False,
    has_other_keys: bool = False,
) -> str:
    """The section of one repository; clients check signatures where it has the URLs of public keys.

    `has_other_keys`: not all of them sign metadata too.
    """
    signed = int(bool(key_urls))
    lines = [
        f"[{section}]",
        f"name={name}",
        f"{'metalink' if is_metalink else 'baseurl'}={location}",
        "enabled=1",
        f"gpgcheck={signed}",
        f"repo_gpgcheck={signed}",
        # Of zypper, which else checks no package where the signature of the index is right. With it zypper learns the
        # keys of all packages, and takes metadata from whoever has a key that it knows: not those of others.
        *(["pkg_gpgcheck=1"] if signed and not has_other_keys else []),
        # Where dnf.conf says True (Debian's does), dnf would pass over a refused signature, and succeed.
        "skip_if_unavailable=0",
        # Modules of the operating system would hide packages that have the name of one of theirs, and dnf refuses
        # packages of modules whose modules.yaml is not in the repository.
        "module_hotfixes=1",
    ]
    if is_metalink:
        # Seconds. To ask whether something is new costs one small file.
        lines.append("metadata_expire=300")
    if key_urls:
        lines.append("gpgkey=" + "\n       ".join(key_urls))
    return "\n".join(lines) + "\n"


def _list_key_urls(root: str, names: Sequence[str]) -> list[str]:
    return [f"{root}/{KEY_FILE_PREFIX}{name}" for name in dict.fromkeys(names)]
