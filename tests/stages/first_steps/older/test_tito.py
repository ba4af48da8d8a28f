"""tito's files: settings, packages, what has no equivalent."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.stages.first_steps.older.tito import read_tito
from tests.kit.written_files import older_files

PROPS = """\
[buildconfig]
builder = tito.builder.GitAnnexBuilder
lib_dir = rel-eng/custom/
[nightly-rhel7]
disttag = .el7
blacklist = old-one a/b
scl = tfm
"""
RELEASERS = """\
[el7]
releaser = tito.release.YumRepoReleaser
builder.mock = el7-scl
rsync = repo.example.org:/srv/el7/
[koji]
releaser = tito.release.KojiReleaser
"""


def test_settings_and_packages() -> None:
    found = read_tito(
        older_files(
            {
                ".tito/tito.props": PROPS,
                ".tito/releasers.conf": RELEASERS,
                ".tito/packages/a": "1.0-1 packages/a/\n",
                ".tito/packages/b": "1.0-1 b/\n",
                ".tito/packages/c": "1.0-1 ./\n",
            }
        )
    )
    targets = {row.setting.rpartition("/")[2]: row.target for row in found.rows}
    assert targets["tito.props [nightly-rhel7] disttag"] == "targets.TARGET.macros.dist"
    assert targets["tito.props [buildconfig] lib_dir"] == ""
    assert targets["releasers.conf [el7] releaser"] == "altai-build release VERSION"
    assert targets["releasers.conf [koji] releaser"] == ""
    assert (targets["a"], targets["b"], targets["c"]) == ("repositories", "", "superproject.root")
    assert {one.distribution for one in found.evidence} == {"centos7"}
    assert found.components == {"old-one": {"skip": '"in the blacklist of .tito/tito.props"'}}
    assert all(row.target or row.note for row in found.rows)


def test_a_damaged_file_is_named() -> None:
    with pytest.raises(InputError, match=r"rel-eng/tito\.props is no INI file"):
        read_tito(older_files({"rel-eng/tito.props": "no section\n"}))


def test_without_files_nothing_is_read() -> None:
    assert read_tito(older_files({})).files == ()
