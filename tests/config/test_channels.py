"""`release.channel`, `release.rings` and `release.mirrors` of repos.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.errors import InputError

_REPOS = """\
project: altai
targets: {{t: {{mock_config: m, arch: x86_64, macros: {{dist: .el9}}}}}}
keys: {{k: {{file: k, signs: true}}}}
repositories: {{main: {{source: superproject, target: t, key: k}}}}
release: {{baseurl: "https://example.org", {release}}}
components: {{altai-release: {{sources: {{altai.repo: "{template}"}}}}}}
"""


def load(folder: Path, release: str, template: str = "{baseurl}") -> Config:
    (folder / "repos.yaml").write_text(_REPOS.format(release=release, template=template))
    return load_config(folder / "repos.yaml")


def test_what_is_read(tmp_path: Path) -> None:
    release = load(tmp_path, 'channel: stable, mirrors: ["https://a.example.org/x/"]', "{channel}").release
    assert release is not None
    assert (release.channel, release.mirrors, release.rings) == ("stable", ("https://a.example.org/x",), ())
    release = load(tmp_path, "rings: {early: 10, half: 50, stable: 100}", "{channel} {ring}").release
    assert release is not None
    assert (release.channel, release.rings) == (None, (("early", 10), ("half", 50), ("stable", 100)))


@pytest.mark.parametrize(
    ("release", "template", "message"),
    [
        ("channel: ../x", "x", "release.channel: got '../x'; a channel has small letters"),
        ("rings: {early: 10, Half: 100}", "x", "release.rings.Half: a channel has small letters"),
        ("rings: {early: 10, half: 10, all: 100}", "x", "10 is not more than the 10 of early"),
        ("rings: {early: 10, half: 50}", "x", "the last ring, half, must be for 100"),
        ("rings: {early: 10, all: 101}", "x", "the last ring, all, must be for 100"),
        ("rings: {early: 0, all: 100}", "x", "release.rings.early: got 0; write a percentage"),
        ("rings: {early: , all: 100}", "x", "release.rings.early: got nothing"),
        ("rings: [early]", "x", "write a mapping from channel names"),
        ("channel: stable, rings: {all: 100}", "x", "give either channel or rings"),
        ("stamp: '{count}.{commit}'", "{channel}", "sources.altai.repo: {channel} needs release.channel"),
        ("channel: stable", "{ring}", "sources.altai.repo: {ring} needs release.rings"),
        ("mirrors: [nowhere]", "x", "release.mirrors"),
    ],
)
def test_what_is_refused(tmp_path: Path, release: str, template: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, release, template)
    assert message in caught.value.why
