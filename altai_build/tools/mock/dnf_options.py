"""Every option of dnf.conf, in [main] and of repositories, and what the chroot builder does with it.

The list is that of dnf 4 (ConfigMain and ConfigRepo of libdnf), with what yum had besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.suggestion import find_similar, suggest
from altai_build.tools.mock.option_check import UnsupportedOption
from altai_build.tools.mock.options import Treatment
from altai_build.tools.repo.dnfconf import INHERITED_OPTIONS, REPOSITORY_OPTIONS, RepoSection, read_flag

_DNF_CONF = "dnf.conf"


@dataclass(frozen=True)
class DnfOption:
    """One option; values that are `usual` ask for what the chroot builder does anyway."""

    treatment: Treatment
    why: str
    usual: tuple[str, ...] = ()


def _without_effect(why: str, *names: str) -> dict[str, DnfOption]:
    return dict.fromkeys(names, DnfOption(Treatment.WITHOUT_EFFECT, why))


def _unless(treatment: Treatment, why: str, usual: Mapping[str, tuple[str, ...]]) -> dict[str, DnfOption]:
    return {name: DnfOption(treatment, why, values) for name, values in usual.items()}


_OFF, _ON = ("0", ""), ("1",)

_OPTIONS: dict[str, DnfOption] = {
    **_without_effect(
        "what dnf asks, shows, logs and remembers",
        *("assumeyes", "assumeno", "defaultyes", "alwaysprompt", "tolerant", "bugtracker_url", "comment", "name"),
        *("debuglevel", "errorlevel", "rpmverbosity", "debug_solver", "recent", "showdupesfromrepos"),
        *("logfile", "logdir", "logfilelevel", "log_size", "log_rotate", "log_compress", "syslog_ident"),
        *("syslog_device", "syslog_facility", "history_record", "history_record_packages", "history_list_view"),
        *("color", "color_list_available_downgrade", "color_list_available_install"),
        *("color_list_available_reinstall", "color_list_available_upgrade", "color_list_installed_extra"),
        *("color_list_installed_newer", "color_list_installed_older", "color_list_installed_reinstall"),
        *("color_search_match", "color_update_installed", "color_update_local", "color_update_remote"),
    ),
    **_without_effect(
        "the chroot builder has its own cache, and asks for metadata in every run",
        *("cachedir", "system_cachedir", "basecachedir", "persistdir", "keepcache", "usercache", "metadata_expire"),
        *("metadata_timer_sync", "metadata_expire_filter", "mirrorlist_expire", "check_config_file_age"),
        *("mdpolicy", "mddownloadpolicy", "http_caching", "config_file_path", "exit_on_lock"),
    ),
    **_without_effect(
        "how dnf downloads: the packages are the same",
        *("bandwidth", "throttle", "retries", "ip_resolve", "fastestmirror", "fastestmirror_cache", "async"),
        *("max_parallel_downloads", "max_downloads_per_mirror", "deltarpm", "deltarpm_percentage", "presto"),
        *("zchunk", "user_agent", "countme", "failovermethod", "keepalive", "mediaid", "proxy_auth_method"),
        *("optional_metadata_types", "diskspacecheck", "destdir"),
    ),
    **_without_effect(
        "nothing is upgraded or removed in a new chroot",
        *("protected_packages", "protected_multilib", "protect_running_kernel", "autocheck_running_kernel"),
        *("installonlypkgs", "installonly_limit", "installonly_clean_kernel", "clean_requirements_on_remove"),
        *("groupremove_leaf_only", "remove_leaf_only", "allow_vendor_change", "upgrade_group_objects_upgrade"),
        *("transformdb", "rpmdb_mode", "reset_nice", "exactarch", "exactarchlist"),
    ),
    **_without_effect(
        "the chroot builder knows no modules",
        *("module_platform_id", "module_obsoletes", "module_stream_switch"),
    ),
    **_without_effect(
        "the newest packages that can be installed are taken; best=1 makes dnf fail where newer ones cannot be", "best"
    ),
    **_without_effect(
        "it concerns packages that the chroot builder never installs: recommended ones, and files of the user's",
        *("exclude_from_weak", "exclude_from_weak_autodetect", "localpkg_gpgcheck"),
    ),
    **_without_effect(
        "no plugins of dnf run, and the chroot is elsewhere",
        *("plugins", "pluginpath", "pluginconfpath", "installroot", "enabled", "distroverpkg", "enabled_metadata"),
    ),
    **_unless(
        Treatment.REFUSED, "the chroot builder installs no recommended packages", {"install_weak_deps": _OFF}
    ),
    **_unless(Treatment.REFUSED, "Obsoletes of packages always count", {"obsoletes": _ON}),
    **_unless(
        Treatment.REFUSED, "of the architectures of a package the best one is taken", {"multilib_policy": ("best",)}
    ),
    **_unless(Treatment.REFUSED, "packages are those of the target's architecture", {"ignorearch": _OFF}),
    **_unless(
        Treatment.REFUSED,
        "of groups the mandatory, default and conditional packages are installed",
        {
            "group_package_types": ("conditional default mandatory",),
            "enablegroups": _ON,
        },
    ),
    **_unless(
        Treatment.REFUSED,
        "of these flags the chroot builder has nodocs alone, and its files never have SELinux contexts",
        {"tsflags": ("", "nodocs", "nocontexts", "nocontexts nodocs")},
    ),
    **_unless(Treatment.REFUSED, "what is excluded is always excluded", {"disable_excludes": ("",)}),
    **_unless(
        Treatment.REFUSED,
        "the chroot builder has the repositories of the mock configuration alone",
        {"reposdir": ("/dev/null", "")},
    ),
    **_unless(
        Treatment.WARNED, "write the variables in config_opts['dnf_vars']", {"varsdir": ("/dev/null", "")}
    ),
    **_unless(
        Treatment.WARNED,
        "what no repository has is an error: nothing is left out",
        {"strict": _ON, "skip_broken": _OFF, "skip_missing_names_on_install": _OFF},
    ),
    **_unless(
        Treatment.WARNED,
        "the chroot builder downloads and installs what it needs",
        {"cacheonly": (*_OFF, "none"), "downloadonly": _OFF},
    ),
    **_unless(
        Treatment.WARNED,
        "the chroot builder does not ask whether certificates and keys are revoked",
        {"sslverifystatus": _OFF, "gpgkey_dns_verification": _OFF},
    ),
    **_unless(
        Treatment.WARNED,
        "the chroot builder has no certificates for proxies",
        {
            "proxy_sslverify": _ON,
            **dict.fromkeys(("proxy_sslcacert", "proxy_sslclientcert", "proxy_sslclientkey"), ("",)),
        },
    ),
    **_unless(
        Treatment.WARNED,
        "the chroot builder reads metadata of createrepo alone",
        {"type": ("rpm", "rpm-md", "repomd", "rpmmd", "yum", "yum-mirrors", "")},
    ),
}  # fmt: skip
# Those that dnf heeds in the sections of repositories too.
_OF_REPOSITORIES = frozenset(
    ["enablegroups", "sslverifystatus", "type", *(name for name in _OPTIONS if name.startswith("proxy_"))]
)


def find_unsupported_dnf_options(
    main: Sequence[tuple[str, str]], repositories: Iterable[RepoSection]
) -> tuple[UnsupportedOption, ...]:
    """The options of dnf.conf that the chroot builder does not carry out; those of disabled repositories do nothing."""
    found = list(_check("main", main, honoured=INHERITED_OPTIONS))
    for repository in repositories:
        if repository.enabled:
            found += _check(repository.id, repository.other, honoured=REPOSITORY_OPTIONS)
    return tuple(found)


def _check(
    section: str, options: Iterable[tuple[str, str]], *, honoured: frozenset[str]
) -> Iterator[UnsupportedOption]:
    for name, value in options:
        if name in honoured:
            continue
        option = _OPTIONS.get(name)
        if option is None:
            why, is_error = _describe_unknown(name, section), False
        elif option.treatment is Treatment.WITHOUT_EFFECT or _normalize(value) in option.usual:
            continue
        elif section != "main" and name not in _OF_REPOSITORIES:
            why, is_error = "it counts in [main] alone", False
        else:
            why, is_error = option.why, option.treatment is Treatment.REFUSED
        if why:
            yield UnsupportedOption((_DNF_CONF, section, name), why, is_error)


def _normalize(value: str) -> str:
    """A value as the table has it: 1 and 0 for booleans, the words of a list sorted."""
    flag = read_flag(value) if value.strip() else None
    if flag is not None:
        return str(int(flag))
    return " ".join(sorted(value.replace(",", " ").lower().split()))


def _describe_unknown(name: str, section: str) -> str:
    """What is said of an option that is not in the table; "" for a misspelt one that would do nothing either."""
    if name in REPOSITORY_OPTIONS:
        return "it counts in the sections of repositories alone"
    known = [*_OPTIONS, *(REPOSITORY_OPTIONS if section != "main" else INHERITED_OPTIONS)]
    near = next(iter(find_similar(name, known, cutoff=0.85)), "")
    if near in _OPTIONS and _OPTIONS[near].treatment is Treatment.WITHOUT_EFFECT:
        return ""
    hint = suggest(name, known, cutoff=0.85)
    return "the chroot builder does not know this option" + (f"; {hint}" if hint else "")
