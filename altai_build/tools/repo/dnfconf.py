"""The text of dnf.conf or yum.conf as typed repositories."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from altai_build.errors import InputError
from altai_build.model.connection import NO_PROXY, ConnectionSettings
from altai_build.model.variables import expand_variables

_TRUE = ("1", "yes", "true", "on")
_FALSE = ("0", "no", "false", "off", "")
# What RepoSection has of [main] too.
INHERITED_OPTIONS = frozenset({
    "gpgcheck", "repo_gpgcheck", "exclude", "excludepkgs", "includepkgs", "skip_if_unavailable",
    "proxy", "proxy_username", "proxy_password", "minrate", "timeout", "username", "password",
    "sslverify", "sslcacert", "sslclientcert", "sslclientkey",
})  # fmt: skip
# All that RepoSection has fields for.
REPOSITORY_OPTIONS = INHERITED_OPTIONS | {
    "name", "baseurl", "mirrorlist", "metalink", "enabled", "gpgkey", "priority", "cost", "module_hotfixes",
}  # fmt: skip
_SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_TIME_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class RepoSection:
    """One repository of a dnf configuration, with the settings of [main] and dnf's own defaults applied."""

    id: str
    name: str
    baseurls: tuple[str, ...]
    # "" when there is none.
    mirrorlist: str
    metalink: str
    enabled: bool
    gpgcheck: bool
    repo_gpgcheck: bool
    gpgkeys: tuple[str, ...]
    priority: int
    cost: int
    exclude: tuple[str, ...]
    includepkgs: tuple[str, ...]
    module_hotfixes: bool
    skip_if_unavailable: bool
    connection: ConnectionSettings
    # False: certificates of servers are not verified.
    sslverify: bool
    # All other options, sorted.
    other: tuple[tuple[str, str], ...]


def parse_dnf_config(
    text: str, *, variables: Mapping[str, str], where: str
) -> tuple[tuple[tuple[str, str], ...], tuple[RepoSection, ...]]:
    """The options of [main], sorted, and the repositories in the order of the text.

    $name and ${name} are replaced if `variables` has the name and kept otherwise, as in dnf. `where` names the text in
    errors. Raises InputError for text that dnf would not accept.
    """
    parser = configparser.ConfigParser(
        # dnf uses the last of two equal options.
        strict=False,
        interpolation=None,
        delimiters=("=",),
        default_section="\0",
        empty_lines_in_values=False,
    )
    try:
        parser.read_string(text, source=where)
    except configparser.Error as error:
        raise InputError(f"{where} is not a valid dnf configuration", why=str(error)) from error
    sections = {
        section: {key: expand_variables(value, variables) for key, value in parser.items(section)}
        for section in parser.sections()
    }
    main = sections.pop("main", {})
    repositories = tuple(
        _parse_section(section, main, options, where) for section, options in sections.items()
    )
    return tuple(sorted(main.items())), repositories


def _parse_section(
    section: str, main: Mapping[str, str], options: Mapping[str, str], where: str
) -> RepoSection:
    """One section of the text as a repository. Raises InputError for a value of the wrong type."""

    def flag(key: str, *, inherits: bool = False, default: str = "0") -> bool:
        word = options.get(key, main.get(key, default) if inherits else default).strip().lower()
        found = read_flag(word)
        if found is None:
            raise InputError(f"{where}: [{section}] {key}={word} is not a boolean", todo="write 0 or 1")
        return found

    def inherited(key: str) -> str | None:
        return options.get(key, main.get(key))

    def quantity(key: str, units: Mapping[str, int], minimum: int = 0) -> int | None:
        text = (inherited(key) or "").strip().lower()
        match = re.fullmatch(r"([0-9]{1,9})([a-z]?)", text)
        if not text:
            return None
        if match is None or match[2] not in units or int(match[1]) < minimum:
            raise InputError(
                f"{where}: [{section}] {key}={text} is not supported",
                todo=f"write a whole number, with one of the units {', '.join(filter(None, units))} or none",
            )
        return int(match[1]) * units[match[2]]

    def number(key: str, default: int) -> int:
        try:
            return int(options.get(key, default))
        except ValueError as error:
            raise InputError(f"{where}: [{section}] {key}={options[key]} is not a number") from error

    def words(*keys: str, options: Mapping[str, str] = options) -> tuple[str, ...]:
        return tuple(word for key in keys for word in re.split(r"[\s,]+", options.get(key, "")) if word)

    patterns = ("exclude", "excludepkgs")

    return RepoSection(
        id=section,
        name=options.get("name", section),
        baseurls=words("baseurl"),
        mirrorlist=options.get("mirrorlist", ""),
        metalink=options.get("metalink", ""),
        enabled=flag("enabled", default="1"),
        gpgcheck=flag("gpgcheck", inherits=True),
        repo_gpgcheck=flag("repo_gpgcheck", inherits=True),
        gpgkeys=words("gpgkey"),
        priority=number("priority", 99),
        cost=number("cost", 1000),
        # Those of [main] hold for all repositories.
        exclude=tuple(dict.fromkeys(words(*patterns, options=main) + words(*patterns))),
        includepkgs=tuple(dict.fromkeys(words("includepkgs", options=main) + words("includepkgs"))),
        module_hotfixes=flag("module_hotfixes"),
        skip_if_unavailable=flag("skip_if_unavailable", inherits=True),
        connection=ConnectionSettings(
            proxy=_read_proxy(
                inherited("proxy"), inherited("proxy_username") or "", inherited("proxy_password") or ""
            ),
            minrate=quantity("minrate", _SIZE_UNITS),
            timeout=quantity("timeout", _TIME_UNITS, 1),
            username=inherited("username") or "",
            password=inherited("password") or "",
            sslcacert=inherited("sslcacert") or "",
            sslclientcert=inherited("sslclientcert") or "",
            sslclientkey=inherited("sslclientkey") or "",
        ),
        sslverify=flag("sslverify", inherits=True, default="1"),
        other=tuple(sorted((key, value) for key, value in options.items() if key not in REPOSITORY_OPTIONS)),
    )


def read_flag(text: str) -> bool | None:
    """A boolean as dnf reads it; None for other text."""
    word = text.strip().lower()
    return word in _TRUE if word in _TRUE + _FALSE else None


def _read_proxy(url: str | None, username: str, password: str) -> str | None:
    """The URL of a proxy with the password in it; an empty one means none, even where [main] has one."""
    if url is None:
        return None
    if url.strip() in ("", NO_PROXY):
        return NO_PROXY
    scheme, mark, rest = url.strip().rpartition("://")
    account = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username else ""
    return f"{scheme if mark else 'http'}://{account}{rest}"
