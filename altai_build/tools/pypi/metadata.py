"""What a Python distribution requires, as its metadata says; nothing of it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.metadata import parse_email

from altai_build.tools.pypi.archives import read_archive

_WHEEL_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
# At the top of a source archive, or one folder below: src/.
_SDIST_METADATA = re.compile(r"[^/]+/(?:PKG-INFO|(?:[^/]+/)?[^/]+\.egg-info/(?:PKG-INFO|requires\.txt))")
_SECTION = re.compile(r"\[([^\]:]*)(?::([^\]]*))?\]")


@dataclass(frozen=True)
class Metadata:
    """What a distribution requires, as PEP 508 writes it; `requires` None: only running its setup.py would say."""

    requires: tuple[str, ...] | None
    requires_python: str = ""


def parse_metadata(data: bytes) -> Metadata:
    """The metadata in a wheel, or beside it in an index. Raises ValueError where it cannot be read."""
    found, _ = parse_email(data)
    if "name" not in found:
        raise ValueError("its metadata does not have a name")
    return Metadata(tuple(found.get("requires_dist", ())), found.get("requires_python", ""))


def read_wheel(path: Path) -> Metadata:
    """The metadata in a wheel. Raises ValueError where it cannot be read."""
    files = read_archive(path, lambda name: _WHEEL_METADATA.fullmatch(name) is not None)
    if len(files) != 1:
        raise ValueError(f"{path.name} has {len(files)} files METADATA")
    return parse_metadata(*files.values())


def read_sdist(path: Path) -> Metadata:
    """The metadata in a source archive, as far as it is certain. Raises ValueError where the archive cannot be read.

    Since version 2.2 PKG-INFO says itself what it does not know; before, setuptools wrote requires.txt.
    """
    files = read_archive(path, lambda name: _SDIST_METADATA.fullmatch(name.removeprefix("./")) is not None)
    files = {name.removeprefix("./"): data for name, data in files.items()}
    own = next((data for name, data in files.items() if re.fullmatch("[^/]+/PKG-INFO", name)), None)
    python = ""
    if own is not None:
        found, _ = parse_email(own)
        python = found.get("requires_python", "")
        dynamic = {name.lower() for name in found.get("dynamic", ())}
        version = tuple(int(part) for part in re.findall(r"\d{1,9}", found.get("metadata_version", "")))
        if version >= (2, 2) and "requires-dist" not in dynamic:
            return Metadata(tuple(found.get("requires_dist", ())), python)
    return Metadata(_read_egg_info(files), python)


def _read_egg_info(files: Mapping[str, bytes]) -> tuple[str, ...] | None:
    """The requirements in `*.egg-info/requires.txt`; none where setuptools wrote the folder without that file."""
    folders = sorted({name.rpartition("/")[0] for name in files if ".egg-info/" in name}, key=len)
    if not folders:
        return None
    text = files.get(f"{folders[0]}/requires.txt", b"").decode("utf-8", "replace")
    found, extra, marker = [], "", ""
    for line in (line.strip() for line in text.splitlines()):
        section = _SECTION.fullmatch(line)
        if section is not None:
            extra, marker = section[1].strip(), (section[2] or "").strip()
        elif line and not line.startswith("#"):
            conditions = [f"({marker})" if marker else "", f'extra == "{extra}"' if extra else ""]
            condition = " and ".join(part for part in conditions if part)
            found.append(f"{line} ; {condition}" if condition else line)
    return tuple(found)
