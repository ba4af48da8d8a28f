"""A repository that nobody has: one package with all that the operating system is assumed to provide."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from altai_build.model.checksum import SHA256, Checksum
from altai_build.regular_files import resolve_links
from altai_build.tools.files import write_atomically
from altai_build.tools.repo.metadata import RepositoryMetadata, RepositorySource
from altai_build.tools.repo.repomd import MetadataFile
from altai_build.tools.repo.stored_files import StoredFile

ASSUMED_PACKAGE = "operating-system"
_FLAGS = {"=": "EQ", "==": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}
_PRIMARY = """<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">
<package type="rpm"><name>{name}</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>
<checksum type="sha256" pkgid="YES">{digest}</checksum><summary>assumed</summary><location href="{name}.rpm"/>
<format><rpm:provides>
<rpm:entry name="{name}" flags="EQ" epoch="0" ver="1" rel="1"/>
{provides}
</rpm:provides></format></package>
</metadata>
"""


def write_assumed_repository(directory: Path, capabilities: Iterable[str]) -> RepositoryMetadata:
    """Metadata in `directory` of a package that provides the capabilities, which are written as requirements are."""
    provides = "\n".join(map(_format_entry, sorted(capabilities)))
    digest = hashlib.sha256(provides.encode("utf-8", "surrogateescape")).hexdigest()
    content = _PRIMARY.format(name=ASSUMED_PACKAGE, digest=digest, provides=provides).encode(
        "utf-8", "replace"
    )
    path = directory / "primary.xml"
    write_atomically(path, content, durable=False)
    entry = MetadataFile(
        kind="primary",
        location=path.name,
        checksum=Checksum(SHA256, hashlib.sha256(content).hexdigest()),
        size=len(content),
    )
    url = resolve_links(directory).as_uri()
    return RepositoryMetadata(
        source=RepositorySource(
            name=ASSUMED_PACKAGE, urls=(url,), check_packages=False, check_metadata=False, keys=()
        ),
        url=url,
        revision="",
        primary=StoredFile(path, entry),
        filelists=None,
        groups=None,
    )


def _format_entry(capability: str) -> str:
    words = capability.rsplit(maxsplit=2)
    if len(words) != 3 or words[1] not in _FLAGS:
        return f"<rpm:entry name={quoteattr(capability)}/>"
    epoch, _, rest = words[2].rpartition(":")
    version, _, release = rest.partition("-")
    attributes = f"epoch={quoteattr(epoch or '0')} ver={quoteattr(version)}"
    attributes += f" rel={quoteattr(release)}" if release else ""
    return f'<rpm:entry name={quoteattr(words[0])} flags="{_FLAGS[words[1]]}" {attributes}/>'
