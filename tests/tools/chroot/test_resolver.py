"""Which packages the chroot builder installs, from the repositories of a mock configuration."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.model.checksum import make_checksum
from altai_build.tools.chroot.resolver import BuildrootResolver, section_to_source
from altai_build.tools.mock.config import read_config
from altai_build.tools.repo.dnfconf import RepoSection, parse_dnf_config
from altai_build.tools.repo.repodata import createrepo_program
from altai_build.tools.solver.pool import PackagePool
from altai_build.tools.solver.resolve import Unsatisfiable
from tests.kit.repodata import describe_repository
from tests.kit.repositories import Package, build_packages
from tests.kit.server import serving

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


P = Package
# chroot_setup_cmd → what dnf 4.14 installs (asked by hand).
SETUPS = {
    "gcc": {"gcc-1-1.x86_64"},
    "gcc.i686": {"gcc-1-1.i686"},
    "make-4.1": {"make-4.1-1.noarch"},
    "make-4.1-1.noarch": {"make-4.1-1.noarch"},
    "mak*": {"make-4.2-1.noarch", "makeself-1.0-1.noarch"},
    "'make < 4.2'": {"make-4.1-1.noarch"},
    "--setopt=install_weak_deps=0 -y old": {"new-1.0-1.noarch"},
    "@build": {"gcc-1-1.x86_64"},
    "@BUI*": {"gcc-1-1.x86_64"},
    "/usr/bin/made": {"makeself-1.0-1.noarch"},
}


@pytest.fixture(scope="module")
def setups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    comps = "<comps><group><id>build</id><packagelist><packagereq>gcc</packagereq>{}</packagelist></group></comps>"
    folder = tmp_path_factory.mktemp("setups")
    described = {
        "a": [
            *(P("gcc", "1", arch=arch) for arch in ("i686", "x86_64")),
            P("gcc-alternative", "9", provides=["gcc = 9"]),
            *(P("make", version) for version in ("4.1", "4.2")),
            P("makeself", files={"/usr/bin/made": ""}),
        ],
        "b": [P("old"), P("new", obsoletes=["old"])],
    }
    # As in dnf the last repository says what a package is in a group of several.
    entries = {"a": "<packagereq>make</packagereq>", "b": '<packagereq type="optional">make</packagereq>'}
    for name, packages in described.items():
        describe_repository(folder / name, packages, group=comps.format(entries[name]).encode())
    return folder


def read_setup(setups: Path, folder: Path, words: str) -> BuildrootResolver:
    urls = "".join(f"[{name}]\nbaseurl={(setups / name).as_uri()}\n" for name in ("a", "b"))
    lines = {
        "root": "small",
        "target_arch": "x86_64",
        "chroot_setup_cmd": f"install {words}",
        "dnf.conf": urls,
    }
    (folder / "small.cfg").write_text("".join(f"config_opts[{k!r}] = {v!r}\n" for k, v in lines.items()))
    return BuildrootResolver(read_config("small", search=[folder]), cache=folder / "cache")


@pytest.mark.parametrize("words", SETUPS)
def test_the_words_of_chroot_setup_cmd_mean_what_they_mean_to_dnf(
    setups: Path, tmp_path: Path, words: str
) -> None:
    found = {str(package.nevra) for package in read_setup(setups, tmp_path, words).base}
    assert found == SETUPS[words]


@pytest.mark.parametrize(
    "option", ["--exclude=make", "--setopt=excludepkgs=make", "--disablerepo=b", "-make"]
)
def test_options_that_change_what_is_installed_are_refused(setups: Path, tmp_path: Path, option: str) -> None:
    with pytest.raises(InputError) as caught:
        _ = read_setup(setups, tmp_path, f"{option} gcc").base
    assert caught.value.what == f"chroot_setup_cmd of small has options that are not supported: {option}"


def test_what_a_repository_sets_for_the_choice_of_packages_counts(tmp_path: Path) -> None:
    text = "[a]\nbaseurl=http://a/\npriority=7\ncost=8\nexclude=x y\nincludepkgs=z\nmodule_hotfixes=1\n"
    _, (section,) = parse_dnf_config(text, variables={}, where="case.cfg")
    source = section_to_source(section, tmp_path, {})
    assert (source.priority, source.cost, source.module_hotfixes) == (7, 8, True)
    assert (source.exclude, source.include) == (("x", "y"), ("z",))


def make_section(text: str) -> RepoSection:
    """The repository of a dnf.conf with these lines."""
    _, (section,) = parse_dnf_config(f"[base]\n{text}", variables={}, where="dnf.conf")
    return section


def test_certificates_are_verified_whatever_the_configuration_says(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        section_to_source(make_section("baseurl=https://a.example/\nsslverify=0\n"), tmp_path, {})
    assert caught.value.what == "the repository base sets sslverify=0, which is not supported"


def test_the_mirrors_of_a_list_come_before_every_baseurl(tmp_path: Path) -> None:
    """As in librepo: one of the two is enough."""
    (tmp_path / "list").write_text("http://a.example/$basearch\n")
    listed = make_section(f"mirrorlist={(tmp_path / 'list').as_uri()}\nbaseurl=http://b.example, /srv/c d\n")
    found = section_to_source(listed, tmp_path, {"basearch": "x86_64"})
    assert found.urls == ("http://a.example/x86_64", "http://b.example", "file:///srv/c", "d")
    gone = make_section(f"metalink=file://{tmp_path}/gone\nbaseurl=http://b.example\n")
    assert section_to_source(gone, tmp_path, {}).urls == ("http://b.example",)
    alone = make_section(f"metalink=file://{tmp_path}/gone\n")
    with pytest.raises(InputError, match="cannot read file://"):
        section_to_source(alone, tmp_path, {})
    with pytest.raises(InputError, match="the repository base has no URL"):
        section_to_source(make_section(""), tmp_path, {})


def test_a_page_for_people_is_no_key_and_not_kept(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    with serving(site) as url:
        section = make_section(f"baseurl=http://b.example\ngpgcheck=1\ngpgkey={url}/key\n")
        (site / "key").write_text("<html>Log in</html>")
        with pytest.raises(InputError, match="is an HTML page, not a key"):
            section_to_source(section, tmp_path / "cache", {})
        (site / "key").write_text("a key")
        (key,) = section_to_source(section, tmp_path / "cache", {}).keys
        assert key.read_text() == "a key"


def test_what_is_distrusted_is_not_unavailable(packages: Path, tmp_path: Path) -> None:
    """skip_if_unavailable is for repositories that no server has."""
    folder = tmp_path / "repository"
    shutil.copytree(packages, folder)
    subprocess.run([createrepo_program(), "--quiet", str(folder)], check=True)
    text = f"""config_opts['root'] = 'small'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install gcc'
