"""Approving a release: where the signature goes, and what happens where it cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import UsageError
from altai_build.pipeline.published.approvals import read_approvals
from altai_build.pipeline.release.approve import approve_release
from altai_build.pipeline.run import Run
from altai_build.tools.files import CannotWriteError
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.approvals import configure_approvals, give_secret_keys
from tests.kit.configs import make_site
from tests.kit.keys import make_key
from tests.kit.releases import Materials


def test_an_approval_is_a_file_beside_the_release_or_where_it_is_wanted(
    materials: Materials, tmp_path: Path
) -> None:
    site = make_site(tmp_path / "site", materials)
    alice = make_key(tmp_path, "alice")
    configure_approvals(site, {"alice": alice.public}, 1)
    give_secret_keys(site, alice)
    run = Run(
        config=load_config(site / "repos.yaml"),
        workspace=Workspace(site / ".altai-build"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )
    release = site / "releases" / "1.0.2"

    def approve(key: str = "alice", output: Path | None = None) -> Path:
        return approve_release(run, release, key, lambda _: "", output)

    with pytest.raises(UsageError, match="epel6 is not one of the keys that approve releases"):
        approve("epel6")
    with pytest.raises(UsageError) as refused:
        approve("alcie")
    assert refused.value.why.startswith("did you mean alice?; release.approvals.keys in repos.yaml: ")
    for blocked in (site / "releases" / "approvals", tmp_path / "none"):
        blocked.write_text("a file where a folder has to be")
        with pytest.raises(CannotWriteError) as error:
            approve(output=None if blocked.parent == site / "releases" else blocked / "alice.asc")
        assert str(blocked) in error.value.what
        blocked.unlink()
    assert not read_approvals(run, release).is_enough
    elsewhere = approve(output=tmp_path / "handed-in.asc")
    assert elsewhere == tmp_path / "handed-in.asc" and not read_approvals(run, release).is_enough
    assert approve() == site / "releases" / "approvals" / "1.0.2" / "alice.asc"
    assert read_approvals(run, release).is_enough
