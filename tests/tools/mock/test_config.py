"""mock's configuration files: what they mean, and which values are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra
from altai_build.tools.mock.config import MockConfig, available_configs, read_config

MINIMAL = """\
config_opts['root'] = 'small'
config_opts['target_arch'] = 'x86_64'
config_opts['dnf.conf'] = '''
[main]
gpgcheck=0
'''
"""

CENTOS6 = """\
# The shape of mock's own files: a file per architecture includes the template of the distribution.
include('templates/centos-6.tpl')

config_opts['root'] = "centos-6-{{ target_arch }}"
config_opts['target_arch'] = 'x86_64'
config_opts['legal_host_arches'] = ('x86_64',)
config_opts['macros']['%dist'] = ".el6"
config_opts['macros']['rhel'] = "6"
"""
CENTOS6_TEMPLATE = """\
config_opts['chroot_setup_cmd'] = 'install @buildsys-build bash "a b"'
config_opts['dist'] = 'el6'
config_opts['releasever'] = '6'
config_opts['package_manager'] = 'yum'
config_opts['isolation'] = 'simple'
config_opts['use_bootstrap'] = False
config_opts['environment']['LANG'] = 'C'
config_opts['yum.conf'] = \"\"\"
[main]
exclude=kernel*
gpgcheck=1
reposdir=/dev/null

# repos
[os]
name=CentOS-$releasever
baseurl=https://one.example/{{ releasever }}/os/$basearch/
        https://two.example/$releasever/os/${basearch}/,https://three.example/$unknown/
gpgkey=file:///etc/pki/one, file:///etc/pki/two
exclude=a b,c
excludepkgs=d
includepkgs=e*
priority=10
cost=500
module_hotfixes=1
sslverify=0
{% if target_arch == 'x86_64' %}
[extras]
mirrorlist=https://example/?arch=$basearch&release=$releasever
enabled={{ not target_arch == 'x86_64' }}
gpgcheck=0
repo_gpgcheck=1
skip_if_unavailable=yes
{% endif %}
\"\"\"
"""


@pytest.fixture
def configs(tmp_path: Path) -> Callable[..., Path]:
    """Writes files into a directory of configurations and returns it."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / "configs" / f"{name}.cfg"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "configs"

    return write


@pytest.fixture
def read(configs: Callable[..., Path]) -> Callable[[str], MockConfig]:
    """Reads a configuration that has these statements besides the necessary ones."""

    def read_text(text: str) -> MockConfig:
        return read_config("case", search=[configs(case=MINIMAL + text)])

    return read_text


def refusal(read: Callable[[str], MockConfig], text: str) -> InputError:
    """The error for these statements."""
    with pytest.raises(InputError) as caught:
        read(text)
    return caught.value


@pytest.fixture
def centos6(configs: Callable[..., Path]) -> MockConfig:
    place = configs(**{"centos-6-x86_64": CENTOS6})
    (place / "templates").mkdir()
    (place / "templates" / "centos-6.tpl").write_text(CENTOS6_TEMPLATE)
    return read_config("centos-6-x86_64", search=[place])


def test_a_configuration_like_those_of_mock(centos6: MockConfig) -> None:
    assert centos6.name == "centos-6-x86_64"
    assert [path.name for path in centos6.files] == ["centos-6-x86_64.cfg", "centos-6.tpl"]
    assert (centos6.root, centos6.target_arch, centos6.legal_host_arches) == (
        "centos-6-x86_64",
        "x86_64",
        ("x86_64",),
    )
    assert centos6.chroot_setup_cmd == ("install", "@buildsys-build", "bash", "a b")
    assert centos6.macros == (("dist", ".el6"), ("rhel", "6"))
    assert centos6.use_bootstrap is False
    environment = dict(centos6.environment)
    assert (environment["LANG"], environment["SHELL"], environment["HOME"]) == ("C", "/bin/bash", "/builddir")
    assert centos6.main == (("exclude", "kernel*"), ("gpgcheck", "1"), ("reposdir", "/dev/null"))


