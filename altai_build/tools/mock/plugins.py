"""mock's plugins: their default settings, and those that the chroot builder does not carry out."""

from __future__ import annotations

from typing import Any

PLUGINS = (
    "tmpfs", "root_cache", "yum_cache", "mount", "bind_mount", "ccache", "selinux", "package_state", "chroot_scan",
    "lvm_root", "compress_logs", "sign", "pm_request", "hw_info", "procenv", "showrc", "rpkg_preprocessor",
    "rpmautospec", "buildroot_lock", "export_buildroot_image", "unbreq", "expand_spec", "system_monitor", "overlayfs",
)  # fmt: skip
_DEFAULT_PLUGINS = (
    "root_cache", "yum_cache", "mount", "bind_mount", "selinux", "package_state", "hw_info",
)  # fmt: skip
# What the other plugins do concerns mock's speed, its disk and what it reports.
REFUSED_PLUGIN_SETTINGS = {
    "bind_mount_opts": "it shows directories of the host to builds",
    "mount_opts": "it mounts file systems into the chroot",
    "pm_request_enable": "it lets builds install packages",
    "rpkg_preprocessor_enable": "it changes specs before they are built",
    "rpmautospec_enable": "it changes specs before they are built",
}


_PLUGIN_OPTIONS: dict[str, dict[str, Any]] = {
    "bind_mount": {"dirs": [], "create_dirs": False},
    "mount": {"dirs": []},
    "ccache": {
        "max_cache_size": "4G",
        "compress": None,
        "dir": "{{cache_topdir}}/{{root}}/ccache/u{{chrootuid}}/",
        "hashdir": True,
        "debug": False,
        "show_stats": False,
    },
    "yum_cache": {"max_age_days": 30, "max_metadata_age_days": 30, "online": True},
    "root_cache": {
        "age_check": True,
        "max_age_days": 15,
        "dir": "{{cache_topdir}}/{{root}}/root_cache/",
        "compress_program": "pigz",
        "decompress_program": None,
        "exclude_dirs": [
            f"./{name}"
            for name in ("proc", "sys", "dev", "tmp/ccache", "var/cache/yum", "var/cache/dnf", "var/log")
        ],
        "extension": ".gz",
    },
    "tmpfs": {"required_ram_mb": 900, "max_fs_size": None, "mode": "0755", "keep_mounted": False},
    "package_state": {"available_pkgs": False, "installed_pkgs": True},
    "lvm_root": {"pool_name": "mockbuild"},
    "chroot_scan": {
        "regexes": [r"^[^k]?core(\.\d+)?$", r"\.log$"],
        "only_failed": True,
        "write_tar": False,
    },
    "sign": {"cmd": "rpmsign", "opts": "--addsign %(rpms)s"},
    "compress_logs": {"command": "gzip"},
    "rpkg_preprocessor": {
        "requires": ["preproc-rpmspec"],
        "cmd": "/usr/bin/preproc-rpmspec %(source_spec)s --output %(target_spec)s",
    },
    "rpmautospec": {"requires": ["rpmautospec"], "cmd_base": ["/usr/bin/rpmautospec", "process-distgit"]},
    "unbreq": {"exclude_accessed_files": []},
    "expand_spec": {"rpmspec_opts": []},
    "system_monitor": {"interval": 2},
}

SCM_OPTIONS = {
    "method": "git",
    "cvs_get": "cvs -d /srv/cvs co SCM_BRN SCM_PKG",
    "git_get": "git clone SCM_BRN git://localhost/SCM_PKG.git SCM_PKG",
    "svn_get": "svn co file:///srv/svn/SCM_PKG/SCM_BRN SCM_PKG",
    "distgit_get": "rpkg clone -a --branch SCM_BRN SCM_PKG SCM_PKG",
    "distgit_src_get": "rpkg sources",
    "spec": "SCM_PKG.spec",
    "int_src_dir": None,
    "ext_src_dir": "/dev/null",
    "write_tar": False,
    "git_timestamps": False,
    "exclude_vcs": True,
}


def plugin_defaults() -> dict[str, Any]:
    """plugin_conf: for each plugin whether it is enabled, and its options."""
    settings: dict[str, Any] = {f"{name}_enable": name in _DEFAULT_PLUGINS for name in PLUGINS}
    settings.update({f"{name}_opts": _PLUGIN_OPTIONS.get(name, {}) for name in PLUGINS})
    return settings
