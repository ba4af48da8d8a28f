"""`approve`, and `verify` and `promote` that want approvals: as two persons and a release engineer meet them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.kit.approvals import configure_approvals, give_secret_keys, make_approved_site, make_persons
from tests.kit.cli import ROOT, CliResult, altai_build
from tests.kit.keys import ThrowawayKey, signing_key
from tests.kit.releases import Materials
from tests.kit.server import serving

SCHEMA = ROOT / "altai_build" / "schemas" / "approve.json"


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ThrowawayKey]:
    return make_persons(tmp_path_factory.mktemp("persons"))


@pytest.fixture
def site(materials: Materials, persons: dict[str, ThrowawayKey], tmp_path: Path) -> Path:
    """Release 1.0.2, which needs two approvals; the workspace has the keys of alice and bob."""
    site = make_approved_site(tmp_path / "site", materials, persons)
    give_secret_keys(site, materials.ours, persons["alice"], persons["bob"])
    return site


def test_two_persons_approve_a_release(site: Path) -> None:
    def call(*words: str | Path) -> CliResult:
        return altai_build(*words, cwd=site)

    before = {path: path.stat().st_mtime_ns for path in (site / "releases" / "1.0.2").rglob("*")}
    listed = call("approve", "1.0.2", "--json")
    jsonschema.validate(listed.json, json.loads(SCHEMA.read_text()))
    assert (listed.code, listed.json["given"], listed.json["enough"]) == (0, 0, False)
    refused = call("verify", "1.0.2")
    assert refused.code == 7 and "0 of 2 approvals; missing: alice, bob, carol" in refused.out
    first = call("approve", "1.0.2", "--key", "alice", "--json")
    jsonschema.validate(first.json, json.loads(SCHEMA.read_text()))
    file = site / "releases" / "approvals" / "1.0.2" / "alice.asc"
    assert (first.code, first.json["written"], first.json["given"]) == (0, str(file), 1)
    assert [oct(path.stat().st_mode & 0o777) for path in (file, file.parent)] == ["0o644", "0o755"]
    refused = call("promote", "1.0.2", "--to", "stable")
    assert refused.code == 7 and "1 of 2 approvals (alice); missing: bob, carol" in refused.err
    assert not os.path.lexists(site / "releases" / "channels" / "stable")
    second = call("approve", "1.0.2", "--key", "bob")
    assert (second.code, second.out.strip()) == (0, str(file.with_name("bob.asc")))
    assert second.err.splitlines()[-1] == "release 1.0.2: 2 of 2 approvals (alice, bob)"
    assert call("verify", "1.0.2").code == 0
    with serving(site / "releases") as url:
        assert call("verify", f"{url}/1.0.2").code == 0
    assert {path: path.stat().st_mtime_ns for path in (site / "releases" / "1.0.2").rglob("*")} == before
    assert call("releases", "--json").json[0]["release"] == "1.0.2"


def test_the_text_of_an_approval_can_be_signed_elsewhere(
    site: Path, persons: dict[str, ThrowawayKey], tmp_path: Path
) -> None:
    statement = tmp_path / "text"
    statement.write_text(altai_build("approve", "1.0.2", "--statement", cwd=site).out)
    folder = site / "releases" / "approvals" / "1.0.2"
    folder.mkdir(parents=True)
    with signing_key(persons["carol"]) as key:
        key.sign_detached(statement).rename(folder / "carol.asc")
    listed = altai_build("approve", "1.0.2", cwd=site)
    assert listed.err.splitlines()[-1] == "release 1.0.2: 1 of 2 approvals (carol); missing: alice, bob"
    assert persons["carol"].fingerprint in listed.out


def test_a_person_makes_a_key_that_only_approves(site: Path) -> None:
    configure_approvals(site, {"dora": site / "dora.pub"}, 1)
    made = altai_build("keys", "init", "dora", "--algorithm", "ed25519", "--no-passphrase", cwd=site)
    assert made.code == 0, made.err
    approved = altai_build("approve", "1.0.2", "--key", "dora", cwd=site)
    assert approved.err.splitlines()[-1] == "release 1.0.2: 1 of 1 approvals (dora)"


def test_what_is_refused(site: Path, tmp_path: Path) -> None:
    def refuse(*words: str | Path) -> tuple[int, str]:
        answer = altai_build("approve", *words, cwd=site)
        assert answer.out == "" and not (site / "releases" / "approvals").exists()
        return answer.code, answer.err

    code, text = refuse("1.0.2", "--key", "ours")
    assert code == 2 and "ours is not one of the keys that approve releases" in text
    assert refuse("1.0.2", "--key", "carol")[0] == 6
    assert refuse("1.0.2", "-o", "x")[0] == 2
    assert refuse("1.0.2", "--statement", "--key", "alice")[0] == 2
    with serving(site / "releases") as url:
        code, text = refuse(f"{url}/1.0.2", "--key", "alice")
        assert code == 2 and "an approval cannot be written to a server" in text
        answer = altai_build(
            "approve", f"{url}/1.0.2", "--key", "alice", "-o", tmp_path / "alice.asc", cwd=site
        )
        assert answer.code == 0 and (tmp_path / "alice.asc").read_text().startswith(
            "-----BEGIN PGP SIGNATURE"
        )
    (site / "releases" / "1.0.2" / "RPM-GPG-KEY-epel6").unlink()
    code, text = refuse("1.0.2", "--key", "alice")
    assert code == 7 and "release 1.0.2 was not approved" in text
