"""What texts of a repository say about the distribution."""

from __future__ import annotations

import pytest

from altai_build.stages.first_steps.evidence import (
    find_architectures,
    find_in_name,
    find_in_spec,
    find_in_tags,
    find_in_text,
    find_in_words,
    is_telling,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%define dist .el6\n", {"centos6"}),
        ("%global dist .fc40\n", {"fedora-40"}),
        ("%if 0%{?rhel} >= 9\n%endif\n", {"el9"}),
        ("%if 0%{?rhel} > 7\n%endif\n", {"el8"}),
        ("%if 0%{?rhel} < 7\n%endif\n", {"centos6"}),
        ("%if 0%{?fedora} > 17 || 0%{?rhel} == 7\n%endif\n", {"fedora-18", "centos7"}),
        ("%{?el6:BuildRequires: x}\n", {"centos6"}),
        ("%changelog\n* Fri Dec 07 2012 A <a@x> - 1.1-0.el6\n- x\n", {"centos6"}),
        ("Release: alt1\n", {"alt"}),
        ("Release: %mkrel 1\n", {"mageia"}),
        ("Release: 1%{?xsrel}%{?dist}\n", {"xcp-ng"}),
        ("%if 0%{?suse_version}\n%endif\n", {"opensuse-tumbleweed"}),
        ("Release: 1%{?dist}\n%if 0%{?rhel}\n%endif\n", set()),
        ("%if 0%{?rhel} >= 99999999999\n", set()),
    ],
)
def test_specs(text: str, expected: set[str]) -> None:
    assert {one.distribution for one in find_in_spec("a.spec", text)} == expected


def test_only_the_newest_changelog_entry_with_a_dist_counts() -> None:
    text = (
        "%changelog\n* Fri Dec 07 2012 A - 2\n* Thu Dec 06 2012 A - 1-2.el7\n* Wed Dec 05 2012 A - 1-1.el6\n"
    )
    assert [one.distribution for one in find_in_spec("a.spec", text)] == ["centos7"]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("mock/x.cfg", "config_opts['root'] = 'epel-7-x86_64'\nconfig_opts['x'] = 'fedora-40'", {"centos7"}),
        ("mock/x.cfg", "config_opts['root'] = \"opensuse-leap-15.6-x86_64\"\n", {"opensuse-leap-15.6"}),
        ("Dockerfile", "FROM quay.io/centos/centos:stream9\n", {"el9"}),
        ("ci/Dockerfile", "FROM fedora:40 AS x\n", {"fedora-40"}),
        ("Containerfile", "FROM registry.access.redhat.com/ubi8/ubi-minimal\n", {"el8"}),
        (".packit.yaml", "targets:\n  - fedora-41-x86_64\n  - epel-9-x86_64\n", {"fedora-41", "el9"}),
        (".gitlab-ci.yml", "image: almalinux:10\n", {"el10"}),
        ("builder.conf", "DIST_DOM0 ?= fc37\n", {"fedora-37"}),
        ("README.md", "It runs on CentOS 6.2 or above, and on Fedora 17.\n", {"centos6", "fedora-17"}),
        ("README.md", "RHEL 64-bit, centos, version 7\n", set()),
        ("x.repo", "baseurl=$altai_baseurl/centos6\n", {"centos6"}),
        ("x.yml", "a: b\n", set()),
    ],
)
def test_other_files(path: str, text: str, expected: set[str]) -> None:
    assert {one.distribution for one in find_in_text(path, text)} == expected


def test_names_of_files_tags_and_settings() -> None:
    assert [one.distribution for one in find_in_name("keys/RPM-GPG-KEY-EPEL-6-altai")] == ["centos6"]
    assert [one.distribution for one in find_in_name("keys/RPM-GPG-KEY-fedora-40-primary")] == ["fedora-40"]
    assert [one.distribution for one in find_in_name("mock/el7-scl.cfg")] == ["centos7"]
    assert list(find_in_name("a/b.c")) == []
    assert [one.distribution for one in find_in_tags(["nova-2012.1-3.el6", "v1.0", "elf-1"])] == ["centos6"]
    assert {one.distribution for one in find_in_words("x", "centos8", 5)} == {"el8"}
    assert {one.distribution for one in find_in_words("x", ".fc20", 5)} == {"fedora-20"}
    assert {one.distribution for one in find_in_words("x", "el9s", 5)} == {"el9"}


def test_architectures_of_mock() -> None:
    assert list(find_architectures("config_opts['target_arch'] = 'aarch64'\n")) == ["aarch64"]
    assert list(find_architectures("config_opts['target_arch'] = 'x; rm'\n")) == []


def test_which_files_may_say_something() -> None:
    assert all(
        map(is_telling, ["README", "ReleaseNotes", "a/x.repo", "mock/x.cfg", ".github/workflows/x.yml"])
    )
    assert not any(map(is_telling, ["src/README", "a.c", "x.yml"]))
