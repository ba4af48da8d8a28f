"""Manifests are read with the check of their signature: by pinned keys, by the keys they brought, or by nobody."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.manifest_trust import ManifestReader
from altai_build.tools import process
from tests.kit.keys import make_key
from tests.kit.releases import Materials


def read(release: Path, *pinned: Path) -> tuple[TrustLevel, list[str]]:
    warnings: list[str] = []
    checked = ManifestReader(pinned, warnings.append).read(release)
    assert checked.manifest.version == "1.0.2"
    return checked.trust.level, warnings


def test_a_pinned_key_says_nothing_and_the_release_s_own_key_that_it_is_its_own(
    release: Path, materials: Materials, tmp_path: Path
) -> None:
    other = make_key(tmp_path, "other").public
    assert read(release, materials.ours.public) == (TrustLevel.PINNED, [])
    assert read(release, tmp_path / "gone", other, materials.ours.public) == (TrustLevel.PINNED, [])
    own = "release 1.0.2: it agrees only with the keys it brought; "
    assert read(release) == (
        TrustLevel.OWN_KEYS,
        [f"{own}repos.yaml and --key name no key to compare them with"],
    )
    assert read(release, other) == (
        TrustLevel.OWN_KEYS,
        [f"{own}no pinned key signed it, but {materials.ours.fingerprint}"],
    )
    level, (warning,) = read(release, tmp_path / "gone")
    assert level is TrustLevel.OWN_KEYS and "cannot use the key file" in warning


@pytest.mark.parametrize("what", ["manifest", "signature", "own key", "no signature", "no own key"])
def test_what_no_key_vouches_for_is_unverified(release: Path, what: str, tmp_path: Path) -> None:
    manifest, signature = release / "release.json", release / "release.json.asc"
    if what == "manifest":
        manifest.write_text(manifest.read_text().replace("a" * 40, "b" * 40))
    elif what == "signature":
        signature.write_text("not a signature\n")
    elif what == "own key":
        shutil.copy(make_key(tmp_path, "other").public, release / "RPM-GPG-KEY-ours")
    else:
        (signature if what == "no signature" else release / "RPM-GPG-KEY-ours").unlink()
    level, (warning,) = read(release)
    assert level is TrustLevel.UNVERIFIED
    assert warning.startswith("release 1.0.2: release.json is unverified; ")


def test_a_manifest_is_checked_and_warned_of_once(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []
    monkeypatch.setattr(process, "_listeners", [commands.append])
    (release / "release.json").write_text((release / "release.json").read_text() + "\n")
    warnings: list[str] = []
    reader = ManifestReader((), warnings.append)
    assert [one.directory for one in reader.read_all([release, release])] == [release, release]
    reader.read(release)
    assert (len(warnings), len([one for one in commands if one.startswith("$ gpgv")])) == (1, 1)
    assert reader.levels == {"1.0.2": TrustLevel.UNVERIFIED}


def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no release in"):
        ManifestReader((), lambda text: None).read(tmp_path)


def test_a_changed_file_is_unverified(release: Path, materials: Materials) -> None:
    warnings: list[str] = []
    reader = ManifestReader([materials.ours.public], warnings.append)
    checked = reader.read(release)
    reader.warn_of_changed_files(checked, ["altai.repo"])
    assert warnings == []
    (release / "altai.repo").write_text("changed\n")
    reader.warn_of_changed_files(checked, ["altai.repo"])
    (release / "SHA256SUMS.asc").unlink()
    reader.warn_of_changed_files(checked, ["altai.repo"])
    assert warnings == [
        "release 1.0.2: altai.repo is unverified; SHA256SUMS lists another file",
        "release 1.0.2: altai.repo is unverified; unsigned: there is no SHA256SUMS.asc",
    ]
