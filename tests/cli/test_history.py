"""`verify --history` as a person and a CI job meet it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.kit.chains import make_chain
from tests.kit.cli import altai_build
from tests.kit.keys import make_key, signing_key


def test_the_history_of_a_folder_of_releases(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    ours = make_key(tmp_path / "keys", "ours")
    with signing_key(ours) as key:
        make_chain(releases, 3, key)
    sound = altai_build("verify", "--history", "--key", ours.public, "--json", cwd=tmp_path)
    assert (sound.code, sound.json) == (
        0,
        {
            "schema_version": 1,
            "releases": ["1.0.0", "1.0.1", "1.0.2"],
            "unchained": [],
            "ok": True,
            "trust": "pinned",
            "findings": [],
        },
    )
    passed = "the history of 3 releases passed verification: 1.0.0 to 1.0.2. "
    assert sound.err.splitlines()[-1].startswith(passed)
    unpinned = altai_build("verify", "--history", cwd=tmp_path)
    assert (unpinned.code, unpinned.out) == (0, "") and "no key is pinned" in unpinned.err
    shutil.rmtree(releases / "1.0.1")
    broken = altai_build("verify", "--history", "--releases", "releases", "--key", ours.public, cwd=tmp_path)
    assert broken.code == 7
    assert "the release is missing: 1.0.2 follows it" in broken.out
    assert "the history of 2 releases failed verification: 1 error" in broken.err


def test_history_and_a_release_exclude_each_other(tmp_path: Path) -> None:
    for words in (["1.0.2", "--history", "--releases", "x"], ["--history", "--deep"], []):
        assert altai_build("verify", *words, cwd=tmp_path).code == 2, words