def test_repositories_with_variables_and_the_defaults_of_main(centos6: MockConfig) -> None:
    system, extras = centos6.repositories
    assert (system.id, system.name) == ("os", "CentOS-6")
    assert system.baseurls == (
        "https://one.example/6/os/x86_64/",
        "https://two.example/6/os/x86_64/",
        "https://three.example/$unknown/",
    )
    assert (system.mirrorlist, system.metalink) == ("", "")
    assert system.gpgkeys == ("file:///etc/pki/one", "file:///etc/pki/two")
    assert (system.enabled, system.gpgcheck, system.repo_gpgcheck) == (True, True, False)
    assert (system.priority, system.cost, system.module_hotfixes) == (10, 500, True)
    assert (system.exclude, system.includepkgs, system.other) == (
        ("kernel*", "a", "b", "c", "d"),
        ("e*",),
        (),
    )
    assert (extras.id, extras.name) == ("extras", "extras")
    assert extras.mirrorlist == "https://example/?arch=x86_64&release=6"
    assert (extras.enabled, extras.gpgcheck, extras.repo_gpgcheck) == (False, False, True)
    assert (extras.priority, extras.cost, extras.skip_if_unavailable) == (99, 1000, True)


@pytest.mark.parametrize(
    ("arch", "expected"),
    [("i686", "i386"), ("x86_64", "x86_64"), ("armv7hl", "armhfp"), ("aarch64", "aarch64")],
)
def test_basearch_is_dnfs_name_of_the_architecture(
    read: Callable[[str], MockConfig], arch: str, expected: str
) -> None:
    config = read(
        f"config_opts['target_arch'] = {arch!r}\n"
        "config_opts['dnf_vars'] = {'stream': '8-stream'}\n"
        "config_opts['dnf.conf'] += '[a]\\nbaseurl=https://x/$stream/$basearch/{{ repo_arch }}\\n'\n"
    )
    assert config.repositories[0].baseurls == (f"https://x/8-stream/{expected}/{arch}",)


def test_options_that_the_chroot_builder_carries_out(read: Callable[[str], MockConfig]) -> None:
    config = read(
        """
config_opts['rpmbuild_opts'] = "--with extra --define 'a b'"
config_opts['rpmbuild_arch'] = 'x86_64_v2'
config_opts['rpmbuild_command'] = '/opt/rpmbuild'
config_opts['rpmbuild_timeout'] = '90'
config_opts['check'] = False
config_opts['more_buildreqs']['nova-1.0'] = 'python3-six'
config_opts['more_buildreqs']['glance'] = ['a', 'b >= 2']
config_opts['extra_chroot_dirs'] = ['/run/lock']
config_opts['files']['etc/motd'] = 'hello {{ target_arch }}'
config_opts['chroot_additional_packages'] = ['a', 'c']
config_opts['environment']['D'] = '{{ root }}'
"""
    )
    assert config.rpmbuild_opts == ("--with", "extra", "--define", "a b")
    assert (config.rpmbuild_arch, config.rpmbuild_command) == ("x86_64_v2", "/opt/rpmbuild")
    assert (config.rpmbuild_timeout, config.run_check) == (90, False)
    assert config.more_buildreqs == (("glance", ("a", "b >= 2")), ("nova-1.0", ("python3-six",)))
    assert (config.extra_chroot_dirs, config.additional_packages) == (("/run/lock",), ("a", "c"))
    assert config.extra_files == (("etc/motd", "hello x86_64"),)
    assert dict(config.environment)["D"] == "small"
    assert config.unsupported == ()


def test_includes_nest_run_once_and_share_names(configs: Callable[..., Path]) -> None:
    place = configs(
        case=MINIMAL + "include('one.cfg')\ninclude('two.cfg')\nconfig_opts['macros']['%n'] = number\n",
        one="number = '1'\n",
        two="include('one.cfg')\nnumber += '2'\n",
    )
    config = read_config("case", search=[place])
    assert config.macros == (("n", "12"),)
    assert [path.name for path in config.files] == ["case.cfg", "one.cfg", "two.cfg"]


