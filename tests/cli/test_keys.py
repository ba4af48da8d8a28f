"""`keys init` and `keys list`: a key is made once, and shown with its state."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.cli.keys import _describe_purpose
from altai_build.config import load_config
from altai_build.config.schema import CiSettings
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import open_keyring
from tests.kit.cli import ROOT, CliResult, altai_build
from tests.kit.keys import import_secret_key, make_key
from tests.kit.timed_keys import timed_keyring

CONFIG = """\
project: altai
targets: {t: {mock_config: m, arch: x86_64}}
keys:
  ours: {file: RPM-GPG-KEY-ours, signs: true}
  theirs: {file: THEIRS}
repositories: {r: {source: superproject, target: t, key: ours}}
release: {baseurl: "https://example.org"}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "repos.yaml").write_text(CONFIG)
    return tmp_path


def init(site: Path, *words: str, env: dict[str, str] | None = None) -> CliResult:
    return altai_build("keys", "init", "--algorithm", "ed25519", *words, cwd=site, env=env)


def test_a_key_is_made_once_and_its_public_half_is_in_the_file_of_repos_yaml(site: Path) -> None:
    made = init(site, "--no-passphrase", "--expires", "2030-12-31")
    assert made.code == 0, made.err
    (public,) = read_public_keys(site / "RPM-GPG-KEY-ours")
    assert public.uid == "altai release signing key <release@altai.localdomain>"
    promised = " ".join(init(site, "--help").out.split())
    assert "default: release@PROJECT.localdomain." in promised, "the address that it really gives"
    assert made.out == (
        f"ours\t{public.fingerprint}\tEdDSA-255\t2030-12-31\tyes\t{public.uid}\tRPM-GPG-KEY-ours\t-\n"
    )
    assert "back it up, it cannot be recreated" in made.err
    assert "the secret key has no passphrase: anyone who can read the workspace can sign" in made.err
    again = init(site, "ours", "--no-passphrase")
    assert (again.code, again.out) == (6, "")
    assert f"the key ours exists\n{site / 'RPM-GPG-KEY-ours'} holds {public.fingerprint}" in again.err
    assert read_public_keys(site / "RPM-GPG-KEY-ours") == (public,)


def test_the_passphrase_of_a_new_key_comes_from_the_file(site: Path) -> None:
    refused = init(site)
    assert (refused.code, (site / "RPM-GPG-KEY-ours").exists()) == (6, False)
    assert "there is no passphrase for the new key" in refused.err
    file = site / "passphrase"
    file.write_text("secret\n")
    file.chmod(stat.S_IRUSR)
    made = init(site, "--json", env={"ALTAI_BUILD_PASSPHRASE_FILE": str(file)})
    assert made.code == 0, made.err
    assert made.json["secret"] is True and made.json["releases"] == []
    assert "anyone who can read" not in made.err
    (stored,) = (site / ".altai-build" / "gnupg" / "private-keys-v1.d").iterdir()
    assert b"protected-private-key" in stored.read_bytes()


def test_which_key_to_make_must_be_clear(site: Path) -> None:
    unknown = init(site, "theirs", "--no-passphrase")
    assert unknown.code == 3
    assert "repos.yaml has no signing key 'theirs'\nkeys with `signs: true`: ours\n" in unknown.err
    assert "`signs: true`: ours; did you mean ours?\n" in init(site, "our", "--no-passphrase").err
    more = "  next: {file: RPM-GPG-KEY-next, signs: true, replaces: ours}\nrepositories:"
    (site / "repos.yaml").write_text(CONFIG.replace("repositories:", more))
    unclear = init(site, "--no-passphrase")
    assert unclear.code == 3
    assert "repos.yaml has 2 signing keys, and no NAME was given" in unclear.err


def test_a_key_is_listed_with_its_expiry_or_as_missing(site: Path) -> None:
    expired = make_key(site, "old", born="20200101", expires="2021-01-01")
    (site / "repos.yaml").write_text(CONFIG.replace("THEIRS", str(expired.public)))
    listed = altai_build("keys", "list", "--json", cwd=site).json
    assert [(key["name"], key["fingerprint"], key["expires"], key["expired"]) for key in listed] == [
        ("ours", None, None, False),
        ("theirs", expired.fingerprint, "2021-01-01", True),
    ]
    rows = [line.split("\t") for line in altai_build("keys", "list", cwd=site).out.splitlines()]
    assert [row[:5] for row in rows] == [
        ["ours", "missing", "-", "-", "no"],
        ["theirs", expired.fingerprint, "RSA-2048", "2021-01-01 (expired)", "no"],
    ]


def test_a_key_that_has_ended_cannot_sign_although_its_secret_half_is_here(site: Path) -> None:
    with timed_keyring(site) as made:
        states = {"ours": made.make("ours", "20200101", expires="1y"), "next": made.make("next", "20200101")}
        offline = made.make("subkey", "20200101", usage="cert")
        made.add_subkey(offline, "20200101", expires="1y")
        states["sub"] = offline
        secrets = [made.export_secret(site / f"{name}.sec", key) for name, key in states.items()]
        made.revoke(states["next"])
        for name, key in states.items():
            made.export(site / f"RPM-GPG-KEY-{name}", key)
    more = "".join(f"  {name}: {{file: RPM-GPG-KEY-{name}, signs: true}}\n" for name in ("next", "sub"))
    (site / "repos.yaml").write_text(CONFIG.replace("repositories:", f"{more}repositories:"))
    with open_keyring(site / ".altai-build" / "gnupg") as keyring:
        for secret in secrets:
            import_secret_key(keyring, secret)
    rows = {
        line.split("\t")[0]: line.split("\t")
        for line in altai_build("keys", "list", cwd=site).out.splitlines()
    }
    assert {name: row[4] for name, row in rows.items() if name in states} == {
        "ours": "no, expired",
        "next": "no, revoked",
        "sub": "no, expired",
    }
    assert rows["sub"][3] == "2020-12-31 (expired)"
    listed = {key["name"]: key for key in altai_build("keys", "list", "--json", cwd=site).json}
    assert (listed["next"]["revoked"], listed["sub"]["expired"]) == (True, True)


def test_of_five_runs_at_once_one_makes_the_key(site: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "altai_build",
        "keys",
        "init",
        "--algorithm",
        "ed25519",
        "--no-passphrase",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen(
            command,
            cwd=site,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(5)
    ]
    told = [run.communicate()[1].decode() for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 6, 6, 6, 6], told
    with open_keyring(site / ".altai-build" / "gnupg") as keyring:
        assert len(keyring.list_secret_keys()) == 1


def test_a_key_is_named_as_what_it_signs(site: Path) -> None:
    text = CONFIG + "ci: {key: develop}\n"
    (site / "repos.yaml").write_text(text.replace("keys:\n", "keys:\n  develop: {file: d, signs: true}\n"))
    config = load_config(site / "repos.yaml")
    assert _describe_purpose(config, config.keys["develop"]) == "CI signing"
    assert _describe_purpose(config, config.keys["ours"]) == "release signing"
    # One that signs both is that of releases.
    both = replace(config, ci=CiSettings("ours"))
    assert _describe_purpose(both, config.keys["ours"]) == "release signing"
