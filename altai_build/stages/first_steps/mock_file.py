"""A distribution → mock's configuration of its buildroot, in one file, without mock's own templates."""

from __future__ import annotations

from collections.abc import Iterator

from altai_build.model.distribution import Distribution, PackageSource
from altai_build.model.first_steps import TODO, make_comment

_MAIN = """\
[main]
keepcache=1
debuglevel=2
reposdir=/dev/null
logfile=/var/log/yum.log
retries=20
obsoletes=1
gpgcheck=1
assumeyes=1
metadata_expire=0
best=1
protected_packages=
user_agent={{ user_agent }}
"""


def format_mock_config(root: str, arch: str, distribution: Distribution | None, wanted: str) -> str:
    """The text of mock-configs/ROOT.cfg; `wanted` says for what it should be where the distribution is not known.

    `root` and `arch` are plain names.
    """
    return "\n".join(_format(root, arch, distribution, wanted)) + "\n"


def _format(root: str, arch: str, distribution: Distribution | None, wanted: str) -> Iterator[str]:
    title = f" for {distribution.title}" if distribution else ""
    yield f"# The buildroot of packages{title}, in mock's own format: both builders read it."
    yield "# `altai-build init` wrote it; the file is yours, change what you need."
    if distribution is None:
        yield "#"
        yield f"# {TODO} name the packages and repositories of {make_comment(wanted)}: altai-build does not know them."
    elif distribution.remark:
        yield f"# {distribution.remark}"
    yield ""
    yield f"config_opts['root'] = '{root}'"
    yield f"config_opts['target_arch'] = '{arch}'"
    yield f"config_opts['legal_host_arches'] = ('{arch}',)"
    setup = distribution.setup if distribution else "bash coreutils gcc make patch rpm-build tar"
    yield f"config_opts['chroot_setup_cmd'] = 'install {setup}'"
    for name, value in distribution.options if distribution else (("package_manager", "dnf4"),):
        yield f"config_opts['{name}'] = {value if value in ('True', 'False') else repr(value)}"
    for name, value in distribution.macros if distribution else ():
        yield f"config_opts['macros']['%{name}'] = '{value}'"
    yield ""
    conf = "yum.conf" if distribution and distribution.uses_yum else "dnf.conf"
    yield f'config_opts[\'{conf}\'] = """'
    yield _MAIN.rstrip("\n")
    if not (distribution and distribution.uses_yum):
        yield "install_weak_deps=0"
    if arch == "x86_64":
        yield "exclude=*.i?86"
    for source in (*distribution.base, *distribution.more) if distribution else ():
        yield from _format_source(source, distribution)
    yield '"""'


def _format_source(source: PackageSource, distribution: Distribution | None) -> Iterator[str]:
    key = next(key for key in (distribution.keys if distribution else ()) if key.name == source.key)
    yield ""
    yield f"[{source.name}]"
    yield f"name={source.title}"
    yield f"{'baseurl' if source.listing == 'url' else source.listing}={source.url}"
    yield f"gpgkey={key.url or f'file://{key.installed_path}'}"
    yield "gpgcheck=1"
    yield "skip_if_unavailable=0"
