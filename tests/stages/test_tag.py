"""Tags of a release: in every clone or in none, signed so that git itself agrees, never in another's place."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.errors import InputError, PublishError
from altai_build.stages.tag import TagPlan, create_tags, make_tag_name, plan_tags, push_tags
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.openpgp.signing import SigningKey
from tests.kit.git import Pin, Repo, gitmodules
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.superprojects import World

NAMES = ("focus", "nova", "keystone")
TAG = "altai-1.0.2"


class Site:
    """Remotes of a superproject and its components, and a person's clones of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder / "remotes")
        for name in NAMES:
            self.world.component(f"repos/altai/{name}", {"file": name})
        self.commit = self.world.pin()
        self.clone = folder / "clone"
        self.git(
            folder, "clone", "--quiet", "--recurse-submodules", str(self.world.super.path), str(self.clone)
        )
        self.superproject = Superproject(self.clone, state=folder / "state")
        self.warnings: list[str] = []

    @property
    def remotes(self) -> dict[str, Repo]:
        return {".": self.world.super, **self.world.components}

    @property
    def clones(self) -> dict[str, Path]:
        return {path: self.clone / path for path in self.remotes}

    def plan(self, *, pushing: bool = False) -> TagPlan:
        store = self.superproject.open_store(self.commit)
        return plan_tags(
            self.superproject,
            self.superproject.read_submodules(self.commit, store.read_tree(self.commit), ["repos"]),
            self.commit,
            project="altai",
            version="1.0.2",
            warn=self.warnings.append,
            pushing=pushing,
        )

    def tags(self, place: Path) -> dict[str, str]:
        """Tag → the commit it leads to."""
        listed = self.git(place, "for-each-ref", "--format=%(refname:short) %(*objectname)", "refs/tags")
        return {line.split()[0]: line.split()[-1] for line in listed.splitlines()}

    def everywhere(self) -> list[dict[str, str]]:
        return [self.tags(place) for place in self.clones.values()]

    def pins(self) -> list[dict[str, str]]:
        """What must be tagged."""
        return [{TAG: repo.git("rev-parse", "HEAD")} for repo in self.remotes.values()]

    def git(self, place: Path, *words: str) -> str:
        # Submodules are cloned over the file protocol, which git allows only when told to.
        argv = ["git", "-C", str(place), "-c", "protocol.file.allow=always", *words]
        made = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert made.returncode == 0, made.stderr.decode()
        return made.stdout.decode()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("key"), "tagger")


@pytest.fixture
def signer(key: ThrowawayKey) -> Iterator[SigningKey]:
    with signing_key(key) as signer:
        yield signer


def make(site: Site, signer: SigningKey, plan: TagPlan) -> None:
    with create_tags(plan, signer, site.folder / "scratch", is_published=lambda: False):
        pass


