"""How waivers, and the settings of the checks beside them, are read from repos.yaml, and which errors are reported."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from altai_build.config import VerifySettings, load_config
from altai_build.errors import InputError
from altai_build.model.findings import Waiver

BASE = """\
project: altai
targets: {el6: {mock_config: el6, arch: x86_64}}
keys: {altai: {file: key, signs: true}}
repositories: {centos6: {source: superproject, target: el6, key: altai}}
release: {baseurl: "https://example.org/altai"}
"""


def load(folder: Path, more: str) -> tuple[VerifySettings, tuple[Waiver, ...]]:
    path = folder / "repos.yaml"
    path.write_text(BASE + more)
    config = load_config(path)
    return config.verify, config.waivers


def test_without_them_a_quarter_of_a_year_and_no_waiver(tmp_path: Path) -> None:
    assert load(tmp_path, "") == (VerifySettings(expiry_horizon_days=90), ())
    assert load(tmp_path, "verify:\n") == (VerifySettings(expiry_horizon_days=90), ())


def test_they_are_read(tmp_path: Path) -> None:
    settings, waivers = load(
        tmp_path,
        """\
verify: {expiry_horizon_days: 30}
waivers:
  - {rule: closure, subject: "deps/epel/erlang-*", reason: wx is not for servers, expires: 2027-03-31}
  - {rule: keys, subject: RPM-GPG-KEY-x, reason: known, expires: "2027-04-01"}
""",
    )
    assert settings == VerifySettings(expiry_horizon_days=30)
    assert waivers == (
        Waiver(
            rule="closure",
            subject="deps/epel/erlang-*",
            reason="wx is not for servers",
            expires=date(2027, 3, 31),
        ),
        Waiver(rule="keys", subject="RPM-GPG-KEY-x", reason="known", expires=date(2027, 4, 1)),
    )


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (
            "verify: {expiry_horizon_days: soon}",
            "verify.expiry_horizon_days: got 'soon'; write a number of days",
        ),
        ("verify: {expiry_horizon_days: -1}", "verify.expiry_horizon_days: got -1; write a number of days"),
        ("verify: {horizon: 1}", "verify: unknown key 'horizon'; known here: expiry_horizon_days"),
        (
            "waivers: [{rule: keys, subject: x, expires: 2027-01-01}]",
            "waivers[0]: the key 'reason' is missing",
        ),
        ("waivers: [{rule: keys, subject: x, reason: y}]", "waivers[0]: the key 'expires' is missing"),
        (
            "waivers: [{rule: keys, subject: x, reason: y, expires: never}]",
            "waivers[0].expires: got 'never'; write a day, as in 2027-03-31",
        ),
        (
            "waivers: [{rule: keys, subject: x, reason: y, expires: 2027-01-01 10:00:00}]",
            "waivers[0].expires: got datetime.dat",
        ),
        (
            "waivers: [{rule: The Keys, subject: x, reason: y, expires: 2027-01-01}]",
            "waivers[0].rule: got 'The Keys'; write the rule as `verify` prints it",
        ),
        ("waivers: {rule: keys}", "waivers: got {'rule': 'keys'}; write a list"),
    ],
)
def test_errors_are_reported_with_their_key_path(tmp_path: Path, more: str, error: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, more)
    assert error in str(caught.value)
