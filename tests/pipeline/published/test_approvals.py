"""Approvals count by different keys, over this very release, and never by what cannot be checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.model.findings import Severity
from altai_build.pipeline.published.approvals import (
    check_approvals,
    get_approval_file,
    make_release_statement,
    read_approvals,
)
from altai_build.pipeline.run import Run
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.approvals import PERSONS, configure_approvals, make_approved_site, make_persons
from tests.kit.configs import write_config
from tests.kit.keys import ThrowawayKey, signing_key
from tests.kit.releases import Materials
from tests.kit.server import serving

ALL_MISSING = "0 of 2 approvals; missing: alice, bob, carol"


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ThrowawayKey]:
    return make_persons(tmp_path_factory.mktemp("persons"))


@pytest.fixture(scope="module")
def signers(persons: dict[str, ThrowawayKey]) -> Iterator[dict[str, SigningKey]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(signing_key(key)) for name, key in persons.items()}


@pytest.fixture(scope="module")
def pristine(
    tmp_path_factory: pytest.TempPathFactory, materials: Materials, persons: dict[str, ThrowawayKey]
) -> Path:
    return make_approved_site(tmp_path_factory.mktemp("world") / "site", materials, persons)


@pytest.fixture
def site(pristine: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine, tmp_path / "site")


def open_run(site: Path) -> Run:
    return Run(
        config=load_config(site / "repos.yaml"),
        workspace=Workspace(site / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )


def approve(site: Path, name: str, key: SigningKey, statement: bytes = b"") -> Path:
    """Put the signature of a key where the approval of a name is looked for."""
    file = get_approval_file(site / "releases", "1.0.2", name)
    file.parent.mkdir(parents=True, exist_ok=True)
    text = file.with_suffix(".txt")
    text.write_bytes(statement or make_release_statement(open_run(site), site / "releases" / "1.0.2"))
    key.sign_detached(text).rename(file)
    text.unlink()
    return file


def check(site: Path, location: str | None = None) -> list[tuple[str, Severity, str]]:
    found = check_approvals(open_run(site), site / "releases" / "1.0.2", location)
    return [(finding.subject, finding.severity, finding.message) for finding in found]


def test_two_of_three_different_keys_are_enough(site: Path, signers: dict[str, SigningKey]) -> None:
    assert check(site) == [("1.0.2", Severity.ERROR, ALL_MISSING)]
    approve(site, "bob", signers["bob"])
    assert check(site) == [("1.0.2", Severity.ERROR, "1 of 2 approvals (bob); missing: alice, carol")]
    approve(site, "carol", signers["carol"])
    assert check(site) == []
    assert (
        read_approvals(open_run(site), site / "releases" / "1.0.2").description
        == "2 of 2 approvals (bob, carol)"
    )


def test_what_does_not_count(site: Path, signers: dict[str, SigningKey]) -> None:
    """Another key, the approval of another release, the release's own signature, and what is no signature at all."""
    release = site / "releases" / "1.0.2"
    approve(site, "alice", signers["alice"])
    bob = approve(site, "bob", signers["alice"])
    too_few = ("1.0.2", Severity.ERROR, "1 of 2 approvals (alice); missing: bob, carol")
    path = "approvals/1.0.2/bob.asc"
    statement = make_release_statement(open_run(site), release)
    other = statement.replace(b"release: 1.0.2", b"release: 1.0.3")
    assert other != statement
    cases = [
        (lambda: None, "unknown key"),
        (lambda: approve(site, "bob", signers["bob"], other), "bad signature"),
        (
            lambda: approve(site, "bob", signers["bob"], (release / "SHA256SUMS").read_bytes()),
            "bad signature",
        ),
        (lambda: shutil.copy(release / "SHA256SUMS.asc", bob), "unknown key"),
        (lambda: bob.write_text("not a signature\n"), "damaged"),
    ]
    for change, reason in cases:
        change()  # type: ignore[no-untyped-call]
        warning, error = check(site)
        assert (warning[:2], error) == ((path, Severity.WARNING), too_few), reason
        assert warning[2].startswith(f"it does not count: {reason}")
    bob.unlink()
    assert check(site) == [too_few]
    # The statement names the digest: after a change of the release nothing of it is left.
    with (release / "SHA256SUMS").open("a") as stream:
        stream.write(f"{'0' * 64}  more\n")
    assert [message for _, _, message in check(site)][-1] == ALL_MISSING


def test_one_key_under_two_names_counts_once(
    site: Path, materials: Materials, persons: dict[str, ThrowawayKey], signers: dict[str, SigningKey]
) -> None:
    write_config(site, materials)
    configure_approvals(site, {"alice": persons["alice"].public, "alias": persons["alice"].public}, 2)
    for name in ("alice", "alias"):
        approve(site, name, signers["alice"])
    assert check(site) == [("1.0.2", Severity.ERROR, "1 of 2 approvals (alice, alias)")]


def test_approvals_on_a_server(site: Path, signers: dict[str, SigningKey]) -> None:
    with serving(site / "releases") as url:
        assert check(site, url) == [("1.0.2", Severity.ERROR, ALL_MISSING)]
        for name in PERSONS[:2]:
            approve(site, name, signers[name])
        assert check(site, url) == []


def test_without_the_setting_nothing_is_asked(site: Path, materials: Materials) -> None:
    write_config(site, materials)
    assert check(site) == []
    with pytest.raises(InputError, match=r"repos\.yaml asks for no approvals"):
        read_approvals(open_run(site), site / "releases" / "1.0.2")
