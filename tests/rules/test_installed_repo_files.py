""".repo files that packages of a release install: what machines follow."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.findings import Severity
from tests.kit.findings import findings
from tests.kit.releases import Materials, make_release, make_release_contents, sign, with_packages
from tests.kit.repositories import Package, build_packages

RIGHT = "gpgcheck=1\nrepo_gpgcheck=1\nskip_if_unavailable=0\n"
KEYS = "/etc/pki/rpm-gpg/RPM-GPG-KEY-altai"


def test_what_machines_will_follow_is_examined(materials: Materials, tmp_path: Path) -> None:
    """Errors in sections of this project, warnings about others; nothing about what is right."""
    ours, theirs = materials.ours.public.read_text(), materials.theirs.public.read_text()
    with_keys = (
        f"[altai-stable]\nmetalink=https://x/channels/stable/metalink.xml\n{RIGHT}gpgkey=file://{{}}\n"
    )
    files = {
        "right": {"altai.repo": with_keys.format(KEYS), KEYS: ours + theirs},
        "few": {"few.repo": with_keys.format(f"{KEYS}-few"), f"{KEYS}-few": ours},
        "none": {"none.repo": with_keys.format("/etc/none")},
        "weak": {"weak.repo": "[altai]\ngpgcheck=0\nrepo_gpgcheck=1\nskip_if_unavailable=True\n"},
        "other": {"other.repo": "[other]\ngpgcheck=1\n[altai-x]\ngpgcheck=1\nrepo_gpgcheck=yes\n"},
        "odd": {"odd.repo": "gpgcheck=1\n"},
        # As Altai had it: the operating system has the key of its updates.
        "real": {"real.repo": "[altai-updates]\nbaseurl=$altai/u\ngpgcheck=1\ngpgkey=file:///etc/pki/os\n"},
    }
    packages = [
        Package(
            name,
            files={
                path if path.startswith("/") else f"/etc/yum.repos.d/{path}": text
                for path, text in listed.items()
            },
        )
        for name, listed in files.items()
    ]
    rpms = build_packages(tmp_path / "rpms", packages)
    sign(materials, *rpms)
    contents = with_packages(make_release_contents(materials), "centos6", *rpms)
    found = findings(make_release(tmp_path / "1.0.2", materials, contents), "repo-file")
    short = [
        (finding.subject.split("/")[1].split("-")[0], finding.severity, finding.message.partition(": ")[2])
        for finding in found
    ]
    error, warning = Severity.ERROR, Severity.WARNING
    assert [row for row in short if row[0] != "odd"] == [
        ("few", error, "[altai-stable] names key files that lack epel6"),
        (
            "none",
            error,
            "[altai-stable] names the key file /etc/none, which no package of this release installs",
        ),
        ("other", warning, "[other] does not set repo_gpgcheck=1"),
        ("other", warning, "[other] does not set skip_if_unavailable=0"),
        ("other", warning, "[altai-x] does not set skip_if_unavailable=0"),
        ("real", warning, "[altai-updates] does not set repo_gpgcheck=1"),
        ("real", warning, "[altai-updates] does not set skip_if_unavailable=0"),
        (
            "real",
            warning,
            "[altai-updates] names the key file /etc/pki/os, which no package of this release installs",
        ),
        ("weak", error, "[altai] does not set gpgcheck=1"),
        ("weak", error, "[altai] does not set skip_if_unavailable=0"),
    ]
    (odd,) = (row for row in short if row[0] == "odd")
    assert odd[1] is error and odd[2].startswith("it cannot be read: ")
