"""DLRN's projects.ini, and the packages of rdoinfo."""

from __future__ import annotations

import pytest

from altai_build.errors import InputError
from altai_build.stages.first_steps.older.dlrn import read_dlrn
from tests.kit.written_files import older_files

INI = """\
[DEFAULT]
baseurl=http://trunk.example.org/centos9/
target=centos9-stream
project_name=RDO Trunk
smtpserver=
[gitrepo_driver]
#repo=x
"""
YAML = """\
releases:
- {name: x, repos: [{name: el9}]}
package-default:
  name: python-%(project)s
  distgit: https://example.org/%(project)s-distgit.git
package-configs:
  core: {name: openstack-%(project)s, upstream: "git://example.org/%(project)s"}
packages:
- {project: nova, conf: core}
- {project: six}
- {project: odd, distgit: "$(touch /tmp/x)"}
- {project: "a b"}
- text
- {project: [1]}
"""


def test_settings_and_packages() -> None:
    found = read_dlrn(
        older_files({"projects.ini": INI}, given={"rdo.yml": YAML}, components={"repos/openstack-nova": {}})
    )
    rows = {row.setting: row for row in found.rows}
    assert found.project == "rdo-trunk" and found.baseurl == "http://trunk.example.org/centos9/"
    assert {one.distribution for one in found.evidence} == {"el9"}
    assert rows["projects.ini [DEFAULT] smtpserver"].target == ""
    assert rows["rdo.yml packages"].value == "1 of 3"
    assert rows["rdo.yml python-six"].note == (
        "git submodule add https://example.org/six-distgit.git repos/python-six"
    )
    assert rows["rdo.yml python-odd"].note == "add its repository as a submodule"
    assert "rdo.yml openstack-nova" not in rows and all(row.target or row.note for row in found.rows)


@pytest.mark.parametrize(
    "text", ["[]", "a", "packages: {}", "packages: [1, [2]]", "releases: [x]\npackages: []", ""]
)
def test_a_file_of_another_form_lists_no_packages(text: str) -> None:
    (row,) = read_dlrn(older_files({"rdo.yml": text})).rows
    assert "it lists none" in row.note


def test_what_is_no_yaml_is_named() -> None:
    with pytest.raises(InputError, match=r"rdo\.yml is not valid YAML"):
        read_dlrn(older_files({"rdo.yml": "a: [\n"}))


def test_very_many_packages_are_counted() -> None:
    text = "packages:\n" + "".join(f"- {{project: p{number}}}\n" for number in range(500))
    found = read_dlrn(older_files({"rdo.yml": text}))
    assert "440 more" in {row.value for row in found.rows} and len(found.rows) < 70
