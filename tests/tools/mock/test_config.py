"""mock's configuration files: what they mean, read without running them, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
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


def test_a_configuration_of_the_kind_that_mock_ships(centos6: MockConfig) -> None:
    assert centos6.name == "centos-6-x86_64"
    assert [path.name for path in centos6.files] == ["centos-6-x86_64.cfg", "centos-6.tpl"]
    assert (centos6.root, centos6.target_arch, centos6.legal_host_arches) == (
        "centos-6-x86_64",
        "x86_64",
        ("x86_64",),
    )
    assert centos6.chroot_setup_cmd == ("install", "@buildsys-build", "bash", "a b")
    assert (centos6.package_manager, centos6.releasever, centos6.dist) == ("yum", "6", "el6")
    assert centos6.macros == (("dist", ".el6"), ("rhel", "6"))
    assert (centos6.use_nspawn, centos6.use_bootstrap, centos6.rpmbuild_networking) == (False, False, False)
    environment = dict(centos6.environment)
    assert (environment["LANG"], environment["SHELL"], environment["HOME"]) == ("C", "/bin/bash", "/builddir")
    assert centos6.main == (("exclude", "kernel*"), ("gpgcheck", "1"), ("reposdir", "/dev/null"))


def test_the_repositories_with_variables_defaults_and_what_main_says(centos6: MockConfig) -> None:
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
        ("a", "b", "c", "d"),
        ("e*",),
        (("sslverify", "0"),),
    )
    assert (extras.id, extras.name) == ("extras", "extras")
    assert extras.mirrorlist == "https://example/?arch=x86_64&release=6"
    assert (extras.enabled, extras.gpgcheck, extras.repo_gpgcheck) == (False, False, True)
    assert (extras.priority, extras.cost, extras.skip_if_unavailable) == (99, 1000, True)


@pytest.mark.parametrize(
    ("arch", "expected"),
    [("i686", "i386"), ("x86_64", "x86_64"), ("armv7hl", "armhfp"), ("aarch64", "aarch64")],
)
def test_basearch_is_what_dnf_calls_the_architecture(
    read: Callable[[str], MockConfig], arch: str, expected: str
) -> None:
    config = read(
        f"config_opts['target_arch'] = {arch!r}\n"
        "config_opts['dnf_vars'] = {'stream': '8-stream'}\n"
        "config_opts['dnf.conf'] += '[a]\\nbaseurl=https://x/$stream/$basearch/{{ repo_arch }}\\n'\n"
    )
    assert config.repositories[0].baseurls == (f"https://x/8-stream/{expected}/{arch}",)


def test_every_statement_that_is_read(read: Callable[[str], MockConfig]) -> None:
    config = read(
        '''
"""A docstring."""
suffix = '-extra' + '-more'
if config_opts['target_arch'] == 'x86_64' and 'nothing' not in config_opts and not False:
    config_opts['root'] += suffix
elif config_opts.get('x') is None or config_opts['y'] < 3:
    config_opts['root'] = 'wrong'
else:
    pass
config_opts['chroot_additional_packages'] = ['b']
config_opts['chroot_additional_packages'] += ['c']
config_opts['chroot_additional_packages'].append('d')
config_opts['chroot_additional_packages'].insert(0, 'a')
config_opts['chroot_additional_packages'].extend(['e'])
config_opts['chroot_additional_packages'].remove('b')
config_opts['macros'].update({'%one': '1', '%gone': 'x'}, three='3')
config_opts['macros'].setdefault('%two', '2')
config_opts['macros'].setdefault('%one', 'not this')
config_opts['macros'].pop('%gone')
config_opts.update({'releasever': '41'})
config_opts.setdefault('dist', 'fc' + str(int(config_opts['releasever']) - 0 if False else 41))
config_opts['temporary'] = -1
del config_opts['temporary']
config_opts['use_bootstrap'] = int(config_opts['releasever']) >= 42
config_opts['rpmbuild_networking'] = True if 'fedora'.startswith('fed') else False
config_opts['plugin_conf']['unheard_of_opts']['x'] = 1
config_opts['plugin_conf']['bind_mount_opts']['dirs'].append(('/a', '/b'))
first = second = config_opts['dist']
config_opts['environment']['D'] = first
'''
    )
    assert config.root == "small-extra-more"
    assert config.additional_packages == ("a", "c", "d", "e")
    assert config.macros == (("one", "1"), ("three", "3"), ("two", "2"))
    assert (config.releasever, config.dist, config.use_bootstrap, config.rpmbuild_networking) == (
        "41",
        "fc41",
        False,
        True,
    )
    assert dict(config.environment)["D"] == "fc41"
    assert config.mock_only == ("plugin_conf.bind_mount_opts",)


@pytest.mark.parametrize(
    "statement",
    [
        "import os",
        "from os import path",
        "open('/etc/passwd')",
        "x = open('/etc/passwd').read()",
        "x = f'{1}'",
        "x = [i for i in ()]",
        "x = lambda: 1",
        "x = config_opts.__class__",
        "x = ''.join(['a'])",
        "x = 'a' * 3",
        "x = 'a' % ()",
        "for i in (): pass",
        "while False: pass",
        "def f(): pass",
        "class C: pass",
        "try:\n    pass\nfinally:\n    pass",
        "with x: pass",
        "assert True",
        "exec('1')",
        "eval('1')",
        "config_opts.x = 1",
        "config_opts = {}",
        "x: int = 1",
        "a, b = 1, 2",
        "config_opts['macros'].clear()",
        "x = config_opts['dnf_vars'] or config_opts.keys()",
        "if True:\n    include('other.cfg')",
    ],
)
def test_what_would_have_to_be_run_is_refused_with_its_place(
    read: Callable[[str], MockConfig], tmp_path: Path, statement: str
) -> None:
    error = refusal(read, statement)
    line = MINIMAL.count("\n") + 1
    offending = statement.splitlines()[1].strip() if statement.startswith("if") else statement.splitlines()[0]
    line += statement.startswith("if")
    assert error.what.startswith(f"{tmp_path}/configs/case.cfg:{line}: ")
    assert error.why == offending
    assert error.todo.startswith("only data is read here, no program is run: ")


def test_an_option_that_is_not_set_is_named_with_near_ones(read: Callable[[str], MockConfig]) -> None:
    error = refusal(read, "x = config_opts['target_arhc']")
    assert error.what.endswith(":7: 'target_arhc' is not set here")
    assert error.todo.startswith("perhaps target_arch ")


def test_a_syntax_error_names_file_and_line(read: Callable[[str], MockConfig]) -> None:
    assert "case.cfg:8: " in refusal(read, "x = 1\ny = = 2\n").what


@pytest.mark.filterwarnings("error")
def test_doubtful_escapes_in_strings_are_read_as_mock_reads_them(read: Callable[[str], MockConfig]) -> None:
    assert dict(read(r"config_opts['environment']['A'] = '\s-\v'").environment)["A"] == "\\s-\v"


HOSTILE = {
    "parentheses": "x = " + "(" * 5000 + "1" + ")" * 5000,
    "long sum": "x = " + "+".join(["'a'"] * 50_000),
    "deep not": "x = " + "not " * 50_000 + "1",
    "doubled text": "x = 'aaaaaaaa'\n" + "x += x\n" * 60,
    "doubled list": "x = [1, 1]\n" + "x = [x, x]\n" * 60 + "config_opts['a'] = x",
    "holds itself": "x = {}\nx['a'] = x\nconfig_opts['a'] = x",
    "holds all": "config_opts['a'] = config_opts",
    "NUL": "x = '\0'",
    "loops": "config_opts['dnf.conf'] = '" + "{% for a in range(99999) %}" * 2 + "{% endfor %}" * 2 + "'",
    "macros": "config_opts['dnf.conf'] = '{% macro a(n) %}{{ a(n-1) }}{{ a(n-1) }}{% endmacro %}{{ a(60) }}'",
    "product": "config_opts['dnf.conf'] = '{{ \"a\" * 10 ** 10 }}'",
    "padding": "config_opts['dnf.conf'] = '{{ \"a\".center(10 ** 10) }}'",
    "doubled set": "config_opts['dnf.conf'] = '{% set x = \"aa\" %}" + "{% set x = x ~ x %}" * 60 + "'",
    "doubled sum": "config_opts['dnf.conf'] = '{% set x = \"aa\" %}" + "{% set x = x + x %}" * 60 + "'",
    "replaced": "config_opts['dnf.conf'] = '{% set x = \"aa\" %}"
    + '{% set x = x|replace("a", x) %}' * 30
    + "'",
    "joined": "config_opts['dnf.conf'] = '{% set x = \"aaa\" %}" + "{% set x = x|join(x) %}" * 30 + "'",
    "no end": "config_opts['a'] = '{{ a }}{{ a }}'\nconfig_opts['dnf.conf'] = '{{ a }}x'",
    "classes": "config_opts['dnf.conf'] = '{{ \"\".__class__.__mro__ }}'",
    "globals": "config_opts['dnf.conf'] = '{{ [].append.__globals__ }}'",
    "include": "config_opts['dnf.conf'] = '{% include \"/etc/passwd\" %}'",
    "undefined": "config_opts['dnf.conf'] = '{{ a.b.c }}'",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_within_bounds(configs: Callable[..., Path], case: str) -> None:
    place = configs(case=MINIMAL + HOSTILE[case])
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (10, 10))\n"
        "from pathlib import Path\n"
        "from altai_build.errors import InputError\n"
        "from altai_build.tools.mock.config import read_config\n"
        "try:\n    read_config('case', search=[Path(sys.argv[1])])\n"
        "except InputError as error:\n    sys.exit(3)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(place)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=Path(__file__).resolve().parents[3],
        timeout=60,
        check=False,
    )
    assert result.returncode == 3, result.stderr.decode()[-2000:]


def test_includes_nest_are_read_once_and_share_names(configs: Callable[..., Path]) -> None:
    place = configs(
        case=MINIMAL + "include('one.cfg')\ninclude('two.cfg')\nconfig_opts['releasever'] = number\n",
        one="number = '1'\n",
        two="include('one.cfg')\nnumber += '2'\n",
    )
    config = read_config("case", search=[place])
    assert config.releasever == "12"
    assert [path.name for path in config.files] == ["case.cfg", "one.cfg", "two.cfg"]


def test_includes_are_looked_up_in_all_directories_then_beside_the_file(tmp_path: Path) -> None:
    ours, system = tmp_path / "mock-configs", tmp_path / "etc"
    (ours / "sub").mkdir(parents=True)
    system.mkdir()
    (ours / "case.cfg").write_text(MINIMAL + "include('shared.tpl')\ninclude('sub/a.tpl')\n")
    (system / "shared.tpl").write_text("config_opts['dist'] = 'system'\n")
    (ours / "sub" / "a.tpl").write_text("include('b.tpl')\n")
    (ours / "sub" / "b.tpl").write_text("config_opts['releasever'] = '7'\n")
    config = read_config("case", search=[ours, system])
    assert (config.dist, config.releasever) == ("system", "7")


def test_a_missing_include_says_where_it_was_looked_for(
    read: Callable[[str], MockConfig], tmp_path: Path
) -> None:
    error = refusal(read, "include('templates/nothing.tpl')")
    assert (
        error.what == f"{tmp_path}/configs/case.cfg:7: the included file templates/nothing.tpl does not exist"
    )
    assert error.todo == f"looked in {tmp_path}/configs"


def test_a_circle_of_includes_is_shown(configs: Callable[..., Path]) -> None:
    place = configs(case=MINIMAL + "include('one.cfg')", one="include('two.cfg')", two="include('one.cfg')")
    with pytest.raises(InputError) as caught:
        read_config("case", search=[place])
    assert caught.value.what == f"{place}/two.cfg:1: the files include each other in a circle"
    assert caught.value.todo == "break the circle case.cfg → one.cfg → two.cfg → one.cfg"


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside.cfg", "link.cfg"])
def test_no_file_outside_the_directories_is_read(
    configs: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    place = configs(case=MINIMAL + f"include({name!r})")
    (tmp_path / "outside.cfg").write_text("secret = 1\n")
    (place / "link.cfg").symlink_to(tmp_path / "outside.cfg")
    with pytest.raises(InputError, match="is outside the places that mock configurations are read from"):
        read_config("case", search=[place])


def test_site_defaults_come_first_and_count(configs: Callable[..., Path]) -> None:
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
def test_names_that_are_no_names(configs: Callable[..., Path], name: str) -> None:
    with pytest.raises(InputError, match=r"no (name of a )?mock configuration"):
        read_config(name, search=[configs(case=MINIMAL)])


def test_a_missing_configuration_says_where_and_what_is_near(
    configs: Callable[..., Path], tmp_path: Path
) -> None:
    place = configs(**{"centos-6-x86_64": MINIMAL, "site-defaults": ""})
    with pytest.raises(InputError) as caught:
        read_config("centos6-x86_64", search=[place, tmp_path / "etc"])
    assert caught.value.what == "there is no mock configuration centos6-x86_64"
    assert caught.value.why == f"looked at {place}/centos6-x86_64.cfg, {tmp_path}/etc/centos6-x86_64.cfg"
    assert caught.value.todo == "perhaps centos-6-x86_64 is meant"
    assert available_configs([place]) == ("centos-6-x86_64",)


def test_a_configuration_by_its_path(configs: Callable[..., Path], tmp_path: Path) -> None:
    place = configs(case=MINIMAL)
    assert read_config(str(place / "case.cfg"), search=[tmp_path / "etc"]).root == "small"
    assert read_config(str(place / "case.cfg"), search=[]).root == "small"


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("del config_opts['root']", "sets no config_opts['root']"),
        ("config_opts['root'] = 5", "config_opts['root'] must be a string"),
        ("config_opts['macros']['%a b'] = 'x'", "config_opts['macros']['%a b'] = 'x' is no macro"),
        ("config_opts['macros']['%a'] = ''", "config_opts['macros']['%a'] = '' is no macro"),
        ("config_opts['dnf.conf'] = 'gpgcheck=0'", "is not a package manager's configuration"),
        ("config_opts['dnf.conf'] += '[a]\\nenabled=maybe'", "[a] enabled is neither true nor false"),
        ("config_opts['dnf.conf'] += '[a]\\npriority=high'", "[a] priority is not a number"),
        (
            "config_opts['dnf.conf'] += '{% if %}'",
            "the template in case.cfg: config_opts['dnf.conf'], line 4 ",
        ),
    ],
)
def test_unusable_values(read: Callable[[str], MockConfig], statement: str, complaint: str) -> None:
    assert complaint in refusal(read, statement).what


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (1 << 20) + b"#"])
def test_files_that_are_no_text_or_too_large(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "case.cfg").write_bytes(content)
    with pytest.raises(InputError, match=r"not UTF-8 text|larger than"):
        read_config("case", search=[tmp_path])


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
def test_the_digest_does_not_see_what_cannot_influence_a_build(
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
def test_the_digest_sees_all_else(read: Callable[[str], MockConfig], change: str) -> None:
    assert read(change).digest != read("").digest


def test_the_flat_form_means_the_same(centos6: MockConfig, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "centos-6-x86_64.cfg").write_text(centos6.flat)
    flat = read_config("centos-6-x86_64", search=[tmp_path / "flat"])
    assert (flat.digest, flat.dnf_conf, flat.flat) == (centos6.digest, centos6.dnf_conf, centos6.flat)
    assert flat.repositories == centos6.repositories
    assert "include(" not in centos6.flat


def test_the_flat_form_takes_away_defaults_too(read: Callable[[str], MockConfig]) -> None:
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
