"""Sources that repos.yaml generates (`components.NAME.sources`): what packages must know of the release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.model.release_files import KEY_FILE_PREFIX, KEY_FOLDER

if TYPE_CHECKING:
    from altai_build.config.schema import ComponentSettings, Config, ReleaseSettings
    from altai_build.model.component import Component


def generate_sources(
    config: Config, component: Component, version: str, read_keys: Callable[[Path], bytes]
) -> dict[str, bytes]:
    """File name → content, for a component of the release `version`; nothing where there is no repos.yaml.

    `read_keys` reads a file of public keys. What it raises is raised here, where a template has `{keys}`.
    """
    settings = config.find_component(component.name, component.path)
    release = config.release
    if settings is None or release is None:
        return {}
    key_file = find_key_file(settings)
    values = {
        "keys": _join_keys(config, read_keys) if key_file is not None else "",
        "baseurl": release.baseurl,
        "version": version,
        "project": config.project,
        "gpgkeys": _list_key_urls(config, release, component, version),
    }
    if release.follows_channel:
        # Few definitions have channels.
        from altai_build.model.repo_file import format_channel_repo_file
        from altai_build.model.rings import format_ring_script, make_ring_variable

        variable = make_ring_variable(config.project)
        values["ring"] = format_ring_script(config.project, release.rings).rstrip("\n")
        values["channel"] = format_channel_repo_file(
            config.project,
            f"${variable}" if release.rings else release.channel or "",
            release.baseurl,
            config.list_all_client_keys(),
            release_keys=config.list_release_keys(),
            label="ring" if release.rings else None,
            key_file=f"{KEY_FOLDER}/{key_file}" if key_file is not None else None,
        ).rstrip("\n")
    return {
        name: f"{template.format(**values)}\n".encode() for name, template in dict(settings.sources).items()
    }


def find_key_file(settings: ComponentSettings) -> str | None:
    """The generated source with the public keys (`{keys}`), which the package installs in KEY_FOLDER."""
    return next((name for name, template in settings.sources if "{keys}" in template), None)


def _join_keys(config: Config, read_keys: Callable[[Path], bytes]) -> str:
    """All public keys that clients need, as one text."""
    names = config.list_all_client_keys()
    return "".join(read_keys(config.keys[name].file).decode("ascii") for name in names).rstrip("\n")


def _list_key_urls(config: Config, release: ReleaseSettings, component: Component, version: str) -> str:
    """Where clients find the keys of the component's repository; all of them while keys are rotated."""
    repository = config.repositories.get(component.repository or "")
    if repository is None:
        return ""
    keys = (repository.key, *config.get_related_keys(repository.key))
    return " ".join(f"{release.baseurl}/{version}/{KEY_FILE_PREFIX}{name}" for name in keys)
