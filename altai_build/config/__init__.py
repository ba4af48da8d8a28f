"""The release definition: repos.yaml read into a frozen, typed Config, all errors reported at once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from altai_build.config.load import default_config, load_config
    from altai_build.config.schema import (
        BaseRepository,
        Bootstrap,
        ComponentSettings,
        Config,
        Key,
        MirrorListKind,
        ReleaseSettings,
        Repository,
        SourceKind,
        Target,
        VerifySettings,
    )
    from altai_build.config.superproject import SuperprojectSettings

__all__ = [
    "BaseRepository",
    "Bootstrap",
    "ComponentSettings",
    "Config",
    "Key",
    "MirrorListKind",
    "ReleaseSettings",
    "Repository",
    "SourceKind",
    "SuperprojectSettings",
    "Target",
    "VerifySettings",
    "default_config",
    "load_config",
]


def __getattr__(name: str) -> Any:
    """Import a name on first use: `changed` needs only config.superproject, which loads in a third of the time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"altai_build.config.{'load' if name.endswith('_config') else 'schema'}")
    return getattr(module, name)
