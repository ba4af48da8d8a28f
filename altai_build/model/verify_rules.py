"""The rules of `verify`, as people read about them; altai_build/rules/registry.py has their functions."""

from __future__ import annotations

from functools import partial

from altai_build.model.findings import SHARED_NAMES_RULE, WAIVERS_RULE, Severity
from altai_build.model.release_chain import HISTORY_RULE
from altai_build.model.rule_description import RuleDescription
from altai_build.model.trace import TRACE_RULE

# Of what is true by the design of releases, and of no other program.
_PRINCIPLE = "a principle of altai-build"

APPROVALS_RULE = "approvals"
ROLLBACK_RULE, FORK_RULE, FREEZE_RULE = "rollback", "fork", "freeze"

_verified = partial(RuleDescription, commands=("verify", "release"))
_remembered = partial(RuleDescription, commands=("verify --remember",))

# In the order in which they are applied to a release.
RELEASE_RULES = (
    _verified(
        id="manifest",
        checks="release.json can be read and belongs to this release",
        reason="release.json describes the release and the origin of every package",
        fix="publish the release again as the next version",
        source="the JSON Schema of release.json (`altai-build schema manifest`)",
        subject="release.json",
        other_severities="warning for a release in a folder that is not named after a version",
    ),
    _verified(
        id="keys",
        checks="the release has the public keys that its manifest names, and they are those in repos.yaml",
        reason="clients import the keys in the release",
        fix="compare the RPM-GPG-KEY files with `keys` in repos.yaml",
        source="dnf.conf(5), gpgkey; rpmkeys(8), --import",
        subject="RPM-GPG-KEY-altai",
        other_severities="warning for a form of key file that dnf reads and `rpm --import` refuses, except for EL6",
    ),
    _verified(
        id="metadata-signatures",
        checks="the release's key signed the manifest, the checksums and each repomd.xml",
        reason="clients trust the manifest, the checksums and the metadata because of their signatures",
        fix="restore the file from another copy of the release",
        source="dnf.conf(5), repo_gpgcheck; gpgv(1)",
        subject="centos6/repodata/repomd.xml",
        other_severities="warning for a good signature that is weak, or of a key that has expired since",
    ),
    _verified(
        id="checksums",
        checks="SHA256SUMS lists every file of the release with its SHA-256, and no other",
        reason="SHA256SUMS shows that a copy of the release is complete and unchanged",
        fix="restore the file from another copy of the release",
        source="sha256sum(1)",
        subject="centos6/example-1.0-1.noarch.rpm",
    ),
    _verified(
        id="plain-files",
        checks="everything in the release is a regular file or a folder",
        reason="a link could lead a web server or a mirror out of the release",
        fix="publish the release again as the next version",
        source=_PRINCIPLE,
        subject="centos6/example-1.0-1.noarch.rpm",
    ),
    _verified(
        id="modes",
        checks="every account can read every file and open every folder, and only the owner can change them",
        reason="a web server serves only what it can read, and only the owner may change a release",
        fix="run `chmod -R u=rwX,go=rX` on the folder of the release",
        source="chmod(1)",
        subject="centos6",
    ),
    _verified(
        id="repodata",
        checks="every repository, and the release as a whole, have metadata with the right checksums",
        reason="yum and dnf see only what the metadata lists",
        fix="restore the repodata folder from another copy of the release",
        source="createrepo_c(8)",
        subject="centos6/repodata/repomd.xml",
    ),
    _verified(
        id="packages-listed",
        checks="packages on disk, in the metadata and in the manifest are the same, byte for byte",
        reason="a package that is not listed cannot be installed; a listed package that is missing breaks transactions",
        fix="restore the file from another copy of the release",
        source="createrepo_c(8), which indexes damaged packages and exits with 0",
        subject="centos6/example-1.0-1.noarch.rpm",
    ),
    _verified(
        id="package-signatures",
        checks="the key that the repository declares signed the header and the payload of every package",
        reason="clients install only packages that the repository's own key signed",
        fix="sign the package with the declared key, or get a copy that this key signed, and release again",
        source="rpmkeys(8), --checksig, which exits with 0 for a package without a signature; dnf.conf(5), gpgcheck",
        subject="centos6/example-1.0-1.noarch.rpm",
        other_severities="warning for a good signature that is weak, or of a key that has expired since",
    ),
    _verified(
        id="duplicates",
        checks="one NEVRA names one file",
        reason="a client that sees two files with one NEVRA takes either",
        fix="remove one of the files and release again",
        source="dnf(8), specifying packages",
        subject="example-1.0-1.noarch",
    ),
    _verified(
        id=SHARED_NAMES_RULE,
        checks="packages of one name come from one component",
        reason="of packages of one name, clients take that with the highest version, whichever component it is of",
        fix="give one of the packages another name, or leave one of the components out, and release again",
        source="dnf(8), upgrade",
        subject="example",
    ),
    _verified(
        id="repo-file",
        checks="the .repo file has every repository of binary packages, with signature checks on and keys that exist; "
        "so have .repo files that packages of the release install",
        reason="clients are configured with the .repo file",
        fix="publish the release again as the next version",
        source="dnf.conf(5), yum.conf(5)",
        subject="altai.repo",
        other_severities="warning for what is left to dnf.conf, for sections of other projects, and for a release that "
        "an earlier altai-build made",
    ),
    _verified(
        id="readable",
        checks="the target's rpm and yum know the formats of packages, keys and metadata",
        reason="the target's rpm and yum must be able to read every package, key and metadata file",
        fix="change the macros in the target's mock configuration, or the type of the key, and release again",
        source="rpm 4.8.0 (`rpm --showrc`, lib/rpmds.c) and yum for `compat: el6`; rpm 4.18 otherwise",
        subject="centos6/example-1.0-1.noarch.rpm",
    ),
    _verified(
        id="key-expiry",
        checks="no key of the release expires within `verify.expiry_horizon_days`",
        reason="clients refuse what an expired key signs, and need the next key before that day",
        fix="extend the key, or introduce its successor with the next release",
        source="RFC 9580, key expiration time; librepo refuses expired keys, rpm accepts them",
        subject="RPM-GPG-KEY-altai",
        severity=Severity.WARNING,
        other_severities="error where the key of the metadata has expired and the clients are not those of EL6",
    ),
    _verified(
        id="stray-files",
        checks="every file in the folder is part of the release",
        reason="a file that is not part of the release may come from an attacker",
        fix="find out where the file comes from; restore the release from another copy",
        source=_PRINCIPLE,
        subject="centos6/notes.txt",
    ),
    _verified(
        id="source-packages",
        checks="every package built here has its source package in the release, and every source package has a package",
        reason="the sources of every package built here are published with it",
        fix="publish both packages or neither, and release again",
        source="GPL-2.0, section 3: who distributes binaries distributes their sources",
        subject="centos6/example-1.0-1.noarch.rpm",
        other_severities="warning for a repository that declares no `source_rpms`",
    ),
    _verified(
        id="same-bytes",
        checks="a NEVRA names the bytes that it named in every earlier release",
        reason="a NEVRA never names other bytes: caches, mirrors and installed machines rely on it",
        fix="use the file of the earlier release, or give the new package another version or release number",
        source=_PRINCIPLE,
        subject="centos6/example-1.0-1.noarch.rpm",
        other_severities="warning where the metadata of an earlier release is damaged and its manifest was used",
    ),
    _verified(
        id="closure",
        checks="every package can be installed from the release and the repositories of `targets.NAME.base`",
        reason="a package with unmet dependencies cannot be installed, and blocks the update of others",
        fix="add the missing package (specs/, a mirror, `altai-build deps lock`), or correct the requirement",
        source="libsolv, which dnf(8) resolves with",
        subject="centos6/example-1.0-1.noarch.rpm",
        other_severities="warning where `base` is not configured or not available",
    ),
    _verified(
        id="file-conflicts",
        checks="no two packages that can be installed together have different files at one path",
        reason="rpm refuses to install two packages with different files at one path",
        fix="move one of the files, or declare Conflicts: or Obsoletes: if the packages exclude each other",
        source="rpm(8), --replacefiles",
        subject="centos6/example-1.0-1.noarch.rpm",
        other_severities="warning where the files of `base` could not be compared",
    ),
    _verified(
        id="permissions",
        checks="new setuid and world-writable files, and files in unusual folders, are reviewed",
        reason="setuid, world-writable and unusually placed files need a review before they are installed",
        fix="review the file; if it is wanted, add a waiver to repos.yaml",
        source="the Filesystem Hierarchy Standard 3.0; rpmlint, setuid-binary and world-writable",
        subject="centos6/example-*",
        severity=Severity.WARNING,
    ),
    _verified(
        id="provenance",
        checks="both bills of materials list exactly the packages of the release, and each package built here has a "
        "statement of its build",
        reason="auditors read in provenance/ what each package was built from",
        fix="restore the provenance folder from another copy of the release",
        source="SPDX 2.3, CycloneDX 1.6, in-toto Statement v1 with SLSA Provenance v1",
        subject="provenance/release.spdx.json",
        other_severities="warning for a release that an earlier altai-build made without these files, and "
        "for a weak signature",
    ),
)
OTHER_VERIFY_RULES = (
    RuleDescription(
        id=WAIVERS_RULE,
        commands=("verify", "release"),
        checks="every waiver names a rule that there is, and is still valid",
        reason="a waiver that waives nothing hides that a finding counts again",
        fix="correct the rule's name, fix the cause, or extend the waiver in repos.yaml",
        source=_PRINCIPLE,
        subject="permissions: centos6/example-*",
        severity=Severity.WARNING,
    ),
    RuleDescription(
        id=APPROVALS_RULE,
        commands=("verify", "promote"),
        checks="as many persons as `release.approvals` wants have signed the release",
        reason="a channel shows only what several persons agreed to",
        fix="review the release, then approve it: `altai-build approve VERSION --key NAME`",
        source=_PRINCIPLE,
        subject="1.0.2",
        other_severities="warning for a signature that does not count",
    ),
    RuleDescription(
        id=TRACE_RULE,
        commands=("verify --deep",),
        checks="each package leads to a commit that the superproject pins: signature, header, source package, "
        "component, gitlink, branch or tag",
        reason="an auditor wants a proof, not the word of whoever built the packages",
        fix="compare the package with the commit that the finding names",
        source="SLSA v1.0, source and build tracks",
        subject="centos6/example-1.0-1.noarch.rpm",
        other_severities="warning for a step that was examined and proves nothing",
    ),
    RuleDescription(
        id=HISTORY_RULE,
        commands=("verify --history",),
        checks="every file of every release is as its checksums say, and releases form the chain that was published",
        reason="a signed release vouches for all that it follows",
        fix="restore the release from another copy",
        source="The Update Framework 1.0, arbitrary software and mix-and-match attacks",
        subject="1.0.1",
        other_severities="warning for releases that no other names; note where there is no `latest`",
    ),
    _remembered(
        id=ROLLBACK_RULE,
        checks="the release is not older than one that was seen before",
        reason="the signatures of an older release are as good as those of the newest",
        fix="find out who put the older release back; if that was intended, remove FILE",
        source="The Update Framework 1.0, rollback attacks",
        subject="1.0.1",
    ),
    _remembered(
        id=FORK_RULE,
        checks="the release follows the one that was seen before, and has the same content as then",
        reason="whoever holds the key can sign two different histories",
        fix="compare with another copy of the releases",
        source="Certificate Transparency (RFC 6962), split views",
        subject="1.0.2",
        other_severities="warning where the release seen before was not part of a chain",
    ),
    _remembered(
        id=FREEZE_RULE,
        checks="the time by which the release expects its successor has not passed",
        reason="a server can keep showing an old release",
        fix="look for a newer release in another copy; without one, whoever makes the releases is late",
        source="The Update Framework 1.0, indefinite freeze attacks",
        subject="1.0.2",
    ),
)