def test_includes_are_looked_up_in_all_directories_then_beside_the_file(tmp_path: Path) -> None:
    ours, system = tmp_path / "mock-configs", tmp_path / "etc"
    (ours / "sub").mkdir(parents=True)
    system.mkdir()
    (ours / "case.cfg").write_text(MINIMAL + "include('shared.tpl')\ninclude('sub/a.tpl')\n")
    (system / "shared.tpl").write_text("config_opts['macros']['dist'] = 'system'\n")
    (ours / "sub" / "a.tpl").write_text("include('b.tpl')\n")
    (ours / "sub" / "b.tpl").write_text("config_opts['macros']['rhel'] = '7'\n")
    config = read_config("case", search=[ours, system])
    assert config.macros == (("dist", "system"), ("rhel", "7"))


def test_site_defaults_run_first_and_change_the_digest(configs: Callable[..., Path]) -> None:
    plain = read_config("case", search=[configs(case=MINIMAL)])
    place = configs(
        **{"site-defaults": "config_opts['macros']['%vendor'] = 'Us'\nconfig_opts['root'] = 'x'\n"}
    )
    config = read_config("case", search=[place])
    assert [path.name for path in config.files] == ["site-defaults.cfg", "case.cfg"]
    assert (config.root, config.macros) == ("small", (("vendor", "Us"),))
    assert config.digest != plain.digest


@pytest.mark.parametrize(
    "name",
    ["", "-rm", "../case", "sub/../../case", "a\nb", "a\0b", "/etc/mock/case", "/etc/passwd", "/etc/-a.cfg"],
)
def test_invalid_names_are_refused(configs: Callable[..., Path], name: str) -> None:
    with pytest.raises(InputError, match=r"is not a (valid name of a )?mock configuration"):
        read_config(name, search=[configs(case=MINIMAL)])


def test_the_error_for_a_missing_configuration_names_similar_ones(
    configs: Callable[..., Path], tmp_path: Path
) -> None:
    place = configs(**{"centos-6-x86_64": MINIMAL, "site-defaults": ""})
    with pytest.raises(InputError) as caught:
        read_config("centos6-x86_64", search=[place, tmp_path / "etc"])
    assert caught.value.what == "there is no mock configuration centos6-x86_64"
    looked_at = f"{place}/centos6-x86_64.cfg, {tmp_path}/etc/centos6-x86_64.cfg"
    assert caught.value.why == f"looked at {looked_at}; did you mean centos-6-x86_64?"
    assert caught.value.todo.startswith("correct `mock_config` in repos.yaml")
    assert available_configs([place]) == ("centos-6-x86_64",)


def test_a_configuration_by_its_path(configs: Callable[..., Path], tmp_path: Path) -> None:
    place = configs(case=MINIMAL)
    assert read_config(str(place / "case.cfg"), search=[tmp_path / "etc"]).root == "small"
    assert read_config(str(place / "case.cfg"), search=[]).root == "small"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("del config_opts['root']", "does not set config_opts['root']"),
        ("config_opts['root'] = 5", "config_opts['root'] must be a string"),
        ("config_opts['macros']['%a b'] = 'x'", "config_opts['macros']['%a b'] = 'x' is no macro"),
        ("config_opts['macros']['%a'] = ''", "config_opts['macros']['%a'] = '' is no macro"),
        ("config_opts['dnf.conf'] = 'gpgcheck=0'", "is not a valid dnf configuration"),
        ("config_opts['dnf.conf'] += '[a]\\nenabled=maybe'", "[a] enabled=maybe is not a boolean"),
        ("config_opts['dnf.conf'] += '[a]\\npriority=high'", "[a] priority=high is not a number"),
        (
            "config_opts['dnf.conf'] += '{% if %}'",
            "the template in config_opts['dnf.conf'] fails",
        ),
        ("config_opts['macros'] = 5", "config_opts['macros'] must be a dictionary"),
        ("config_opts['chroot_setup_cmd'] = 5", "config_opts['chroot_setup_cmd'] must be a string or a list"),
        ("config_opts['chroot_setup_cmd'] = '\"'", "config_opts['chroot_setup_cmd'] has an open quotation"),
        ("config_opts['rpmbuild_timeout'] = 'soon'", "config_opts['rpmbuild_timeout'] must be a number of"),
        ("config_opts['environment'] = None", "config_opts['environment'] must be a dictionary"),
    ],
)
def test_unusable_values(read: Callable[[str], MockConfig], statement: str, message: str) -> None:
    assert message in refusal(read, statement).what


