"""Repodata without packages: what a mirror says of packages, true or not, at the price of a text file."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.kit.repositories import REVISION, Package

_FLAGS = {"=": "EQ", "<": "LT", ">": "GT", "<=": "LE", ">=": "GE"}
_NAMESPACES = 'xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"'


def describe_repository(folder: Path, packages: Sequence[Package], **parts: bytes) -> Path:
    """A repository of metadata alone.

    `parts` are the contents of further files, such as `modules`, or of primary itself in the place of the true one.
    """
    plain = {"primary": describe_packages(packages).encode(), **parts}
    return index_metadata(
        folder, {kind: (data, gzip.compress(data, mtime=0)) for kind, data in plain.items()}
    )


def index_metadata(
    folder: Path, parts: Mapping[str, tuple[bytes, bytes]], revision: int = REVISION, *, ending: str = ".gz"
) -> Path:
    """Write files of metadata, each given plain and compressed, and the repomd.xml that lists them."""
    (folder / "repodata").mkdir(parents=True, exist_ok=True)
    rows = []
    for kind, (plain, packed) in parts.items():
        digest = hashlib.sha256(packed).hexdigest()
        name = f"repodata/{digest}-{kind}.{'yaml' if kind == 'modules' else 'xml'}{ending}"
        (folder / name).write_bytes(packed)
        rows.append(
            f'<data type="{kind}"><checksum type="sha256">{digest}</checksum><location href="{name}"/>'
            f"<size>{len(packed)}</size><open-size>{len(plain)}</open-size></data>"
        )
    (folder / "repodata/repomd.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">'
        f"<revision>{revision}</revision>{''.join(rows)}</repomd>\n"
    )
    return folder


def edit_primary(folder: Path, *replacements: tuple[str, str]) -> None:
    """Make the primary metadata of a repository say something else of its packages; it is not signed any more."""
    (path,) = (folder / "repodata").glob("*-primary.xml.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    shutil.rmtree(folder / "repodata")
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    index_metadata(folder, {"primary": (text.encode(), gzip.compress(text.encode(), mtime=0))})


def describe_packages(packages: Sequence[Package]) -> str:
    """The text of a primary.xml."""
    rows = "".join(map(describe_package, packages))
    head = f'<metadata {_NAMESPACES} packages="{len(packages)}">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{rows}</metadata>\n'


def describe_package(package: Package) -> str:
    """One <package> of a primary.xml."""
    own = f"{package.name} = {package.epoch}:{package.version}-{package.release}"
    lists = {
        "provides": [own, *package.provides],
        "requires": [*package.requires, *_scriptlet_requirements(package)],
        "conflicts": package.conflicts,
        "obsoletes": package.obsoletes,
        "recommends": package.recommends,
    }
    digest = hashlib.sha256(package.nevra.encode()).hexdigest()
    name = f"{package.name}-{package.version}-{package.release}.{package.arch}.rpm"
    dependencies = "".join(
        f"<rpm:{kind}>{''.join(map(_entry, entries))}</rpm:{kind}>"
        for kind, entries in lists.items()
        if entries
    )
    files = "".join(f"<file>{path}</file>" for path in package.files)
    return (
        f'<package type="rpm"><name>{package.name}</name><arch>{package.arch}</arch>'
        f'<version epoch="{package.epoch}" ver="{package.version}" rel="{package.release}"/>'
        f'<checksum type="sha256" pkgid="YES">{digest}</checksum><summary/><description/>'
        f'<size package="{1000 + package.weight}" installed="1" archive="1"/><location href={quoteattr(name)}/>'
        f"<format><rpm:license>MIT</rpm:license><rpm:vendor>{package.vendor}</rpm:vendor>"
        f"{dependencies}{files}</format></package>\n"
    )


def _scriptlet_requirements(package: Package) -> list[str]:
    found = (re.fullmatch(r"Requires\(\w+\): (.*)", line) for line in package.preamble)
    return [f"pre {match[1]}" for match in found if match]


def _entry(text: str) -> str:
    before = ' pre="1"' if text.startswith("pre ") else ""
    text = text.removeprefix("pre ")
    name, *bound = [text] if text.startswith("(") else text.split()
    if not bound:
        return f"<rpm:entry name={quoteattr(name)}{before}/>"
    epoch, _, evr = bound[1].rpartition(":")
    version, _, release = evr.partition("-")
    rel = f" rel={quoteattr(release)}" if release else ""
    return (
        f'<rpm:entry name={quoteattr(name)} flags="{_FLAGS[bound[0]]}" epoch="{epoch or 0}" '
        f"ver={quoteattr(version)}{rel}{before}/>"
    )


def describe_module(
    name: str, stream: str, *artifacts: str, requires: str = "", platform: str = "el8", version: int = 1
) -> str:
    """One document of modules.yaml; `requires` is what other modules it needs, as in `{perl: [5.30]}`."""
    packages = "".join(f"\n        - {artifact}" for artifact in artifacts)
    needed = "".join(f"\n        {entry}" for entry in requires.strip("{}").split("; ") if entry)
    return f"""---
document: modulemd
version: 2
data:
  name: {name}
  stream: "{stream}"
  version: {version}
  context: c{version}
  arch: x86_64
  summary: "{name}"
  description: "{name}"
  license:
    module: [MIT]
  dependencies:
    - requires:
        platform: [{platform}]{needed}
  artifacts:
    rpms:{packages}
...
"""


def describe_default(name: str, stream: str) -> str:
    """The document that makes a stream the default."""
    return f"""---
document: modulemd-defaults
version: 1
data:
  module: {name}
  stream: "{stream}"
...
"""
