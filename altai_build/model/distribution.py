"""Distributions that packages are built for: macros, repositories, keys, and what a buildroot starts with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from altai_build.model.fedora_keys import FEDORA_KEYS

# The newest Fedora whose packages are only in the archive. Later ones move there about 13 months after their release;
# a metalink finds them wherever they are.
_LAST_ARCHIVED_FEDORA = 41
_FIRST_FEDORA, _LAST_FEDORA = 8, 99
_ARCHIVE = "https://archives.fedoraproject.org/pub/archive"
_METALINK = "https://mirrors.fedoraproject.org/metalink?arch=$basearch&repo="
_EPEL_KEYS = "https://dl.fedoraproject.org/pub/epel/"
_ALMA = "https://repo.almalinux.org/almalinux"
_OPENSUSE = "https://download.opensuse.org"
# Of the project, since 2022.
_OPENSUSE_KEY = "AD485664E901B867051AB15F35A2F86E29B700A4"
# The package of Fedora and EPEL with the keys of all distributions.
KEYS_PACKAGE = "distribution-gpg-keys"
KEYS_DIRECTORY = f"/usr/share/{KEYS_PACKAGE}"
_EL_SETUP = (
    "bash bzip2 coreutils cpio diffutils findutils gawk gcc gcc-c++ grep gzip info make patch redhat-rpm-config "
    "rpm-build sed shadow-utils tar unzip which xz"
)


@dataclass(frozen=True)
class DistributionKey:
    """A public key of a distribution, by the name of its file; `fingerprints` are those of its primary keys.

    `url` is where the distribution publishes it, "" where that is not known; `installed` is its path in the package
    distribution-gpg-keys.
    """

    name: str
    file: str
    url: str
    installed: str
    fingerprints: tuple[str, ...] = ()

    @property
    def installed_path(self) -> str:
        """Where that package installs it."""
        return f"{KEYS_DIRECTORY}/{self.installed}"


@dataclass(frozen=True)
class PackageSource:
    """A repository of a distribution; `listing` is `url` or `metalink`, `key` a name among the distribution's keys.

    `mirror` is the folder of a release that mirrors it, "" for a repository that machines have, or that only buildroots
    use.
    """

    name: str
    title: str
    listing: str
    url: str
    key: str
    mirror: str = ""


@dataclass(frozen=True)
class Distribution:
    """What packages are built for. `base` is what machines have; `more` are further repositories.

    `setup` are the packages of a buildroot; `options` are further options of mock, by name; `remark` is what a person
    should know.
    """

    id: str
    title: str
    macros: tuple[tuple[str, str], ...]
    base: tuple[PackageSource, ...]
    more: tuple[PackageSource, ...]
    keys: tuple[DistributionKey, ...]
    setup: str
    options: tuple[tuple[str, str], ...]
    remark: str = ""

    @property
    def uses_yum(self) -> bool:
        """Whether mock's options are those of yum."""
        return ("package_manager", "yum") in self.options


def _url(name: str, title: str, url: str, key: str, mirror: str = "") -> PackageSource:
    return PackageSource(name, title, "url", url, key, mirror)


def _metalink(name: str, title: str, repository: str, key: str, mirror: str = "") -> PackageSource:
    return PackageSource(name, title, "metalink", f"{_METALINK}{repository}", key, mirror)


def _epel_key(number: int, fingerprint: str) -> DistributionKey:
    file = f"RPM-GPG-KEY-EPEL-{number}"
    return DistributionKey(f"epel{number}", file, f"{_EPEL_KEYS}{file}", f"epel/{file}", (fingerprint,))


