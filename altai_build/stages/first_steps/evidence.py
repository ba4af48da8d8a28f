"""Texts of a repository → what speaks for one distribution or another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from altai_build.model.first_steps import Evidence

# Of an excerpt.
_LONGEST_EXCERPT = 80
_FAMILIES = (
    "almalinux|alma|centos-stream|centos|rockylinux|rocky|oraclelinux|rhel|epel|el|enterprise[ -]linux|"
    "red hat enterprise linux|scientific linux"
)
# Names as of mock's chroots and packit's targets: epel-7-x86_64, alma+epel-9, fedora-40, centos-stream-9.
_CHROOT = re.compile(
    rf"(?<![\w./-])(?:(?P<el>{_FAMILIES})(?:\+epel)?-(?P<number>\d{{1,2}})|fedora-(?P<fedora>\d{{2}})|"
    rf"opensuse-(?:leap-(?P<leap>\d+\.\d)|(?P<tumbleweed>tumbleweed)))(?![\w.])",
    re.IGNORECASE,
)
_DIST_TAG = re.compile(r"[.\-_](?P<kind>el|fc)(?P<number>\d{1,2})(?![0-9A-Za-z])")
_WORDS_OF_DIST = re.compile(
    r"(?<![\w.])(?P<kind>el|fc|centos|epel)(?P<number>\d{1,2})s?(?![\w])", re.IGNORECASE
)
_PROSE = re.compile(
    rf"\b(?:(?P<el>{_FAMILIES})|(?P<fedora>fedora)(?: core| linux)?)[ -]*(?:release |version |v)?(?P<number>\d{{1,2}})"
    r"(?:\.\d+|\.x)?\b(?!-bit)",
    re.IGNORECASE,
)
_DEFINED_DIST = re.compile(r"^[ \t]*%(?:define|global)[ \t]+dist[ \t]+(\S+)", re.MULTILINE)
_CONDITION = re.compile(
    r"%\{?\??!?\??(?P<macro>rhel|fedora|centos(?:_ver)?|el\d+|fc\d+)\}?:?\d?\}?\s*(?P<operator>>=|<=|==|>|<)?\s*(?P<number>\d{1,3})?"
)
_CHANGELOG = re.compile(r"^\* \w{3} \w{3} +\d+ \d{4}.*$", re.MULTILINE)
_CONTAINER = re.compile(
    r"(?:^[ \t]*FROM[ \t]+|\bimage:[ \t]*['\"]?)(?:[\w.-]+(?::\d+)?/)*"
    r"(?P<image>almalinux|rockylinux|centos|fedora|ubi|ubi-minimal|leap|tumbleweed)"
    r"(?P<inner>\d{1,2})?(?:/\w+)?:?(?P<tag>[\w.]*)",
    re.MULTILINE | re.IGNORECASE,
)
_MOCK_ROOT = re.compile(r"config_opts\[\s*['\"]root['\"]\s*\]\s*=\s*['\"]([^'\"\n]{1,80})['\"]")
_MOCK_ARCH = re.compile(r"config_opts\[\s*['\"]target_arch['\"]\s*\]\s*=\s*['\"]([a-z][a-z0-9_]{1,15})['\"]")
_KEY_FILE = re.compile(
    r"RPM-GPG-KEY-(?:(?P<el>CentOS|EPEL|AlmaLinux|Rocky|redhat)-(?P<number>\d{1,2})|fedora-(?P<fedora>\d{2}))"
)
# Macros and tags that only one distribution has.
_OTHERS = (
    (re.compile(r"^Release:[ \t]*alt\d", re.MULTILINE), "alt", "Release: altN is ALT Linux"),
    (re.compile(r"%mkrel\b|%\{mkrel"), "mageia", "%mkrel is Mageia"),
    (re.compile(r"%\{\?xsrel\}|\bxcpng"), "xcp-ng", "releases as XCP-ng and XenServer have"),
    (
        re.compile(r"^Distribution:[ \t]*(?:Azure Linux|Mariner)", re.MULTILINE),
        "azure-linux",
        "made for Azure Linux",
    ),
    (re.compile(r"^Distribution:[ \t]*Photon", re.MULTILINE), "photon", "made for Photon"),
)
_PROSE_FILES = re.compile(
    r"^(README|RELEASE|INSTALL|RELEASENOTES|BUILDING|HACKING|CONTRIBUTING)", re.IGNORECASE
)
_BUILD_FILES = ("builder.yml", "builder.conf", "builder.yaml")
# Files at any depth that may say something; specs and keys come besides.
_NAMES = re.compile(
    r"(?:\.repo|\.cfg|\.ks)$|^(?:Dockerfile|Containerfile|Jenkinsfile|Vagrantfile|\.packit|packit|\.gitlab-ci|builder\.|\.copr)",
    re.IGNORECASE,
)


def is_telling(path: str) -> bool:
    """Whether a file, by its path, may say for which distribution a repository is."""
    name = PurePosixPath(path).name
    at_top = "/" not in path
    return (
        bool(_NAMES.search(name))
        or path.startswith(".github/workflows/")
        or (at_top and bool(_PROSE_FILES.match(name)))
    )


def find_in_name(path: str) -> Iterator[Evidence]:
    """What the path of a file says: keys of distributions, configurations of mock."""
    match = _KEY_FILE.search(path)
    if match:
        id = f"fedora-{match['fedora']}" if match["fedora"] else name_enterprise(match["number"])
        yield Evidence(id, 5, "key", path, "a key of this distribution")
    if path.endswith(".cfg"):
        for id, text in _find_chroots(PurePosixPath(path).stem):
            yield Evidence(id, 6, "mock", path, f"a configuration named {text}")


def find_in_text(path: str, text: str) -> Iterator[Evidence]:
    """What the text of a file says that is no spec."""
    if "config_opts[" in text:
        for match in _MOCK_ROOT.finditer(text):
            for name, found in _find_chroots(match[1]):
                yield Evidence(name, 10, "mock", path, f"mock's root {found}")
        return
    for match in _CONTAINER.finditer(text):
        image = _name_image(match["image"].lower(), match["inner"] or match["tag"] or match[0])
        if image:
            yield Evidence(image, 3, "container", path, _excerpt(match))
    kind, weight, patterns = _choose_patterns(PurePosixPath(path).name)
    for pattern in patterns:
        for match in pattern.finditer(text):
            if distribution := _name_match(match):
                yield Evidence(distribution, weight, kind, path, _excerpt(match))


def _choose_patterns(name: str) -> tuple[str, int, tuple[re.Pattern[str], ...]]:
    """The kind of evidence in a file of this name, how much it counts, and what it looks like."""
    if name.endswith(".repo"):
        return "repositories", 4, (_CHROOT, _PROSE, _WORDS_OF_DIST)
    if name in _BUILD_FILES:
        return "builder", 5, (_CHROOT, _WORDS_OF_DIST)
    if _PROSE_FILES.match(name):
        return "text", 2, (_PROSE,)
    return "jobs", 3, (_CHROOT, _DIST_TAG)


def find_architectures(text: str) -> Iterator[str]:
    """The architectures for which configurations of mock are."""
    yield from (match[1] for match in _MOCK_ARCH.finditer(text))


def find_in_spec(path: str, text: str) -> Iterator[Evidence]:
    """What a spec says: the `dist` that it defines, its newest changelog entry with one, its conditions."""
    for match in _DEFINED_DIST.finditer(text):
        for tag in _DIST_TAG.finditer(f".{match[1].lstrip('.')}"):
            yield Evidence(_name_tag(tag), 8, "macro", path, _excerpt(match))
    changelog = (_DIST_TAG.search(match[0]) for match in _CHANGELOG.finditer(text))
    newest = next((tag for tag in changelog if tag), None)
    if newest:
        yield Evidence(
            _name_tag(newest), 2, "changelog", path, f"its changelog has {newest[0].lstrip('.-_')}"
        )
    for pattern, other, says in _OTHERS:
        if pattern.search(text):
            yield Evidence(other, 4, "macro", path, says)
    for match in _CONDITION.finditer(text):
        if condition := _name_condition(match):
            yield Evidence(condition, 1, "condition", path, _excerpt(match))
    if "suse_version" in text and "%{?rhel" not in text and "fedora" not in text:
        yield Evidence("opensuse-tumbleweed", 1, "condition", path, "suse_version")


def find_in_tags(names: Iterable[str]) -> Iterator[Evidence]:
    """What the names of tags say, as in nova-2012.1-3.el6."""
    for name in names:
        for tag in _DIST_TAG.finditer(name):
            yield Evidence(_name_tag(tag), 2, "tag", f"the tag {name}", "")


def find_in_words(place: str, words: str, weight: int) -> Iterator[Evidence]:
    """What a setting says: centos6, el7, .el9, epel-8-x86_64, fedora-40."""
    for pattern in (_CHROOT, _WORDS_OF_DIST, _DIST_TAG):
        for match in pattern.finditer(words):
            if id := _name_match(match):
                yield Evidence(id, weight, "tool", place, _excerpt(match))


def name_enterprise(number: str) -> str:
    """The id of an Enterprise Linux: CentOS up to 7, whose only packages are public."""
    return f"centos{number}" if int(number) < 8 else f"el{int(number)}"


def _find_chroots(text: str) -> Iterator[tuple[str, str]]:
    for match in _CHROOT.finditer(text):
        if id := _name_match(match):
            yield id, match[0]
    if not _CHROOT.search(text):
        for match in _WORDS_OF_DIST.finditer(text.replace("-", " ").replace("_", " ")):
            if id := _name_match(match):
                yield id, match[0]


def _name_match(match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    if groups.get("leap"):
        return f"opensuse-leap-{groups['leap']}"
    if groups.get("tumbleweed"):
        return "opensuse-tumbleweed"
    if "kind" in groups:
        return _name_tag(match)
    if groups.get("fedora"):
        number = groups.get("number") or groups["fedora"]
        return f"fedora-{int(number)}"
    return name_enterprise(groups["number"]) if 4 <= int(groups["number"]) <= 12 else None


def _name_tag(match: re.Match[str]) -> str:
    number = int(match["number"])
    return f"fedora-{number}" if match["kind"].lower() == "fc" else name_enterprise(str(number))


def _name_condition(match: re.Match[str]) -> str | None:
    macro, number = match["macro"], match["number"]
    if macro.startswith(("el", "fc")):
        digits = macro[2:]
        return f"fedora-{digits}" if macro.startswith("fc") else name_enterprise(digits)
    if number is None or match["operator"] is None:
        return None
    step = {">": 1, "<": -1}.get(match["operator"], 0)
    value = int(number) + step
    if macro == "fedora":
        return f"fedora-{value}" if 8 <= value <= 99 else None
    return name_enterprise(str(value)) if 5 <= value <= 12 else None


def _name_image(image: str, tag: str) -> str | None:
    number = re.search(r"\d{1,2}", tag)
    if image == "tumbleweed":
        return "opensuse-tumbleweed"
    if image == "leap":
        return f"opensuse-leap-{tag}" if re.fullmatch(r"\d+\.\d", tag) else None
    if number is None:
        return None
    return f"fedora-{number[0]}" if image == "fedora" else name_enterprise(number[0])


def _excerpt(match: re.Match[str]) -> str:
    return " ".join(match[0][: 4 * _LONGEST_EXCERPT].split())[:_LONGEST_EXCERPT]