config_opts['dnf.conf'] = '''
[main]
skip_if_unavailable=1
[base]
baseurl={folder.as_uri()}
[gone]
baseurl=file://{tmp_path}/gone
[unsigned]
baseurl={folder.as_uri()}
repo_gpgcheck=KEYS
'''
"""
    for number, expected in (("0", ["base", "unsigned"]), ("1", [])):
        (tmp_path / f"small{number}.cfg").write_text(text.replace("KEYS", number))
        resolver = BuildrootResolver(
            read_config(f"small{number}", search=[tmp_path]), cache=tmp_path / f"cache{number}"
        )
        if expected:
            assert [state.source.name for state in resolver.metadata] == expected
        else:
            with pytest.raises(DistrustedError, match="the repository unsigned is not trusted"):
                resolver.metadata  # noqa: B018 - a property that reads


def test_the_same_question_is_answered_once_and_others_as_by_a_new_resolver(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(packages, folder)
    subprocess.run([createrepo_program(), "--quiet", str(folder)], check=True)
    text = CONFIG.format(url=folder.as_uri()).replace("@build", "gcc")
    (tmp_path / "small.cfg").write_text(text)
    pools: list[PackagePool] = []

    def make_pool(arch: str, *, cache: Path) -> PackagePool:
        pools.append(PackagePool(arch, cache=cache))
        return pools[-1]

    def ask(resolver: BuildrootResolver, *names: str) -> list[str]:
        try:
            return [package.nevra.name for package in resolver.resolve_build_requires(names).extra]
        except Unsatisfiable as error:
            return list(error.problems)

    def make() -> BuildrootResolver:
        return BuildrootResolver(read_config("small", search=[tmp_path]), cache=tmp_path / "cache")

    questions = [(), ("vim",), ("vim",), ("none",), ("gdb",), ("/usr/share/vim",), ("vim-extra",), ("vim",)]
    expected = [ask(make(), *names) for names in questions]
    monkeypatch.setattr("altai_build.tools.chroot.resolver.PackagePool", make_pool)
    resolver = make()
    assert [ask(resolver, *names) for names in questions] == expected
    assert expected[1] == ["vim"] and expected[3] == ["nothing provides none"]
    # Of the base; of the first questions, up to that one that needs file lists; of those after it.
    assert len(pools) <= 4


def test_other_metadata_is_another_resolver(packages: Path, tmp_path: Path) -> None:
    """What it remembers elsewhere is remembered by its fingerprint."""
    folder = tmp_path / "repository"
    shutil.copytree(packages, folder)
    subprocess.run([createrepo_program(), "--quiet", str(folder)], check=True)
    (tmp_path / "small.cfg").write_text(CONFIG.format(url=folder.as_uri()).replace("@build", "gcc"))
    config = read_config("small", search=[tmp_path])

    def make_resolver(**changes: Any) -> BuildrootResolver:
        resolver = BuildrootResolver(config, cache=tmp_path / "cache")
        (metadata,) = resolver.metadata
        entry = replace(metadata.primary.entry, **changes)
        resolver.__dict__["metadata"] = (replace(metadata, primary=replace(metadata.primary, entry=entry)),)
        # The same packages.
        resolver.__dict__["base"] = ()
        return resolver

    first = make_resolver().fingerprint
    assert first is not None and first == make_resolver().fingerprint
    assert make_resolver(checksum=make_checksum("sha256", "0" * 64)).fingerprint not in (None, first)
    assert make_resolver(checksum=None).fingerprint is None
    others = BuildrootResolver(config, cache=tmp_path / "cache")
    assert others.fingerprint != first and [package.nevra.name for package in others.base] == ["gcc", "libc"]
