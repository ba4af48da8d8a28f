"""The release definition: repos.yaml read into a frozen, typed Config, all faults reported at once."""

from __future__ import annotations

from altai_build.config.load import default_config, load_config
from altai_build.config.schema import (
    BaseRepository,
    Bootstrap,
    ComponentSettings,
    Config,
    Key,
    Listing,
    ReleaseSettings,
    Repository,
    Source,
    SuperprojectSettings,
    Target,
    VerifySettings,
)

__all__ = [
    "BaseRepository",
    "Bootstrap",
    "ComponentSettings",
    "Config",
    "Key",
    "Listing",
    "ReleaseSettings",
    "Repository",
    "Source",
    "SuperprojectSettings",
    "Target",
    "VerifySettings",
    "default_config",
    "load_config",
]
