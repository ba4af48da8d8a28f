"""The page of all releases: what is latest, sizes, changes, keys, and which releases cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import PublishError
from altai_build.model.release import Manifest
from altai_build.model.release_changes import ReleaseDiff
from altai_build.model.trust import ManifestTrust, TrustLevel
from altai_build.model.unknown import Unknown
from altai_build.stages.diff import compare_releases
from altai_build.stages.report.index import (
    MOST_CHANGES,
    DamagedRelease,
    IndexedRelease,
    IndexInputs,
    format_index,
    make_index_view,
    summarize_release,
    write_releases_page,
)
from altai_build.stages.report.inputs import ReleaseKey
from tests.kit.manifests import component, manifest, package

EVIL = "<script>alert(1)</script>"
OLD_KEY, NEW_KEY = (ReleaseKey(name, name[0] * 40, f"{name} <a@b>", "") for name in ("altai", "better"))
NOVA = component("repos/nova", "c" * 40)


def release(
    made: Manifest, diff: ReleaseDiff | Unknown | None = None, key: ReleaseKey | Unknown = OLD_KEY
) -> IndexedRelease:
    keys = key if isinstance(key, Unknown) else (key,)
    summary = summarize_release(made, diff, keys)
    return IndexedRelease(made.version, summary, ManifestTrust(TrustLevel.PINNED), True)


def make_inputs() -> IndexInputs:
    """Two releases and a damaged one; the second has another key."""
    old = manifest(
        "1.0", [package("nova-1-1.noarch", NOVA, size=10), package("gone-1-1.noarch", NOVA, size=20)]
    )
    new = manifest(
        "1.1", [package("nova-2-1.noarch", NOVA, size=15), package("mail-1-1.noarch", NOVA)], previous="1.0"
    )
    new = replace(new, signed_by="better")
    damaged = DamagedRelease("1.0.5", "its manifest is no JSON")
    releases = (release(old), damaged, release(new, compare_releases(old, new), NEW_KEY))
    return IndexInputs("altai", "1.1", releases)


def test_releases_stand_newest_first_with_what_they_changed() -> None:
    view = make_index_view(make_inputs())
    new, old = view.rows
    assert (new.name, new.summary.size, new.summary.new_size) == ("1.1", 1015, 1015)
    assert new.summary.counts == (("added", 1), ("removed", 1), ("upgraded", 1))
    assert new.summary.changes == (
        ("added", "mail 1-1"),
        ("removed", "gone 1-1"),
        ("upgraded", "nova 1-1 → 2-1"),
    )
    assert (old.summary.size, old.summary.new_size, old.summary.counts) == (30, None, ())
    assert (view.latest, view.largest) == (new, 1015)
    assert [one.name for one in view.damaged] == ["1.0.5"]


def test_every_key_has_its_releases_and_uses() -> None:
    new, old = make_index_view(make_inputs()).keys
    assert (new.names, new.releases, new.is_current) == (("better",), ("1.1",), True)
    assert new.uses == ("manifest, checksums, metadata",)
    assert (old.releases, old.is_current) == (("1.0",), False)
    assert old.uses == ("manifest, checksums, metadata", "packages of centos6")


def test_what_is_not_known_is_on_the_page() -> None:
    inputs = make_inputs()
    made = manifest("1.2", [], previous="1.1.9")
    unknown = release(made, Unknown("1.1.9, which it follows, is missing"), Unknown("its key is damaged"))
    unknown = replace(unknown, trust=ManifestTrust(TrustLevel.UNVERIFIED, "BAD signature"))
    text = format_index(replace(inputs, releases=(*inputs.releases, unknown), latest="9")).decode()
    for words in (
        "1.0.5</a>: its manifest is no JSON",
        "unknown: 1.1.9, which it follows, is missing",
        "the keys of 1.2: its key is damaged.",
        "1.2: BAD signature",
        "The latest is 9, which is missing or cannot be read.",
    ):
        assert words in text
    assert "there is no link <code>latest</code>" in format_index(replace(inputs, latest=None)).decode()
    assert "There is no release." in format_index(IndexInputs("altai", None, ())).decode()


def test_no_name_can_write_html() -> None:
    made = replace(
        manifest("1", [package("nova-1-1.noarch", NOVA)]), version=EVIL, target=EVIL, previous=EVIL
    )
    changed = replace(made, packages=(replace(made.packages[0], name=EVIL),))
    evil = replace(
        release(made, compare_releases(made, changed), ReleaseKey(EVIL, EVIL, EVIL, EVIL)),
        name="javascript:x",
    )
    evil = replace(evil, trust=ManifestTrust(TrustLevel.OWN_KEYS, EVIL))
    text = format_index(IndexInputs(EVIL, EVIL, (evil, DamagedRelease("x", EVIL)))).decode()
    assert text.count("<script>") == 1 and text.count("&lt;script&gt;") > 8
    assert 'href="javascript%3Ax/report/index.html"' in text


def test_very_many_changes_are_cut() -> None:
    made = manifest("1", [package(f"p{number}-1-1.noarch") for number in range(MOST_CHANGES + 2)])
    row = (
        make_index_view(IndexInputs("a", "1", (release(made, compare_releases(manifest("0", []), made)),)))
        .rows[0]
        .summary
    )
    assert (len(row.changes), row.more_changes, row.counts) == (
        MOST_CHANGES,
        2,
        (("added", MOST_CHANGES + 2),),
    )


def test_a_page_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    for page in (format_index(make_inputs()), format_index(IndexInputs("b", None, ()))):
        write_releases_page(path, page)
        assert path.read_bytes() == page
    path.write_text("<html>Welcome")
    with pytest.raises(PublishError, match="is not a page of altai-build"):
        write_releases_page(path, b"")
    assert path.read_text() == "<html>Welcome"
    path.unlink()
    path.mkdir()
    with pytest.raises(PublishError, match="is not a page of altai-build"):
        write_releases_page(path, b"")
