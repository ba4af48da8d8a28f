"""A package index on the loopback address, with wheels that tests write."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from altai_build.tools.http import pypi
from tests.kit.server import serving


@dataclass(frozen=True)
class PythonIndex:
    """The folder of an index, which is served while a test runs."""

    folder: Path

    def add_wheel(
        self, project: str, version: str, *requires: str, module: str = "", tags: str = "py3-none-any"
    ) -> str:
        """Publish a wheel with one module of the project's name; returns its SHA-256."""
        name = f"{project}-{version}-{tags}.whl"
        info = f"{project}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        path = self.folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{project}.py", module)
            archive.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        return self._publish(project, name)

    def _publish(self, project: str, name: str) -> str:
        sha256 = hashlib.sha256((self.folder / "files" / name).read_bytes()).hexdigest()
        page = self.folder / "simple" / project / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as stream:
            stream.write(f'<a href="/files/{name}#sha256={sha256}">{name}</a>\n')
        return sha256


@contextmanager
def serve_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PythonIndex]:
    """An empty index in a new folder, which pip is configured with for the block."""
    folder.mkdir()
    with serving(folder) as url:
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        pypi._pip_setting.cache_clear()
        yield PythonIndex(folder)
    pypi._pip_setting.cache_clear()
