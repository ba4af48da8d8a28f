"""Every option of mock's configuration: its default, and what the chroot builder does with it.

The list is that of mock 6 (setup_default_config_opts in mockbuild/config.py, site-defaults.cfg). mock itself carries
out all of it; the chroot builder says here what it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from altai_build.tools.mock.plugins import PLUGINS, SCM_OPTIONS, plugin_defaults


class Treatment(Enum):
    """What an option means to the chroot builder."""

    HONOURED = "honoured"
    # No package differs by it, whichever builder makes it: it is not part of build keys.
    WITHOUT_EFFECT = "without effect"
    # It says how mock does what the chroot builder does in its own way.
    MOCK_ONLY = "mock only"
    # A build that depends on it fails, or its chroot differs in what packages seldom see.
    WARNED = "warned"
    # Packages may differ by it: the chroot builder does not build with it.
    REFUSED = "refused"


@dataclass(frozen=True)
class Option:
    """One option; `default` is UNSET where mock sets none."""

    treatment: Treatment
    why: str
    default: Any


UNSET: Any = object()


def _group(treatment: Treatment, why: str, options: Mapping[str, Any]) -> dict[str, Option]:
    return {name: Option(treatment, why, default) for name, default in options.items()}


def _unset(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, UNSET)


_ALLOW_ERASING = ["--setopt=deltarpm=False", "--setopt=allow_vendor_change=yes", "--allowerasing"]
_PACKAGE_MANAGERS = {
    "yum_command": "/usr/bin/yum",
    "yum_system_command": "/usr/bin/yum",
    "yum_install_command": "install yum yum-utils",
    "yum_builddep_command": "/usr/bin/yum-builddep",
    "yum_disable_plugins": UNSET,
    "yum_avoid_opts": {},
    "dnf4_command": "/usr/bin/dnf-3",
    "dnf4_system_command": "/usr/bin/dnf-3",
    "dnf4_install_command": "install python3-dnf python3-dnf-plugins-core",
    "dnf4_disable_plugins": ["local", "spacewalk", "versionlock"],
    "dnf4_avoid_opts": {},
    "dnf5_command": "/usr/bin/dnf5",
    "dnf5_system_command": "/usr/bin/dnf5",
    "dnf5_install_command": "install dnf5 dnf5-plugins",
    "dnf5_disable_plugins": [],
    "dnf5_avoid_opts": {
        name: ["--allowerasing"]
        for name in ("remove", "repoquery", "makecache", "search", "info", "download")
    },
    "microdnf_command": "/usr/bin/microdnf",
    "microdnf_system_command": UNSET,
    "microdnf_install_command": "dnf-install microdnf dnf dnf-plugins-core",
    "microdnf_builddep_command": "/usr/bin/dnf",
    "microdnf_disable_plugins": UNSET,
    "microdnf_avoid_opts": {},
}
PACKAGE_MANAGER_OPTIONS = {
    "yum_common_opts": [],
    "yum_builddep_opts": [],
    "dnf4_common_opts": _ALLOW_ERASING,
    "dnf4_builddep_opts": UNSET,
    "dnf5_common_opts": _ALLOW_ERASING,
    "dnf5_builddep_opts": UNSET,
    "microdnf_common_opts": [],
    "microdnf_builddep_opts": [],
}

OPTIONS: dict[str, Option] = {
    **_group(
        Treatment.HONOURED,
        "",
        {
            "target_arch": "i386",
            "legal_host_arches": UNSET,
            "chroot_setup_cmd": ("groupinstall", "buildsys-build"),
            "chroot_additional_packages": [],
            "dnf.conf": UNSET,
            "dnf_vars": {},
            "releasever": None,
            "repo_arch": None,
            "repo_arch_map": {},
            "environment": {
                "TERM": "vt100",
                "SHELL": "/bin/bash",
                "HOME": "/builddir",
                "HOSTNAME": "mock",
                "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                "PROMPT_COMMAND": r'printf "\033]0;<mock-chroot>\007"',
                "PS1": r"<mock-chroot> \s-\v\$ ",
                "LANG": "C.UTF-8",
            },
            "macros": {
                "%_topdir": "/builddir/build",
                "%_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
            },
            "rpmbuild_arch": None,
            "rpmbuild_command": "/usr/bin/rpmbuild",
            "rpmbuild_opts": UNSET,
            "check": True,
            "more_buildreqs": {},
            "files": {},
            "extra_chroot_dirs": [],
            "plugin_conf": plugin_defaults(),
        },
    ),
    **_group(
        Treatment.WITHOUT_EFFECT,
        "a name, a place of mock's own files, or what mock logs",
        {
            "root": UNSET,
            "description": UNSET,
            "basedir": "/var/lib/mock",
            "rootdir": "{{basedir}}/{{root}}/root",
            "resultdir": "{{basedir}}/{{root}}/result",
            "cache_topdir": "/var/cache/mock",
            "backup_base_dir": "{{basedir}}/backup",
            "backup_on_clean": False,
            "log_config_file": "logging.ini",
            "build_log_fmt_name": "unadorned",
            "root_log_fmt_name": "detailed",
            "state_log_fmt_name": "state",
            **_unset("build_log_fmt_str", "root_log_fmt_str", "state_log_fmt_str"),
            **_unset("print_main_output", "dnf_warning", "docker_unshare_warning"),
            "stderr_line_prefix": "",
            "no-config": {},
            "no_root_shells": False,
            "user_agent": "Mock ({{ root }}; {{ target_arch }})",
            "verbose": UNSET,
            "mock_run_uuid": "",
        },
    ),
    **_group(
        Treatment.WITHOUT_EFFECT,
        "how long mock waits and what it cleans up",
        {
            "cleanup_on_success": True,
            "cleanup_on_failure": True,
            "package_manager_max_attempts": 1,
            "package_manager_attempt_delay": 10,
            "opstimeout": 0,
            # Honoured as a limit, which is no part of build keys.
            "rpmbuild_timeout": 0,
        },
    ),
    **_group(
        Treatment.MOCK_ONLY,
        "it says how mock installs, isolates and caches its chroots",
        {
            "version": "6",
            "package_manager": "dnf",
            "isolation": None,
            "use_nspawn": None,
            "nspawn_args": ["--capability=cap_ipc_lock"],
            "seccomp": False,
            "use_host_resolv": False,
            "use_bootstrap": True,
            "use_bootstrap_container": UNSET,
            "use_bootstrap_image": True,
            "bootstrap_image": "fedora:latest",
            "bootstrap_image_ready": False,
            "bootstrap_image_skip_pull": False,
            "bootstrap_image_fallback": True,
            "bootstrap_image_keep_getting": 120,
            "bootstrap_image_pull_timeout": 120,
            "bootstrap_image_assert_digest": None,
            "bootstrap_chroot_additional_packages": [],
            "bootstrap_module_enable": [],
            "bootstrap_module_install": [],
            "bootstrap_module_setup_commands": [],
            "plugins": list(PLUGINS),
            "plugin_dir": UNSET,
            "clean": True,
            "online": True,
            "update_before_build": True,
            "nosync": False,
            "nosync_force": False,
            "rpm_command": "/bin/rpm",
            "internal_dev_setup": True,
            "dev_loop_count": 12,
            "exclude_from_homedir_cleanup": ["build/SOURCES", ".bash_history", ".bashrc"],
            "tar_binary": "/bin/tar",
            "tar": "gnutar",
            "useradd": UNSET,
            "use_host_shadow_utils": True,
            "shadow_utils_isolation_option": "--prefix",
            "recursion_limit": 5000,
            "static_buildrequires_max_loops": 10,
            "dynamic_buildrequires_max_loops": 10,
            "oci_platform_map": {
                "x86_64_v2": "linux/amd64/v2",
                "x86_64_v3": "linux/amd64/v3",
                "x86_64_v4": "linux/amd64/v4",
            },
            "qemu_user_static_mapping": {"armv7hl": "arm", "i686": "i386"},
            **_PACKAGE_MANAGERS,
        },
    ),
    **_group(
        Treatment.MOCK_ONLY,
        "it concerns what mock does before or after a build: checkouts, repositories, locks",
        {
            "scm": False,
            "scm_opts": SCM_OPTIONS,
            "createrepo_on_rpms": False,
            "createrepo_command": "/usr/bin/createrepo_c -d -q -x *.src.rpm",
            "calculatedeps": None,
            "hermetic_build": False,
            **_unset("local_repo_dir", "offline_local_repository", "enable_disable_repos"),
            **_unset("cache_alterations", "uniqueext", "unique-ext"),
        },
    ),
    **_group(
        Treatment.MOCK_ONLY,
        "it serves access to the network, which builds do not have",
        {
            "ssl_ca_bundle_path": None,
            "ssl_copied_ca_trust_dirs": [
                ("/etc/pki/ca-trust", "/etc/pki/ca-trust"),
                ("/usr/share/pki/ca-trust-source", "/usr/share/pki/ca-trust-source"),
            ],
            "ssl_extra_certs": None,
            **_unset("http_proxy", "https_proxy", "ftp_proxy", "no_proxy"),
        },
    ),
    **_group(
        Treatment.MOCK_ONLY,
        "host name and numbers of the build user are fixed, so that packages are the same on every machine",
        {
            "hostname": None,
            "use_container_host_hostname": True,
            "host_arch": UNSET,
            # mock takes the numbers of the user who runs it; no package depends on them.
            "chrootuid": 1000,
            "chrootgid": 135,
            "chrootuser": "mockbuild",
            "chrootgroup": "mock",
        },
    ),
    **_group(
        Treatment.WARNED,
        "builds of the chroot builder never reach the network",
        {"rpmbuild_networking": False},
    ),
    **_group(
        Treatment.WARNED,
        "the chroot builder does not install packages after a build to try them",
        {"post_install": False},
    ),
    **_group(
        Treatment.REFUSED,
        "write it in [main] of dnf.conf: the chroot builder runs no package manager",
        {**PACKAGE_MANAGER_OPTIONS, "priorities.conf": "\n[main]\nenabled=0", "additional_packages": None},
    ),
    **_group(
        Treatment.REFUSED,
        "the chroot builder knows no modules",
        {"module_enable": [], "module_install": [], "module_setup_commands": []},
    ),
    **_group(
        Treatment.REFUSED,
        "the chroot builder has no client certificates for subscribed repositories",
        {
            "redhat_subscription_required": False,
            "rhnplugin.conf": "\n[main]\nenabled=0",
            "subscription-manager.conf": "",
        },
    ),
    **_group(
        Treatment.REFUSED,
        "the chroot builder makes its chroots from packages of the repositories alone",
        {
            "external_buildrequires": False,
            "use_buildroot_image": False,
            "buildroot_image": None,
            "buildroot_image_skip_pull": False,
            "buildroot_image_ready": False,
            "buildroot_image_fallback": False,
            "buildroot_image_keep_getting": 120,
            "buildroot_image_pull_timeout": 120,
            "buildroot_image_assert_digest": None,
            "copy_host_users": [],
        },
    ),
    **_group(
        Treatment.REFUSED,
        "the chroot builder builds in /builddir, for the machine's own architecture",
        {"chroothome": "/builddir", "forcearch": None},
    ),
    **_group(Treatment.REFUSED, "write the macros in config_opts['macros']", {"macrofile": UNSET}),
    **_group(
        Treatment.REFUSED,
        "the chroot builder always runs all of %generate_buildrequires, %prep, %build and %install",
        {"dynamic_buildrequires": True, "short_circuit": UNSET},
    ),
}

# Older names of the same options (mockbuild/config.py, setup_default_config_opts).
ALIASES: dict[str, str] = {
    **dict.fromkeys(("yum.conf", "dnf5.conf", "dnf4.conf"), "dnf.conf"),
    **{
        f"dnf_{name}": f"dnf4_{name}"
        for name in (
            "command",
            "common_opts",
            "install_command",
            "disable_plugins",
            "avoid_opts",
            "builddep_opts",
        )
    },
    **{
        f"system_{manager}_command": f"{manager}_system_command"
        for manager in ("dnf4", "dnf5", "yum", "microdnf")
    },
    "system_dnf_command": "dnf4_system_command",
}


def default_options() -> dict[str, Any]:
    """What mock sets before it reads a file."""
    return {name: option.default for name, option in OPTIONS.items() if option.default is not UNSET}


def without_effect(name: str) -> bool:
    """Whether no package differs by an option."""
    return name in OPTIONS and OPTIONS[name].treatment is Treatment.WITHOUT_EFFECT
