"""The .repo file of a release, as yum and dnf read it."""

from __future__ import annotations

from altai_build.model.repo_file import format_repo_file


def test_each_repository_has_a_section_with_each_of_its_keys_once() -> None:
    keys = {"centos6": ["ours", "ours"], "deps/epel": ["epel", "ours"]}
    text = format_repo_file("altai", "1.0.2", "https://x.org/a/", keys, release_keys=["ours"])
    first, second = text.split("\n\n")
    assert first.splitlines() == [
        "[altai-centos6]",
        "name=altai 1.0.2 centos6",
        "baseurl=https://x.org/a/1.0.2/centos6/",
        "enabled=1",
        "gpgcheck=1",
        "repo_gpgcheck=1",
        "pkg_gpgcheck=1",
        "skip_if_unavailable=0",
        "module_hotfixes=1",
        "gpgkey=https://x.org/a/1.0.2/RPM-GPG-KEY-ours",
    ]
    # zypper would learn the key of epel, and take metadata that it signed.
    assert second.startswith("[altai-deps-epel]\n") and "pkg_gpgcheck" not in second
    assert second.endswith(
        "gpgkey=https://x.org/a/1.0.2/RPM-GPG-KEY-epel\n       https://x.org/a/1.0.2/RPM-GPG-KEY-ours\n"
    )