def _old_centos(
    number: int, minor: str, fingerprint: str, epel: str, options: tuple[tuple[str, str], ...]
) -> Distribution:
    """CentOS 6 and 7: ended, all packages are in the vault, those of EPEL in the archive of Fedora."""
    file, key = f"RPM-GPG-KEY-CentOS-{number}", f"centos{number}"
    vault = f"https://vault.centos.org/{minor}"
    return Distribution(
        id=key,
        title=f"CentOS {number}",
        macros=(("dist", f".el{number}"), ("rhel", str(number)), ("centos", str(number))),
        base=(_url("os", f"CentOS {minor} - Base", f"{vault}/os/$basearch/", key),),
        more=(
            _url(
                "updates",
                f"CentOS {minor} - Updates",
                f"{vault}/updates/$basearch/",
                key,
                f"deps/{key}-updates",
            ),
            _url("extras", f"CentOS {minor} - Extras", f"{vault}/extras/$basearch/", key),
            _url(
                "epel", f"EPEL {number}", f"{_ARCHIVE}/epel/{number}/$basearch/", f"epel{number}", "deps/epel"
            ),
        ),
        keys=(
            DistributionKey(key, file, f"https://vault.centos.org/{file}", f"centos/{file}", (fingerprint,)),
            _epel_key(number, epel),
        ),
        setup=f"{_EL_SETUP} {'util-linux-ng' if number == 6 else 'util-linux'}",
        options=(("package_manager", "yum"), *options),
        remark=f"CentOS {number} has ended: its packages come from the vault and do not change any more.",
    )


def _alma(number: int, builder_repository: str, key: tuple[str, ...], epel: str) -> Distribution:
    """AlmaLinux, for Enterprise Linux 8 and later: free, with public repositories."""
    file, name = f"RPM-GPG-KEY-AlmaLinux-{number}", f"alma{number}"

    def source(id: str, title: str) -> PackageSource:
        return _url(id, f"AlmaLinux {number} - {title}", f"{_ALMA}/{number}/{title}/$basearch/os/", name)

    return Distribution(
        id=f"el{number}",
        title=f"Enterprise Linux {number} (AlmaLinux)",
        macros=(("dist", f".el{number}"), ("rhel", str(number))),
        base=(source("baseos", "BaseOS"), source("appstream", "AppStream")),
        more=(
            source(builder_repository.lower(), builder_repository),
            _metalink("epel", f"EPEL {number}", f"epel-{number}", f"epel{number}", "deps/epel"),
        ),
        keys=(
            DistributionKey(name, file, f"{_ALMA}/{file}", f"alma/{file}", key),
            _epel_key(number, epel),
        ),
        setup=f"{_EL_SETUP} epel-rpm-macros glibc-minimal-langpack redhat-release util-linux",
        options=(("package_manager", "dnf4"),),
        remark="The repositories are those of AlmaLinux; Rocky Linux and CentOS Stream have the same layout.",
    )


def _fedora(number: int) -> Distribution:
    name = f"fedora{number}"
    file = f"RPM-GPG-KEY-fedora-{number}-primary"
    fingerprints = (FEDORA_KEYS[number],) if number in FEDORA_KEYS else ()
    if number <= _LAST_ARCHIVED_FEDORA:
        linux = f"{_ARCHIVE}/fedora/linux"
        base = _url("fedora", f"Fedora {number}", f"{linux}/releases/{number}/Everything/$basearch/os/", name)
        everything = "Everything/" if number >= 28 else ""
        updates = _url(
            "updates", f"Fedora {number} - Updates", f"{linux}/updates/{number}/{everything}$basearch/", name
        )
        remark = f"Fedora {number} has ended: its packages come from the archive and do not change any more."
        published = ""
    else:
        base = _metalink("fedora", f"Fedora {number}", f"fedora-{number}", name)
        updates = _metalink("updates", f"Fedora {number} - Updates", f"updates-released-f{number}", name)
        remark = "A Fedora gets updates for about 13 months; then name the next one."
        published = "https://fedoraproject.org/fedora.gpg"
    return Distribution(
        id=f"fedora-{number}",
        title=f"Fedora {number}",
        macros=(("dist", f".fc{number}"), ("fedora", str(number))),
        base=(base,),
        more=(
            PackageSource(updates.name, updates.title, updates.listing, updates.url, name, "deps/updates"),
        ),
        keys=(DistributionKey(name, file, published, f"fedora/{file}", fingerprints),),
        setup=f"{_EL_SETUP} fedora-release glibc-minimal-langpack util-linux",
        options=(("package_manager", "dnf4"),),
        remark=remark,
    )


def _opensuse(id: str, title: str, dist: str, base: str, updates: str, keys: str) -> Distribution:
    more = (_url("update", f"{title} - Updates", updates, "opensuse", "deps/updates"),) if updates else ()
    return Distribution(
        id=id,
        title=title,
        macros=(("dist", dist),) if dist else (),
        base=(_url("oss", f"{title} - OSS", base, "opensuse"),),
        more=more,
        keys=(DistributionKey("opensuse", "RPM-GPG-KEY-openSUSE", "", keys, (_OPENSUSE_KEY,)),),
        setup="patterns-devel-base-devel_rpm_build",
        options=(("package_manager", "dnf4"),),
        remark="openSUSE signs with several keys: put them all into one file, as mock's own configuration lists them.",
    )


