"""A release to verify is a version, a folder or a URL; the configuration says what it is checked against."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Waiver
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.verify import (
    find_release_directory,
    make_verify_context,
    open_release,
    verify_published,
)
from altai_build.pipeline.run import Run
from altai_build.rules.view import VerifyContext
from tests.kit.configs import make_run
from tests.kit.manifests import manifest, write_manifests
from tests.kit.releases import Materials, make_release, make_release_contents
from tests.kit.server import serving


def test_the_context_is_what_the_configuration_and_earlier_releases_say(
    materials: Materials, tmp_path: Path
) -> None:
    more = (
        "verify: {expiry_horizon_days: 30}\n"
        "waivers: [{rule: closure, subject: '*', reason: QA, expires: 2999-12-31}]\n"
    )
    run = make_run(tmp_path, materials, more=more)
    write_manifests(tmp_path / "releases", *(manifest(version, []) for version in ("1.0", "1.1", "2.0")))
    context = make_verify_context(run, "1.9")
    releases = tmp_path / "releases"
    assert (context.compat, context.arch, context.horizon_days) == (Compat.EL6, "x86_64", 30)
    assert context.previous_releases == (releases / "1.0", releases / "1.1")
    assert context.source_repositories == (
        ("centos6", "centos6-srpms"),
        ("deps/misc", "deps/misc-srpms"),
    )
    assert context.base is None  # the target lists no repositories
    assert context.waivers == (Waiver(rule="closure", subject="*", reason="QA", expires=date(2999, 12, 31)),)


def test_the_key_of_a_mirror_or_of_a_person_signs_no_release(materials: Materials, tmp_path: Path) -> None:
    run = make_run(tmp_path, materials)
    contents = replace(make_release_contents(materials), signing_key="epel6")
    release = make_release(tmp_path / "releases" / "1.0.2", materials, contents)
    report = verify_published(run, release)
    assert [(finding.rule, finding.subject) for finding in report.findings] == [
        ("metadata-signatures", "release.json")
    ]
    assert "epel6 as its key, which signs no releases" in report.findings[0].message
    assert report.trust is TrustLevel.OWN_KEYS
    # By name on the command line it is what the user trusts.
    assert verify_published(run, release, signers=[materials.theirs.public]).trust is TrustLevel.PINNED


def test_without_a_configuration_nothing_else_is_known(materials: Materials, tmp_path: Path) -> None:
    run = make_run(tmp_path, materials)
    bare = Run(
        config=type(run.config)(project="", file=None, root=tmp_path, superproject=run.config.superproject),
        workspace=run.workspace,
        jobs=2,
        builder="auto",
    )
    assert make_verify_context(bare, "1.0") == VerifyContext()


def test_a_release_is_opened_by_version_folder_and_url(materials: Materials, tmp_path: Path) -> None:
    run = make_run(tmp_path, materials)
    release = make_release(tmp_path / "releases" / "1.0.2", materials, make_release_contents(materials))
    with serving(tmp_path / "releases") as url:
        for named in ("1.0.2", str(release), f"{url}/1.0.2/"):
            with open_release(run, named) as directory:
                assert directory.name == "1.0.2"
                assert verify_published(run, directory).findings == (), named
    assert list(run.workspace.scratch.iterdir()) == []  # the downloaded copy is removed


def test_a_folder_that_is_no_sound_release_can_be_verified(materials: Materials, tmp_path: Path) -> None:
    run = make_run(tmp_path, materials)
    (tmp_path / "releases" / "broken").mkdir(parents=True)
    assert find_release_directory(run, "broken") == tmp_path / "releases" / "broken"
    assert not verify_published(run, tmp_path / "releases" / "broken").is_ok
    with pytest.raises(InputError, match=r"there is no release in \./gone"):
        find_release_directory(run, "./gone")
    with pytest.raises(InputError, match="there is no release 9"):
        find_release_directory(run, "9")
