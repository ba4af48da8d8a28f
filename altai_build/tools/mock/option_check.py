"""Which options of a configuration the chroot builder does not carry out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from altai_build.model.suggestion import suggest
from altai_build.tools.mock.options import OPTIONS, PACKAGE_MANAGER_OPTIONS, Treatment
from altai_build.tools.mock.plugins import PLUGINS, REFUSED_PLUGIN_SETTINGS


@dataclass(frozen=True)
class UnsupportedOption:
    """An option that a configuration sets and that a builder does not carry out."""

    keys: tuple[str, ...]  # config_opts[key][key]; of dnf.conf: its section and option
    why: str
    is_error: bool  # packages may differ by it

    @property
    def name(self) -> str:
        """As the configuration writes it: `config_opts['plugin_conf']['sign_enable']`, `dnf.conf: [main] strict`."""
        if self.keys[0] == "dnf.conf" and len(self.keys) == 3:
            return f"dnf.conf: [{self.keys[1]}] {self.keys[2]}"
        return "config_opts" + "".join(f"[{key!r}]" for key in self.keys)

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def find_unsupported(
    changed: Collection[str], plugin_settings: Iterable[str], package_manager: str
) -> tuple[UnsupportedOption, ...]:
    """The options among the `changed` ones that the chroot builder does not carry out, sorted by name.

    `changed` are names of options that differ from mock's defaults, `plugin_settings` the names below plugin_conf that
    do. Options of package managers other than `package_manager` have no effect with mock either.
    """
    found = []
    for name in sorted(changed):
        option = OPTIONS.get(name)
        if option is None and (hint := _suggest(name)):
            found.append(UnsupportedOption((name,), f"mock has no such option; {hint}", False))
        if option is None or option.treatment not in (Treatment.WARNED, Treatment.REFUSED):
            continue
        if name in PACKAGE_MANAGER_OPTIONS and not _belongs_to(name, package_manager):
            continue
        found.append(UnsupportedOption((name,), option.why, option.treatment is Treatment.REFUSED))
    for name in sorted(plugin_settings):
        plugin, _, kind = name.rpartition("_")
        if name in REFUSED_PLUGIN_SETTINGS:
            found.append(UnsupportedOption(("plugin_conf", name), REFUSED_PLUGIN_SETTINGS[name], True))
        elif kind == "enable" and plugin not in PLUGINS:
            why = "the chroot builder does not know this plugin"
            found.append(UnsupportedOption(("plugin_conf", name), why, True))
    return tuple(found)


def _suggest(name: str) -> str:
    """What a misspelt option may mean; "" where it is a variable of the configuration's own."""
    return suggest(name, OPTIONS, cutoff=0.9)


def _belongs_to(option: str, package_manager: str) -> bool:
    """Whether an option such as dnf4_common_opts is one of the configuration's package manager's."""
    managers = ("dnf4", "dnf5") if package_manager == "dnf" else (package_manager,)
    return option.partition("_")[0] in managers
