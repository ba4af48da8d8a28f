"""The repositories of repos.yaml: those of a release, and those that packages come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from altai_build.config.names import check_plain_name, check_repository_name
from altai_build.config.package_keys import BASE_REPOSITORY, REPOSITORIES, UPSTREAM_NAMES
from altai_build.config.schema import BaseRepository, MirrorListKind, Repository, SourceKind
from altai_build.config.yaml_reader import YamlNode
from altai_build.model.connection import NO_PROXY, USUAL_CONNECTION, ConnectionSettings
from altai_build.model.variables import expand_variables, list_variables

_URL_SCHEMES = ("https", "http", "file")
_ALWAYS_VERIFIED = (
    "certificates are always verified; REQUESTS_CA_BUNDLE names a file with those of authorities"
)
# What dnf has for repositories, and what there is here instead.
_DNF_KEYS = {
    "baseurl": "write url",
    "gpgkey": "write key, which names an entry of keys",
    **dict.fromkeys(("gpgcheck", "repo_gpgcheck"), "signatures are always checked"),
    **dict.fromkeys(("username", "password"), "repos.yaml is published: keep passwords in ~/.netrc"),
    **dict.fromkeys(
        ("proxy_username", "proxy_password"),
        "repos.yaml is published: set https_proxy in the environment, with user name and password in the URL",
    ),
    **dict.fromkeys(("sslverify", "sslcacert"), _ALWAYS_VERIFIED),
    **dict.fromkeys(("sslclientcert", "sslclientkey"), "client certificates are not supported here"),
    "retries": "each server is tried four times",
    **dict.fromkeys(
        ("bandwidth", "throttle"), "the speed is not limited; --jobs limits the downloads at a time"
    ),
    "enabled": "leave out a repository that is not used",
    "skip_if_unavailable": "a repository that cannot be used is always an error",
    **dict.fromkeys(("priority", "cost"), "repositories are preferred in their order"),
    "excludepkgs": "write exclude",
    "includepkgs": "write packages",
}


def read_base_repository(node: YamlNode, variables: Mapping[str, str]) -> BaseRepository:
    """Read one repository of the operating system; `variables` are replaced in its URL."""
    node = node.check_section(BASE_REPOSITORY, hints=_DNF_KEYS)
    url, listing = _read_upstream(node, variables)
    return BaseRepository(
        name=node.get_child("name").read_text(check=check_plain_name),
        url=url,
        key=node.get_child("key").read_text(),
        listing=listing,
        connection=_read_connection(node),
    )


def read_repository(
    name: str, node: YamlNode, root: Path, variables: Mapping[str, Mapping[str, str]]
) -> Repository:
    """Read one repository of the release; the `variables` of its target are replaced in its URL."""
    if error := check_repository_name(name):
        node.add_error(f"the repository's name is its folder in the release: {error}")
    kind = SourceKind(
        node.get_child("source").read_choice(
            [kind.value for kind in SourceKind], SourceKind.SUPERPROJECT.value
        )
    )
    hints = _DNF_KEYS if kind is SourceKind.MIRROR else None
    node = node.check_section(REPOSITORIES[kind.value], hints=hints)
    packages = node.get_child("packages")
    wanted: tuple[str, ...] | None = None
    if isinstance(packages.value, str):
        packages.read_choice(("needed",), "needed")
    else:
        wanted = packages.read_texts(check=check_plain_name)
    path = node.get_child("path").read_text()
    target = node.get_child("target").read_text()
    known = variables.get(target, {})
    url, listing = _read_upstream(node, known) if kind is SourceKind.MIRROR else ("", None)
    return Repository(
        name=name,
        source=kind,
        target=target,
        key=node.get_child("key").read_text(),
        path=root / path if path else None,
        source_rpms=node.get_child("source_rpms").read_text(check=check_repository_name) or None,
        url=url or None,
        listing=listing,
        packages=wanted,
        prefer=node.get_child("prefer").read_texts(),
        exclude=node.get_child("exclude").read_texts(),
        modules=_read_modules(node.get_child("modules")),
        weak=node.get_child("weak").read_flag(False),
        connection=_read_connection(node) if kind is SourceKind.MIRROR else USUAL_CONNECTION,
    )


def check_chosen_modules(node: YamlNode, repositories: Mapping[str, Repository]) -> None:
    """Report modules of which two repositories choose different streams: only one can be active."""
    chosen: dict[str, tuple[str, str]] = {}
    for name, repository in repositories.items():
        for module, stream in repository.modules:
            other, other_stream = chosen.setdefault(module, (name, stream))
            if other_stream != stream:
                node.get_child(name).get_child("modules").get_child(module).add_error(
                    f"got {stream!r}, and {other} chooses {other_stream!r}; of a module one stream can be active"
                )


def _read_upstream(node: YamlNode, variables: Mapping[str, str]) -> tuple[str, MirrorListKind | None]:
    """The URL of a repository, or of a list of its mirrors and which kind of list that is."""
    given = [key for key in UPSTREAM_NAMES if node.has_key(key)]
    if len(given) != 1:
        described = f"got {' and '.join(given)}" if given else "no URL is given"
        node.add_error(f"{described}; write one of {', '.join(UPSTREAM_NAMES)}")
        return "", None

    def check(value: str) -> str | None:
        unknown = list_variables(expand_variables(value, variables))
        if unknown and variables:
            return f"write the value of {' and '.join(unknown)}: only $arch and $basearch are known here"
        return check_url(value)

    url = expand_variables(node.get_child(given[0]).read_text(check=check), variables)
    return url, None if given[0] == "url" else MirrorListKind(given[0])


def _read_connection(node: YamlNode) -> ConnectionSettings:
    """How the servers of a repository are reached."""
    return ConnectionSettings(
        proxy=node.get_child("proxy").read_text(check=_check_proxy) or None,
        minrate=node.get_child("minrate").read_integer(
            None, minimum=0, hint="write a number of bytes a second, as in 1000; 0 for any"
        ),
        timeout=node.get_child("timeout").read_integer(
            None, minimum=1, hint="write a number of seconds, as in 30"
        ),
    )


def _check_proxy(value: str) -> str | None:
    if value == NO_PROXY:
        return None
    if check_url(value) is None and not value.lower().startswith("file:"):
        return None
    if "@" in value:
        return _DNF_KEYS["proxy_password"]
    return f"write the URL of a proxy, with http or https, or {NO_PROXY} for none"


def _read_modules(node: YamlNode) -> tuple[tuple[str, str], ...]:
    """Module → stream; a stream may be a whole number, as in `nodejs: 18`."""
    modules = []
    for name, stream in node.read_mapping("module"):
        value = stream.value
        if isinstance(value, int) and not isinstance(value, bool):
            modules.append((name, str(value)))
        elif isinstance(value, float):
            stream.add_error(f"got the number {stream.describe_value()}; quote it (1.10 would become 1.1)")
        else:
            modules.append((name, stream.read_text()))
    return tuple(modules)


def check_url(value: str) -> str | None:
    """What is wrong with a URL; None when it can be used."""
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        return str(error)
    if parts.scheme not in _URL_SCHEMES or (parts.scheme != "file" and not has_host):
        return f"write a URL with one of {', '.join(_URL_SCHEMES)}"
    if "#" in value:
        return "a # would end the URL"
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        return "a file URL names no other machine: write file:///PATH"
    if parts.username or parts.password:
        return "a password in a URL would be published; keep it in ~/.netrc"
    return None