@pytest.mark.parametrize(
    "change",
    [
        "# a comment",
        "config_opts['description'] = 'words'",
        "config_opts['root'] = 'another-name'",
        "config_opts['dnf.conf'] = '[main]\\n# words\\ngpgcheck = 0\\nlogfile=/var/log/x\\n'",
        "config_opts['use_bootstrap'] = True",
        "config_opts['cleanup_on_success'] = False",
    ],
)
def test_options_that_change_no_package_do_not_change_the_digest(
    read: Callable[[str], MockConfig], change: str
) -> None:
    assert read(change).digest == read("").digest


@pytest.mark.parametrize(
    "change",
    [
        "config_opts['target_arch'] = 'i686'",
        "config_opts['chroot_setup_cmd'] = 'install bash'",
        "config_opts['macros']['%a'] = '1'",
        "config_opts['environment']['A'] = '1'",
        "config_opts['releasever'] = '7'",
        "config_opts['use_bootstrap'] = False",
        "config_opts['rpmbuild_networking'] = True",
        "config_opts['an_option_nobody_knows'] = 1",
        "config_opts['plugin_conf']['bind_mount_opts']['dirs'].append(('/a', '/b'))",
        "config_opts['dnf.conf'] += 'install_weak_deps=0\\n'",
        "config_opts['dnf.conf'] += '[a]\\nbaseurl=https://x/\\n'",
    ],
)
def test_all_other_options_change_the_digest(read: Callable[[str], MockConfig], change: str) -> None:
    assert read(change).digest != read("").digest


def test_the_flat_form_means_the_same(centos6: MockConfig, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "centos-6-x86_64.cfg").write_text(centos6.flat)
    flat = read_config("centos-6-x86_64", search=[tmp_path / "flat"])
    assert (flat.digest, flat.flat) == (centos6.digest, centos6.flat)
    assert flat.repositories == centos6.repositories
    assert "include(" not in centos6.flat


def test_the_flat_form_removes_defaults_too(read: Callable[[str], MockConfig]) -> None:
    flat = read("del config_opts['environment']['PS1']\nconfig_opts['macros'] = {'%a': '1'}\n").flat
    assert "config_opts['environment'].pop('PS1', None)\n" in flat
    assert "config_opts['macros'].pop('%_topdir', None)\n" in flat


def test_all_configurations_of_this_project_can_be_read() -> None:
    place = Path(__file__).resolve().parents[3] / "mock-configs"
    names = available_configs([place])
    assert names
    for name in names:
        config = read_config(name, search=[place])
        assert config.repositories, name
        assert config.chroot_setup_cmd[0] in ("install", "groupinstall"), name


def test_more_buildreqs_are_found_by_the_longest_name(read: Callable[[str], MockConfig]) -> None:
    config = read(
        "config_opts['more_buildreqs'] = {'c': 'one', 'c-1': ['two'], 'c-1-2': ['three', 'four'], 'd': 'five'}",
    )
    source = Nevra(name="c", epoch=0, version="1", release="2", arch="src")
    assert config.find_more_buildreqs(source) == ("three", "four")
    assert config.find_more_buildreqs(replace(source, release="9")) == ("two",)
    assert config.find_more_buildreqs(replace(source, version="9")) == ("one",)
    assert config.find_more_buildreqs(replace(source, name="e")) == ()
