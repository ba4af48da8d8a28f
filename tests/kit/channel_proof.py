"""Real dnf loops against a channel that is switched all the time, beside the same with the link `latest`.

Release N has `app` in one repository, which requires `lib >= N` of another one. Each loop is a machine of its own that
installs, upgrades some times, removes all and begins again. Whatever makes dnf exit with another status than 0 is a
failure.
"""

from __future__ import annotations

import argparse
import http.server
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from altai_build.config import load_config
from altai_build.model.channel import ChannelHistory, Promotion
from altai_build.model.release import Manifest
from altai_build.model.repo_file import format_repo_file
from altai_build.pipeline.published.releases import load_manifest
from altai_build.pipeline.release.promote import list_shown_before, make_channel_files
from altai_build.stages.channel import switch_channel
from altai_build.stages.compose import Placement, ReleaseContents, compose, sign_checksums
from altai_build.stages.publish import lock_releases
from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.channel_worlds import ChannelWorld
from tests.kit.client import Client
from tests.kit.keys import signing_key
from tests.kit.releases import make_materials, make_release_contents
from tests.kit.repositories import Package, build_packages
from tests.kit.server import running

CHANNEL = "stable"
FOLLOWED = ("channel", "latest", "channel-with-bad-mirrors")
_SERVED = ("centos6", "deps/misc")
# Text of dnf → what was wrong.
_CAUSES = (
    ("mixed sections", r"nothing provides|cannot install the best|conflicting requests"),
    ("file is gone (404)", r"Status code: 404"),
    ("index is another one", r"checksum doesn't match|Checksum doesn't match|repomd\.xml.*mismatch"),
    ("wrong signature", r"GPG|signature"),
    ("no mirror", r"All mirrors were tried|Cannot download"),
)


@dataclass
class Results:
    """What the dnf of all loops did."""

    runs: int = 0
    transactions: int = 0
    # Runs with exit status 0 that left a package out, because its section was ahead of another one.
    held_back: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, code: int, said: str) -> None:
        """Count one run of dnf."""
        self.runs += 1
        self.transactions += "Running transaction\n" in said and code == 0
        self.held_back += "Skip  " in said and code == 0
        if code:
            self.failures.append(said)

    @property
    def causes(self) -> Counter[str]:
        """What was wrong → how many runs."""
        return Counter(classify(said) for said in self.failures)


def classify(said: str) -> str:
    """The cause of a failure, by the text of dnf."""
    return next((cause for cause, pattern in _CAUSES if re.search(pattern, said)), "other")


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; `rewrite` may ask for another path."""

    def __init__(self, *words: object, rewrite: Callable[[str], str], **options: object) -> None:
        self._rewrite = rewrite
        super().__init__(*words, **options)  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        return super().translate_path(self._rewrite(path))

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are no errors."""


@contextmanager
def serve(folder: Path, rewrite: Callable[[str], str] = lambda path: path) -> Iterator[str]:
    """A web server of a folder; yields its URL."""
    handler = partial(_Handler, rewrite=rewrite, directory=str(folder))
    with running(_Server(("127.0.0.1", 0), handler)) as url:
        yield url


class Proof:
    """Releases 1.0.1 to 1.0.N, and the ways in which machines can follow them."""

    def __init__(self, folder: Path, url: str, count: int, operator: str) -> None:
        self.world = ChannelWorld(folder / "world", make_materials(folder / "materials"), baseurl=url)
        self.releases, self.count, self.operator = self.world.releases, count, operator
        self.folder, self.url = folder, url

    def make_releases(self) -> None:
        """Build, sign and index all releases, several at a time."""
        contents = make_release_contents(self.world.materials)
        repositories = tuple(each for each in contents.repositories if each.name in _SERVED)
        contents = replace(contents, baseurl=self.url, repositories=repositories, builds=())
        with (
            signing_key(self.world.materials.ours) as key,
            ThreadPoolExecutor(os.cpu_count()) as pool,
        ):
            list(pool.map(lambda number: self._make_release(contents, key, number), range(1, self.count + 1)))

    def _make_release(self, contents: ReleaseContents, key: SigningKey, number: int) -> None:
        packages = (
            Package("app", str(number), requires=[f"lib {self.operator} {number}"]),
            Package("lib", str(number)),
        )
        rpms = build_packages(self.folder / "rpms" / str(number), packages)
        key.sign_rpms(rpms)
        repositories = tuple(
            replace(each, packages=(Placement(path=rpm, origin=each.packages[0].origin),))
            for each, rpm in zip(contents.repositories, rpms)
        )
        directory = self.releases / f"1.0.{number}"
        directory.mkdir()
        version = replace(contents, version=directory.name, repositories=repositories)
        sign_checksums(directory, key, compose(directory, version, key))

    def _manifest(self, number: int) -> tuple[Path, Manifest]:
        directory = self.releases / f"1.0.{number}"
        return directory, load_manifest(directory)

    def follow_channel(self, mirrors: Sequence[str] = ()) -> tuple[str, Callable[[int], None]]:
        """The .repo file of the channel, and what lets it show a release."""
        listed = ", ".join(f'"{mirror}"' for mirror in mirrors)
        self.world.configure(f", mirrors: [{listed}]")
        config = load_config(self.world.folder / "repos.yaml")
        shutil.rmtree(self.releases / "channels", ignore_errors=True)
        promotions: list[Promotion] = []
        stack = ExitStack()
        key = stack.enter_context(signing_key(self.world.materials.ours))

        def switch(number: int) -> None:
            directory, manifest = self._manifest(number)
            previous = promotions[-1].version if promotions else None
            promotions.append(
                Promotion(
                    number=len(promotions) + 1,
                    who="proof",
                    when="2026-11-27T00:00:00Z",
                    previous=previous,
                    version=manifest.version,
                    why="",
                    is_back=False,
                    checksums="0" * 64,
                )
            )
            history = ChannelHistory("altai", CHANNEL, tuple(promotions), {})
            earlier = list_shown_before(self.releases, history, manifest.version)
            files = make_channel_files(config, directory, manifest, CHANNEL, earlier)
            with lock_releases(self.releases):
                switch_channel(self.releases, history, files, key)
            if number == self.count:
                stack.close()

        switch(1)
        return (self.releases / "channels" / CHANNEL / f"altai-{CHANNEL}.repo").read_text(), switch

    def follow_latest(self) -> tuple[str, Callable[[int], None]]:
        """A .repo file that names `latest` in place of a version, and what lets that point to a release."""
        link = self.releases / "latest"

        def switch(number: int) -> None:
            following = self.releases / ".latest.next"
            following.symlink_to(f"1.0.{number}")
            os.replace(following, link)

        switch(1)
        return format_repo_file("altai", "latest", self.url, {name: ["ours"] for name in _SERVED}), switch

    def run_loops(
        self,
        name: str,
        repo_file: str,
        switch: Callable[[int], None],
        *,
        loops: int,
        last: int,
        interval: float,
    ) -> Results:
        """Let machines install and upgrade until release `last` is shown."""
        results, lock, done = Results(), threading.Lock(), threading.Event()

        def loop(number: int) -> None:
            machine = Client(self.folder / name / str(number), self.folder)
            machine.configure("testbed", "")
            machine.configure("altai", repo_file)
            while not done.is_set():
                # Without --refresh dnf uses the index that it has, which may be of an earlier release by now.
                for words in (
                    ("--refresh", "install", "app"),
                    *[("--refresh", "upgrade"), ("reinstall", "app")] * 2,
                ):
                    result = machine.dnf(*words)
                    with lock:
                        results.add(result.code, result.said)
                    # Without the package nothing else can be tried.
                    if done.is_set() or (result.code and "install" in words):
                        break
                machine.dnf("--disablerepo=*", "remove", "app", "lib")

        with ThreadPoolExecutor(loops) as pool:
            running = [pool.submit(loop, number) for number in range(loops)]
            try:
                for number in range(2, last + 1):
                    switch(number)
                    time.sleep(interval)
            finally:
                done.set()
            for future in running:
                future.result()
        return results


