"""Devices and owners that root of a user namespace cannot make are found in the headers of packages."""

from __future__ import annotations

from pathlib import Path

from altai_build.tools.chroot.file_owners import describe_other_owners, list_devices, read_headers
from tests.kit.rpms import build_rpm


def test_devices_and_other_owners_are_found(tmp_path: Path) -> None:
    plain = build_rpm(tmp_path, "plain").binary
    devices = "%dev(c, 1, 3) /dev/null\n%dev(b, 7, 0) /dev/loop0\n"
    names = [f"many{number}" for number in range(6)]
    others = [
        build_rpm(
            tmp_path,
            name,
            files={"/etc/shadow": "x\n"},
            attributes={
                "/etc/shadow": f"{devices}%attr(0640, root, shadow)",
                "/var/spool/mail": "%attr(0775, postfix, mail)",
            },
        ).binary
        for name in names
    ]
    headers = read_headers([plain])
    assert (list_devices(headers), describe_other_owners(headers)) == ([], "")
    headers = read_headers([plain, others[0]])
    assert list_devices(headers) == ["/dev/loop0", "/dev/null"]
    assert describe_other_owners(headers).startswith("files of 1 package in this buildroot belong to root")
    assert describe_other_owners(headers).endswith("one id: many0 (postfix:mail, root:shadow)")
    assert describe_other_owners(read_headers(others)).endswith(
        "many4 (postfix:mail, root:shadow) and 1 more"
    )
