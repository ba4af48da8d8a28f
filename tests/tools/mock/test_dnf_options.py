"""Options of dnf.conf: those that the chroot builder does not carry out are named, usual configurations are quiet."""

from __future__ import annotations

import os
import subprocess

import pytest

from altai_build.tools.mock.dnf_options import find_unsupported_dnf_options
from altai_build.tools.repo.dnfconf import parse_dnf_config
from tests.conftest import Require

# What the templates of mock-core-configs say.
_USUAL = """
[main]
keepcache=1
system_cachedir=/var/cache/dnf
debuglevel=2
reposdir=/dev/null
logfile=/var/log/yum.log
retries=20
obsoletes=1
gpgcheck=0
assumeyes=1
syslog_ident=mock
syslog_device=
sysleg_device=
metadata_expire=0
mdpolicy=group:primary
best=1
install_weak_deps=0
protected_packages=
module_platform_id=platform:el9
user_agent=x
skip_if_unavailable=False
excludepkgs=*.i586
tsflags=nodocs
deltarpm=false
multilib_policy=best
group_package_types=mandatory, default,conditional
[os]
name=os
mirrorlist=http://localhost/
failovermethod=priority
type=rpm-md
gpgcheck=1
gpgkey=file:///k
cost=2000
countme=1
fastestmirror=1
metadata_expire=6h
skip_if_unavailable=False
[off]
unheard_of=1
enabled=0
"""


def find(text: str) -> dict[str, tuple[bool, str]]:
    """Unsupported options: whether each is an error, and why."""
    found = find_unsupported_dnf_options(*parse_dnf_config(text, variables={}, where="dnf.conf"))
    return {option.name: (option.is_error, option.why) for option in found}


def test_of_usual_configurations_nothing_is_said() -> None:
    assert find(_USUAL) == {}


@pytest.mark.parametrize(
    "line",
    [
        "install_weak_deps=True",
        "obsoletes=no",
        "multilib_policy=all",
        "ignorearch=1",
        "group_package_types=mandatory",
        "enablegroups=0",
        "tsflags=nodocs,noscripts",
        "disable_excludes=all",
        "reposdir=/etc/yum.repos.d",
    ],
)
def test_options_by_which_packages_differ_are_errors(line: str) -> None:
    name = f"dnf.conf: [main] {line.partition('=')[0]}"
    assert {key: is_error for key, (is_error, _) in find(f"[main]\n{line}\n").items()} == {name: True}


def test_other_options_that_are_not_carried_out_are_warned_of() -> None:
    found = find(
        "[main]\nstrict=0\nskip_broken=0\nunheard_of=1\nobsolete=0\npriority=1\n[os]\nstrict=0\nprioritty=1\n"
    )
    unknown = "the chroot builder does not know this option"
    assert found == {
        "dnf.conf: [main] strict": (False, "what no repository has is an error: nothing is left out"),
        "dnf.conf: [main] unheard_of": (False, unknown),
        "dnf.conf: [main] obsolete": (False, f"{unknown}; did you mean obsoletes?"),
        "dnf.conf: [main] priority": (False, "it counts in the sections of repositories alone"),
        "dnf.conf: [os] strict": (False, "it counts in [main] alone"),
        "dnf.conf: [os] prioritty": (False, f"{unknown}; did you mean priority?"),
    }


def test_every_option_of_dnf_is_known(require: Require) -> None:
    python = "/usr/bin/python3"
    script = (
        "import dnf.conf, dnf.repo\nmain = dnf.conf.Conf()\n"
        "for config in (main._config, dnf.repo.Repo('x', main)._config):\n"
        "    print(*(name for name in dir(config) if name[0] != '_' and name.islower() and name[:4] != 'this'))\n"
    )
    has_dnf = os.path.exists(python) and not subprocess.call(
        [python, "-c", "import dnf"], stderr=subprocess.DEVNULL
    )
    require(has_dnf, "this Python has no dnf")
    done = subprocess.run([python, "-c", script], stdout=subprocess.PIPE, check=True, text=True)
    main, repository = (line.split() for line in done.stdout.splitlines())
    assert len(main) > 80 and len(repository) > 30
    texts = [
        f"[{name}]\n" + "".join(f"{key}=\n" for key in keys if key not in ("priority", "cost"))
        for name, keys in (("main", main), ("os", repository))
    ]
    said = [why for text in texts for _, why in find(text.replace("enabled=\n", "enabled=1\n")).values()]
    assert [why for why in said if "does not know" in why] == []
