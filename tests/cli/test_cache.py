"""`cache` at the command line: a job on another path builds only what changed since the one before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build
from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.workspace import Workspace
from tests.kit.builders import HostSite, noarch_component
from tests.kit.keys import import_secret_key, make_key

SCHEMA = Path(altai_build.__file__).parent / "schemas" / "cache.json"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path / "site", monkeypatch, more="ci: {key: k}\n")
    for name, needs in (("app", ("lib",)), ("lib", ()), ("other", ())):
        site.world.component(f"repos/{name}", noarch_component(name, *needs))
    site.world.pin()
    return site


def test_the_next_job_builds_what_changed(site: HostSite, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys", algorithm="ed25519")
    (site.world.super.path / "k").write_bytes(key.public.read_bytes())
    with open_keyring(site.run.workspace.gnupg) as keyring:
        import_secret_key(keyring, key.secret)
    folder = tmp_path / "cache"
    assert site.call("build").code == 0
    exported = site.call("cache", "export", str(folder), "--json")
    assert exported.code == 0, exported.err
    schema = json.loads(SCHEMA.read_text())
    jsonschema.validate(exported.json, schema)
    assert exported.json["signed"] and (folder / "cache.json.asc").is_file()
    assert {unit["kind"] for unit in exported.json["kept"]} >= {
        "builds",
        "source packages",
        "git repositories",
    }
    site.world.component("repos/other", {"README": "changed\n"})
    site.world.pin()
    job = HostSite(world=site.world, run=replace(site.run, workspace=Workspace(tmp_path / "another" / "ws")))
    imported = job.call("cache", "import", str(folder), "--json")
    assert imported.code == 0, imported.err
    jsonschema.validate(imported.json, schema)
    assert imported.json["left_out"] == [] and imported.json["bytes"] == exported.json["bytes"]
    rows = {row["component"]: row["status"] for row in job.call("build", "--json").json}
    assert rows == {"app": "reused", "lib": "reused", "other": "built"}
    # The key of jobs is not in this workspace.
    assert job.call("cache", "export", str(folder)).code == 6
    again = job.call("cache", "export", str(folder), "--unsigned")
    assert again.code == 0 and "builds\t" in again.out and "is not signed, key " in again.err


def test_wrong_arguments_have_their_exit_codes(site: HostSite, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for code, words in (
        (2, ("export",)),
        (2, ("export", str(tmp_path / "file"))),
        (2, ("export", str(tmp_path / "cache"), "--max-size", "much")),
        (3, ("export", str(tmp_path))),
    ):
        assert site.call("cache", *words).code == code, words
    answer = site.call("cache", "import", str(tmp_path / "missing"))
    assert answer.code == 0 and "there is no cache in" in answer.err
