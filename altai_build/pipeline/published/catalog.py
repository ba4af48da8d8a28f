"""The releases that a command reads: those of repos.yaml, of any folder, or of a web server.

Of a release on a server only the files that are asked for are downloaded; what they are worth says the check of their
signatures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.release import ReleasePart
from altai_build.model.release_files import LATEST_LINK
from altai_build.pipeline.published.releases import find_release, load_manifest, open_releases
from altai_build.regular_files import resolve_links
from altai_build.stages.publish import compare_releases, is_release, list_releases
from altai_build.tools.url import is_web_url, name_location

if TYPE_CHECKING:
    from altai_build.pipeline.published.server import ReleaseServer
    from altai_build.pipeline.run import Run


def is_location(named: str) -> bool:
    """True for the path or URL of a release; False for a version."""
    return "/" in named or named in (".", "..")


def locate_releases(directory: Path, named: str, where: str | None) -> str:
    """The folder or URL of the releases among which a release is.

    `directory` is the release or its copy, `named` and `where` are what the user called it and the releases.
    """
    if is_web_url(named):
        return named.rstrip("/").rpartition("/")[0]
    if where is not None and not is_location(named):
        return where
    return str(directory.parent)


@contextmanager
def open_catalog(run: Run, where: str | None) -> Iterator[Catalog]:
    """The releases at `where`, a folder or URL of one release or of all; by default those that repos.yaml names.

    What is downloaded is removed at the end.
    """
    with ExitStack() as stack:
        yield Catalog(run, where, stack)


class Catalog:
    """Releases in a folder or on a server, by version; single ones by path or URL, wherever they are."""

    def __init__(self, run: Run, where: str | None, stack: ExitStack) -> None:
        where = None if where is None else name_location(where)
        self._run = run
        self._stack = stack
        self._connected: ReleaseServer | None = None
        self.url = where.rstrip("/") if where is not None and is_web_url(where) else None
        if self.url is not None:
            self._folder = None
        elif where is not None:
            self._folder = Path(where)
        else:
            # Without repos.yaml there are only those that are named by path or URL.
            self._folder = open_releases(run.config, run.reporter.warn) if run.config.release else None
        if where is not None and self._folder is not None and not self._folder.is_dir():
            raise InputError(
                f"there are no releases in {where}",
                why="it is not a folder",
                todo="name the folder of a release, or the one that holds all",
            )

    @property
    def location(self) -> str:
        """Where the releases are."""
        return self.url or str(self._directory)

    @property
    def folder(self) -> Path | None:
        """The folder of all releases; None on a server, and where there is a single release."""
        return None if self.url is not None or is_release(self._directory) else self._directory

    def find(self, named: str, part: ReleasePart = ReleasePart.MANIFEST) -> Path:
        """The folder of a release by its version, `latest`, path or URL. Raises InputError when there is none."""
        named = name_location(named)
        if is_web_url(named):
            return self._server.download(named.rstrip("/"), part)
        if is_location(named):
            return find_release(Path(), os.path.join(named, ""))
        single = self._find_single(part)
        if single is not None:
            version = load_manifest(single, self.url).version
            if named not in (version, LATEST_LINK):
                raise InputError(
                    f"there is no release {named}", why=f"{self.location} is release {version} and no other"
                )
            return single
        if self.url is None:
            return find_release(self._directory, named)
        return self._server.find(self.url, named, part)

    def list_all(self, part: ReleasePart = ReleasePart.MANIFEST) -> tuple[Path, ...]:
        """The folders of all releases, lowest version first."""
        single = self._find_single(part)
        if single is not None:
            return (single,)
        if self.url is None:
            return tuple(self._directory / version for version in list_releases(self._directory))
        return tuple(self._server.list_all(self.url, part))

    def list_before(self, version: str, part: ReleasePart = ReleasePart.MANIFEST) -> tuple[Path, ...]:
        """The folders of the releases below a version, lowest first."""
        return tuple(
            directory for directory in self.list_all(part) if compare_releases(directory.name, version) < 0
        )

    def find_latest(self) -> str | None:
        """The version that `latest` points to; None when there is no such link."""
        if self._find_single(ReleasePart.MANIFEST) is not None:
            return None
        if self.url is None:
            link = self._directory / LATEST_LINK
            return link.readlink().name if link.is_symlink() else None
        return self._server.find_latest(self.url)

    def find_url(self, directory: Path) -> str | None:
        """The URL of a downloaded release, of which `directory` has a part; None for one on this machine."""
        return self._connected.find_url(directory) if self._connected is not None else None

    @property
    def _server(self) -> ReleaseServer:
        """What downloads: imported for the first URL, because releases in folders need nothing of it."""
        if self._connected is None:
            from altai_build.pipeline.published.server import ReleaseServer

            self._connected = ReleaseServer(self._run, self._stack)
        return self._connected

    @property
    def _directory(self) -> Path:
        return self._folder or self._run.config.get_release_settings().directory

    def _find_single(self, part: ReleasePart) -> Path | None:
        """The one release that this is, where it is not a folder of releases."""
        if self.url is None:
            return resolve_links(self._directory) if is_release(self._directory) else None
        return self._server.find_single(self.url, part)