_KNOWN = {
    one.id: one
    for one in (
        _old_centos(
            6,
            "6.10",
            "C1DAC52D1664E8A4386DBA430946FCA2C105B9DE",
            "8C3BE96AF2309184DA5C0DAE3B49DF2A0608B895",
            (
                # Without this setting mock asks for confirmation before it uses dnf for yum.
                ("dnf_warning", "False"),
                # systemd-nspawn does not work with a root this old.
                ("isolation", "simple"),
            ),
        ),
        _old_centos(
            7,
            "7.9.2009",
            "6341AB2753D78A78A7C27BB124C6A8A7F4A80EB5",
            "91E97D7C4A5E96F17F3E888F6A2FAEA2352C64E5",
            (("dnf_warning", "False"),),
        ),
        _alma(
            8,
            "PowerTools",
            ("5E9B8F5617B5066CE92057C3488FCF7C3ABB34F8", "BC5EDDCADF502C077F1582882AE81E8ACED7258B"),
            "94E279EB8D8F25B21810ADF121EA45AB2F86D6A1",
        ),
        _alma(
            9,
            "CRB",
            ("BF18AC2876178908D6E71267D36CB86CB86B3716",),
            "FF8AD1344597106ECE813B918A3872BF3228467C",
        ),
        _alma(
            10,
            "CRB",
            ("EE6DB7B98F5BF5EDD9DA0DE5DEE5C11CC2A1E572",),
            "7D8D15CBFC4E62688591FB2633D98517E37ED158",
        ),
        _opensuse(
            "opensuse-leap-15.6",
            "openSUSE Leap 15.6",
            ".suse.lp156",
            f"{_OPENSUSE}/distribution/leap/15.6/repo/oss/",
            f"{_OPENSUSE}/update/leap/15.6/oss/",
            "opensuse/RPM-GPG-KEY-openSUSE-2022",
        ),
        _opensuse(
            "opensuse-leap-16.0",
            "openSUSE Leap 16.0",
            ".suse.lp160",
            f"{_OPENSUSE}/distribution/leap/16.0/repo/oss/",
            "",
            "opensuse/RPM-GPG-KEY-openSUSE-2022",
        ),
        _opensuse(
            "opensuse-tumbleweed",
            "openSUSE Tumbleweed",
            "",
            f"{_OPENSUSE}/tumbleweed/repo/oss/",
            "",
            "opensuse/RPM-GPG-KEY-openSUSE-Tumbleweed",
        ),
    )
}
_ALIASES = {"el6": "centos6", "el7": "centos7"}


def list_distributions() -> tuple[str, ...]:
    """The ids that `find_distribution` knows, with `fedora-N` for each Fedora."""
    return (*_KNOWN, "fedora-N")


def find_distribution(id: str) -> Distribution | None:
    """The distribution of an id such as `centos6`, `el9`, `fedora-44` or `opensuse-tumbleweed`; None for another."""
    fedora = re.fullmatch(r"fedora-?([1-9]\d?)", id)
    if fedora and _FIRST_FEDORA <= int(fedora[1]) <= _LAST_FEDORA:
        return _fedora(int(fedora[1]))
    return _KNOWN.get(_ALIASES.get(id, id))


def find_key_of_file(name: str) -> DistributionKey | None:
    """The key of a distribution whose file has this name, or None."""
    fedora = re.fullmatch(r"RPM-GPG-KEY-fedora-([1-9]\d?)-primary", name)
    known = [*_KNOWN.values(), *([_fedora(int(fedora[1]))] if fedora else [])]
    return next((key for one in known for key in one.keys if key.file == name), None)


def describe_key_source(key: DistributionKey) -> str:
    """Where the file of a key is, and the fingerprints to compare."""
    package = f"the package {KEYS_PACKAGE} has it as {key.installed_path}"
    place = f"{key.url}, or {package}" if key.url else package
    many = "fingerprints" if len(key.fingerprints) > 1 else "fingerprint"
    spaced = " and ".join(key.fingerprints)
    return (
        f"{place}; {many} {spaced}" if spaced else f"{place}; compare its fingerprint with the published one"
    )
