"""Sources that repos.yaml generates (`components.NAME.sources`): what packages must know of the release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.model.release_files import KEY_FILE_PREFIX

if TYPE_CHECKING:
    from altai_build.config.schema import Config, ReleaseSettings
    from altai_build.model.component import Component


def generate_sources(config: Config, component: Component, version: str) -> dict[str, bytes]:
    """File name → content, for a component of the release `version`; nothing where there is no repos.yaml."""
    settings = config.find_component(component.name, component.path)
    release = config.release
    if settings is None or release is None:
        return {}
    values = {
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
            config.list_client_keys(),
            label="ring" if release.rings else None,
        ).rstrip("\n")
    return {
        name: f"{template.format(**values)}\n".encode() for name, template in dict(settings.sources).items()
    }


def _list_key_urls(config: Config, release: ReleaseSettings, component: Component, version: str) -> str:
    """Where clients find the keys of the component's repository; all of them while keys are rotated."""
    repository = config.repositories.get(component.repository or "")
    if repository is None:
        return ""
    keys = (repository.key, *config.get_related_keys(repository.key))
    return " ".join(f"{release.baseurl}/{version}/{KEY_FILE_PREFIX}{name}" for name in keys)
