"""Releases on web servers: of each only the files that are asked for are downloaded."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from altai_build.errors import InputError, UnreachableError
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import Manifest, ReleasePart
from altai_build.model.release_files import LATEST_LINK
from altai_build.pipeline.published.releases import load_manifest
from altai_build.stages.download_release import DownloadBudget, NoReleaseAtUrl, download_release
from altai_build.stages.publish import release_order
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.http.download import read_url
from altai_build.tools.url import join_url

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run

# A page is cut at each of these first, so that no part of it is read twice.
_HREF = re.compile(r"href\s*=\s*", re.IGNORECASE)
_FOLDER = re.compile(r"""["']?(?:\./)?([^"'?#>\s/]+)/""")
# Of a server's page; more of them are no list of releases.
_MAX_LINKS = 1000
# Releases before `latest`, of which each names the one before it.
_MAX_PREDECESSORS = 1000
_MAX_PAGE = 4 << 20


class ReleaseServer:
    """Downloads releases by URL, each file once; what was downloaded is removed when `stack` is closed."""

    def __init__(self, run: Run, stack: ExitStack) -> None:
        self._run = run
        self._stack = stack
        self._scratch: Path | None = None
        self._numbers = count()
        self._budget = DownloadBudget(run.max_download)
        # URL of a release → its copy, and the parts that this has.
        self._copies: dict[str, tuple[Path, set[ReleasePart]]] = {}
        # URLs that are known not to be of one release, but of all.
        self._folders: set[str] = set()

    def download(self, url: str, part: ReleasePart) -> Path:
        """A copy of the release at a URL that has at least this part. Raises NoReleaseAtUrl."""
        if self._scratch is None:
            self._run.workspace.prepare()
            self._scratch = self._stack.enter_context(
                scratch_directory(self._run.workspace.scratch, "releases")
            )
        name = unquote(url.rpartition("/")[2])
        directory = self._scratch / str(next(self._numbers)) / (name if is_safe_name(name) else LATEST_LINK)
        copy, parts = self._copies.get(url, (directory, set()))
        if not parts.intersection((part, ReleasePart.WHOLE)):
            make_directory(copy)
            download_release(
                url,
                copy,
                jobs=self._run.jobs,
                budget=self._budget,
                wanted=part.has,
                announce=self._run.reporter.info,
            )
            self._copies[url] = copy, {*parts, part}
        return copy

    def find(self, url: str, version: str, part: ReleasePart) -> Path:
        """A copy of one of the releases at a URL. Raises InputError, which lists them, when it is not there."""
        try:
            return self.download(join_url(url, version), part)
        except NoReleaseAtUrl as error:
            versions = ", ".join(directory.name for directory in self.list_all(url, ReleasePart.MANIFEST))
            raise InputError(
                f"there is no release {version}",
                why=error.why,
                todo=f"releases at {url}: {versions or 'none'}",
            ) from error

    def find_single(self, url: str, part: ReleasePart) -> Path | None:
        """A copy of the one release that a URL is of; None where it is of a folder of releases."""
        if url in self._folders:
            return None
        try:
            return self.download(url, part)
        except NoReleaseAtUrl:
            self._folders.add(url)
            return None

    def find_latest(self, url: str) -> str | None:
        """The version that `latest` is; None when there is no such link, or its manifest cannot be read."""
        try:
            copy = self.download(join_url(url, LATEST_LINK), ReleasePart.MANIFEST)
        except NoReleaseAtUrl:
            return None
        manifest = _read_manifest(copy)
        return None if manifest is None else manifest.version

    def find_url(self, directory: Path) -> str | None:
        """The URL of a release of which `directory` is the copy; None for another folder."""
        return next((url for url, (copy, _) in self._copies.items() if copy == directory), None)

    def list_all(self, url: str, part: ReleasePart) -> list[Path]:
        """Copies of all releases, lowest version first. Raises InputError.

        They are those that the server's page links to, and the predecessors of the one that `latest` is.
        """
        found = self._find_all(url)
        if part is ReleasePart.MANIFEST:
            return found
        return [self.download(join_url(url, directory.name), part) for directory in found]

    def _find_all(self, url: str) -> list[Path]:
        names = set(read_links(url))
        following = self.find_latest(url)
        seen: set[str] = set()
        found: dict[str, Path] = {}

        def download(name: str) -> Path | None:
            try:
                return self.download(join_url(url, name), ReleasePart.MANIFEST)
            except NoReleaseAtUrl:
                return None

        with ThreadPoolExecutor(max(1, self._run.jobs)) as pool:
            candidates = sorted(names - {LATEST_LINK})
            found.update(
                (name, copy)
                for name, copy in zip(candidates, pool.map(download, candidates))
                if copy is not None
            )
        while following is not None and following not in seen:
            if len(seen) > _MAX_PREDECESSORS:
                raise InputError(
                    f"the releases at {url} have no end",
                    why=f"more than {_MAX_PREDECESSORS} come before `{LATEST_LINK}`",
                    todo="name one release by its URL",
                )
            seen.add(following)
            copy = found.get(following) or download(following)
            if copy is None:
                break
            found[following] = copy
            manifest = _read_manifest(copy)
            following = None if manifest is None else manifest.previous
        # One that cannot be read is reported by whoever reads it.
        if not found and (copy := download(LATEST_LINK)) is not None:
            found[LATEST_LINK] = copy
        return [found[name] for name in sorted(found, key=release_order)]


def _read_manifest(directory: Path) -> Manifest | None:
    """The manifest of a downloaded release; None for one that cannot be read."""
    try:
        return load_manifest(directory)
    except InputError:
        return None


def read_links(url: str) -> list[str]:
    """The folders that the page at a URL links to: what web servers show of a folder, or its index.html."""
    try:
        page = read_url(f"{url}/", limit=_MAX_PAGE)
    except UnreachableError:
        raise
    except InputError:
        # Servers need not show their folders; `latest` leads to the releases as well.
        return []
    found = (_FOLDER.match(part) for part in _HREF.split(page)[1:])
    links = dict.fromkeys(unquote(match[1]) for match in found if match is not None)
    return [name for name in links if is_safe_name(name)][:_MAX_LINKS]