def make_mirrors(releases: Path, stack: ExitStack) -> list[str]:
    """A mirror that has only the first release, one that gives out its (signed) index for all, and a lagging one."""
    first = re.compile(r"/1\.0\.[0-9]+/(.*/repomd\.xml(?:\.asc)?)$")
    misc = re.compile(r"/1\.0\.([0-9]+)/deps/misc/")

    def lag(path: str) -> str:
        return misc.sub(lambda match: f"/1.0.{max(1, int(match[1]) - 1)}/deps/misc/", path)

    rewrites: tuple[Callable[[str], str], ...] = (
        lambda path: path if path.startswith("/1.0.1/") else "/nothing",
        lambda path: first.sub(r"/1.0.1/\1", path),
        lag,
    )
    return [stack.enter_context(serve(releases, rewrite)) for rewrite in rewrites]


def main(arguments: Sequence[str]) -> int:
    """Run the proof and print its table; 1 when a dnf that follows the channel failed."""
    parser = argparse.ArgumentParser(prog="scripts/prove-channels", description=__doc__)
    parser.add_argument("--switches", type=int, default=1000, metavar="N")
    parser.add_argument("--mirror-switches", type=int, default=200, metavar="N")
    parser.add_argument("--loops", type=int, default=4, metavar="N")
    parser.add_argument(
        "--interval", type=float, default=0.25, metavar="SECONDS", help="between two switches"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where to work; by default a temporary one"
    )
    parser.add_argument(
        "--only", choices=FOLLOWED, help="what machines follow; default: all, one after another"
    )
    parser.add_argument("--exact", action="store_true", help="app requires the very lib of its release")
    options = parser.parse_args(arguments)
    failed = 0
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="channels.")))
        count = max(options.switches, options.mirror_switches) + 1
        started = time.monotonic()
        url = stack.enter_context(serve(folder / "world" / "releases"))
        proof = Proof(folder, url, count, "=" if options.exact else ">=")
        proof.make_releases()
        print(f"{count} releases made in {time.monotonic() - started:.0f} s", flush=True)
        mirrors = make_mirrors(proof.releases, stack)
        print("| followed | switches | dnf runs | transactions | held back | failed | causes | seconds |")
        print("|---|---|---|---|---|---|---|---|")
        ways: tuple[tuple[int, Callable[[], tuple[str, Callable[[int], None]]]], ...] = (
            (options.switches, proof.follow_channel),
            (options.switches, proof.follow_latest),
            (options.mirror_switches, partial(proof.follow_channel, mirrors)),
        )
        for name, (switches, follow) in zip(FOLLOWED, ways):
            if options.only not in (None, name):
                continue
            started = time.monotonic()
            repo_file, switch = follow()
            results = proof.run_loops(
                name, repo_file, switch, loops=options.loops, last=switches + 1, interval=options.interval
            )
            causes = ", ".join(f"{count} {cause}" for cause, count in results.causes.most_common()) or "-"
            print(
                f"| {name} | {switches} | {results.runs} | {results.transactions} | {results.held_back} | "
                f"{len(results.failures)} | {causes} | {time.monotonic() - started:.0f} |",
                flush=True,
            )
            if "channel" in name:
                failed += len(results.failures)
                for said in results.failures[:3]:
                    print(said, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
