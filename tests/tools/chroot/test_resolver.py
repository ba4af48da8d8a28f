"""Which packages the chroot builder installs, from the repositories of a mock configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from altai_build.tools.chroot.resolver import BuildrootResolver, section_to_source
from altai_build.tools.mock.config import read_config
from altai_build.tools.repo.dnfconf import parse_dnf_config
from altai_build.tools.repo.repodata import createrepo_program
from tests.kit.repositories import Package, build_packages

CONFIG = """\
config_opts['root'] = 'small'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install @build'
config_opts['dnf.conf'] = '''
[main]
gpgcheck=0
[base]
baseurl={url}
'''
"""
COMPS = """<?xml version="1.0"?>
<comps><group><id>build</id><name>Build</name><packagelist>
<packagereq type="mandatory">gcc</packagereq><packagereq type="optional">vim</packagereq>
<packagereq type="mandatory">not-in-any-repository</packagereq>
<packagereq type="conditional" requires="gcc">gdb</packagereq>
<packagereq type="conditional" requires="vim">vim-extra</packagereq>
</packagelist></group></comps>
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    build_packages(
        folder,
        [
            Package("gcc", requires=["libc"]),
            Package("libc"),
            Package("vim"),
            Package("gdb"),
            Package("vim-extra"),
        ],
    )
    (folder / "comps.xml").write_text(COMPS)
    return folder


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz", "zstd"])
def test_a_group_is_installed_whatever_compression_its_repository_has(
    packages: Path, tmp_path: Path, compression: str
) -> None:
    """createrepo_c 1.0 and later writes comps.xml.zst and nothing else by default.

    As in dnf, a package that no repository has is left out, and a conditional one is installed with its condition.
    """
    subprocess.run(
        [
            createrepo_program(),
            "--quiet",
            "--outputdir",
            str(tmp_path),
            "--baseurl",
            packages.as_uri(),
            "--groupfile",
            str(packages / "comps.xml"),
            "--general-compress-type",
            compression,
            str(packages),
        ],
        check=True,
    )
    (tmp_path / "small.cfg").write_text(CONFIG.format(url=tmp_path.as_uri()))
    resolver = BuildrootResolver(read_config("small", search=[tmp_path]), cache=tmp_path / "cache")
    assert [package.nevra.name for package in resolver.base] == ["gcc", "gdb", "libc"]


def test_what_a_repository_sets_for_the_choice_of_packages_counts(tmp_path: Path) -> None:
    text = "[a]\nbaseurl=http://a/\npriority=7\ncost=8\nexclude=x y\nincludepkgs=z\nmodule_hotfixes=1\n"
    _, (section,) = parse_dnf_config(text, variables={}, where="case.cfg")
    source = section_to_source(section, tmp_path)
    assert (source.priority, source.cost, source.module_hotfixes) == (7, 8, True)
    assert (source.exclude, source.include) == (("x", "y"), ("z",))