def test_every_pin_and_the_superproject_are_tagged_and_git_verifies_it(
    site: Site, signer: SigningKey, key: ThrowawayKey, tmp_path: Path
) -> None:
    make(site, signer, site.plan())
    assert site.everywhere() == site.pins()
    assert all(repo.git("tag") == "" for repo in site.remotes.values())
    ring = tmp_path / "ring"
    ring.mkdir(mode=0o700)
    subprocess.run(["gpg", "--homedir", ring, "--batch", "--quiet", "--import", key.public], check=True)
    for place in site.clones.values():
        verified = subprocess.run(
            ["git", "-C", place, "verify-tag", TAG],
            env={**os.environ, "GNUPGHOME": str(ring)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stderr
        assert b"Good signature from" in verified.stderr
    subprocess.run(["gpgconf", "--homedir", ring, "--kill", "all"], check=True)
    assert site.warnings == []


def test_tags_are_pushed_to_every_remote(site: Site, signer: SigningKey) -> None:
    plan = site.plan(pushing=True)
    make(site, signer, plan)
    pushed = push_tags(plan)
    assert sorted(pushed) == sorted(site.remotes)
    assert [site.tags(repo.path) for repo in site.remotes.values()] == site.pins()
    assert [repo.git("for-each-ref", "--format=%(refname)") for repo in site.remotes.values()] == [
        f"refs/heads/main\nrefs/tags/{TAG}"
    ] * len(site.remotes)


@pytest.mark.parametrize("path", [".", "repos/altai/nova"])
@pytest.mark.parametrize("where", ["here", "remote"])
@pytest.mark.parametrize("kind", ["lightweight", "annotated"])
def test_a_tag_that_exists_anywhere_refuses_all(site: Site, path: str, where: str, kind: str) -> None:
    repo = site.remotes[path] if where == "remote" else Repo(site.clones[path])
    words = ["--annotate", "--message", "by hand"] if kind == "annotated" else []
    repo.git("tag", *words, TAG, "HEAD")
    with pytest.raises(PublishError) as caught:
        site.plan()
    assert caught.value.what == f"the tag {TAG} exists already"
    (line,) = caught.value.why.splitlines()
    assert line.startswith(f"  {path}: ")


def test_tags_of_a_killed_run_of_the_same_release_are_used(site: Site, signer: SigningKey) -> None:
    make(site, signer, site.plan())
    kept = Repo(site.clones["repos/altai/focus"]).git("rev-parse", f"refs/tags/{TAG}")
    for path in (".", "repos/altai/nova"):
        Repo(site.clones[path]).git("tag", "--delete", TAG)
    make(site, signer, site.plan())
    assert site.everywhere() == site.pins()
    assert Repo(site.clones["repos/altai/focus"]).git("rev-parse", f"refs/tags/{TAG}") == kept


def test_tags_are_removed_when_publication_fails(site: Site, signer: SigningKey) -> None:
    with (
        pytest.raises(PublishError, match="no space"),
        create_tags(site.plan(), signer, site.folder / "scratch", is_published=lambda: False),
    ):
        assert site.everywhere() == site.pins()
        raise PublishError("no space")
    assert site.everywhere() == [{} for _ in site.remotes]


def test_a_tag_that_appears_meanwhile_is_not_overwritten(site: Site, signer: SigningKey) -> None:
    """Between the check and the making somebody else's tag of that name comes to be, so that the name is locked."""
    plan = site.plan()
    nova = Repo(site.clones["repos/altai/nova"])
    lock = Path(nova.git("rev-parse", "--absolute-git-dir"), "refs", "tags", f"{TAG}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("")
    with pytest.raises(PublishError) as caught:
        make(site, signer, plan)
    assert f"cannot make the tag {TAG} in" in caught.value.what
    lock.unlink()
    assert site.everywhere() == [{} for _ in site.remotes]


def test_a_component_without_a_clone_is_named(site: Site) -> None:
    site.git(site.clone, "submodule", "--quiet", "deinit", "--force", "repos/altai/nova")
    for name in ("repos/altai/nova", ".git/modules/repos/altai/nova"):
        subprocess.run(["rm", "-rf", site.clone / name], check=True)
    with pytest.raises(InputError) as caught:
        site.plan()
    assert caught.value.what == "no clone to tag for 1 component"
    assert caught.value.why.startswith("  repos/altai/nova: ")


def test_a_remote_that_does_not_answer_is_a_warning_or_stops_a_push(site: Site) -> None:
    gone = site.world.components["repos/altai/keystone"].path
    gone.rename(gone.with_name("elsewhere"))
    assert site.plan().name == TAG
    (warning,) = site.warnings
    assert "repos/altai/keystone" in warning
    with pytest.raises(InputError, match="1 remote did not answer"):
        site.plan(pushing=True)


def test_a_failed_push_names_the_commands_that_are_left(site: Site, signer: SigningKey) -> None:
    """The superproject's tag stays back: it says that all others are there."""
    plan = site.plan(pushing=True)
    make(site, signer, plan)
    hook = site.world.components["repos/altai/nova"].path / ".git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no tags here >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PublishError) as caught:
        push_tags(plan)
    assert "was not pushed to 2 remotes" in caught.value.what
    assert "no tags here" in caught.value.why
    assert [path for path, repo in site.remotes.items() if repo.git("tag")] == [
        "repos/altai/focus",
        "repos/altai/keystone",
    ]
    hook.unlink()
    for line in caught.value.todo.splitlines()[1:]:
        subprocess.run(line, shell=True, check=True, stdin=subprocess.DEVNULL)
    assert [site.tags(repo.path) for repo in site.remotes.values()] == site.pins()


def test_two_pins_of_one_repository_cannot_both_be_tagged(tmp_path: Path) -> None:
    site = Site(tmp_path)
    url = site.world.urls["repos/altai/focus"]
    again = site.world.components["repos/altai/focus"].commit({"file": "2"})
    commit = site.world.super.commit(
        {
            ".gitmodules": gitmodules({**site.world.urls, "repos/twin": url}),
            "repos/twin": Pin(again),
        }
    )
    site.git(site.clone, "pull", "--quiet")
    twin = site.clone / "repos" / "twin"
    twin.mkdir(exist_ok=True)
    focus = site.clones["repos/altai/focus"]
    site.git(focus, "fetch", "--quiet")
    (twin / ".git").write_text(f"gitdir: {site.clone / '.git' / 'modules' / 'repos' / 'altai' / 'focus'}\n")
    site.commit = commit
    with pytest.raises(InputError, match="pin two commits of one repository"):
        site.plan()


def test_tags_stay_when_the_release_is_published_in_spite_of_an_error(site: Site, signer: SigningKey) -> None:
    with (
        pytest.raises(PublishError, match="no link"),
        create_tags(site.plan(), signer, site.folder / "scratch", is_published=lambda: True),
    ):
        raise PublishError("no link")
    assert site.everywhere() == site.pins()


def test_a_tag_has_a_name_that_git_accepts() -> None:
    assert make_tag_name("altai", "1.0.2") == "altai-1.0.2"
    name = make_tag_name("altai", "2.0~rc1^fix2+git3")
    assert name == "altai-2.0-rc1+fix2+git3"
    subprocess.run(["git", "check-ref-format", f"refs/tags/{name}"], check=True)
