"""The rules of `upgrade-check`, as people read about them."""

from __future__ import annotations

from functools import partial

from altai_build.model.findings import Severity
from altai_build.model.rule_description import RuleDescription

_UPDATE = "dnf(8), upgrade; yum(8), update"
_OBSOLETES = "the manual of rpm, dependencies: Obsoletes"
_PRINCIPLE = "a principle of altai-build: what was not checked is named"

_rule = partial(
    RuleDescription, commands=("upgrade-check", "release", "promote"), source=_UPDATE, subject="example"
)

UPGRADE_RULES = (
    _rule(
        id="downgrade",
        checks="no earlier release has a higher version of a package",
        reason="the earlier release has a higher version, which stays installed",
        fix="set the `Epoch:` that the finding names, or declare the package in `allow_downgrades`",
        other_severities="note where `allow_downgrades` has the package",
    ),
    _rule(
        id="left-behind",
        checks="every installed package is updated to the version of the new release",
        reason="an older version stays installed, because the new one cannot be installed",
        fix="fix the dependency that the finding names; obsolete the old package that conflicts",
    ),
    _rule(
        id="file-conflict",
        checks="no new package has other files at the paths of a package that stays installed",
        reason="rpm refuses the whole update where a new package and one that stays have different files at one path",
        fix="obsolete the package that stays, or move the files",
        source="rpm(8), --replacefiles",
    ),
    _rule(
        id="lost",
        checks="no package is removed without a successor",
        reason="the package is removed and nothing replaces it",
        fix="add an `Obsoletes:` to the package that replaces it",
    ),
    _rule(
        id="obsoleted",
        checks="no package of the new release obsoletes another one of it",
        reason="the new release contains the package, and another one that obsoletes it",
        fix="give the `Obsoletes:` an upper bound",
        source=_OBSOLETES,
    ),
    _rule(
        id="obsoletes-loop",
        checks="packages do not obsolete each other",
        reason="packages that obsolete each other are exchanged with every update",
        fix="give the `Obsoletes:` an upper bound",
        source=_OBSOLETES,
    ),
    _rule(
        id="replaced",
        checks="neither the operating system nor an upstream has a package that replaces one of the release",
        reason="the operating system, or the upstream of a mirror, has a newer package or one that obsoletes it, so "
        "`update` installs that",
        fix="raise the epoch, or leave the package to the operating system",
        other_severities="warning for packages that are not built here but replaced by `base`, and for built ones that "
        "an upstream replaces; else note",
    ),
    _rule(
        id="unstable",
        checks="a second update changes nothing",
        reason="a machine that is updated every night would change every night",
        fix="find out which packages obsolete each other",
    ),
    _rule(
        id="update",
        checks="the package manager can update the machine",
        reason="the package manager would change nothing at all",
        fix="fix the dependencies that the finding names",
        subject="1.0.2",
    ),
    _rule(
        id="distro-sync",
        checks="distro-sync reaches the new release where a downgrade is declared",
        reason="distro-sync ends elsewhere too, or is refused",
        fix="fix the dependencies that the finding names",
        source="dnf(8), distro-sync",
    ),
    _rule(
        id="left-over",
        checks="packages that the new release does not contain are obsoleted",
        reason="the new release does not contain the package any more, and it stays installed",
        fix="if it should be removed, add the `Obsoletes:` that the finding names",
        severity=Severity.WARNING,
        source=_OBSOLETES,
    ),
    _rule(
        id="vendor-change",
        checks="a package keeps its vendor",
        reason="a package of another vendor replaces it; some package managers do not allow that",
        fix="build it with the same `Vendor:`",
        severity=Severity.WARNING,
        source="zypper(8), vendor change",
    ),
    _rule(
        id="arch-change",
        checks="a package keeps its architecture",
        reason="the architecture changes",
        fix="raise the release number where the version is the same",
        severity=Severity.NOTE,
        other_severities="warning where the old package stays installed",
    ),
    _rule(
        id="nothing-installable",
        checks="packages of each earlier release can be installed, so that there is something to upgrade",
        reason="no package of the earlier release can be installed, so nothing was checked",
        fix="correct `base`; waive it if no machine has the release",
        subject="1.0.1",
        source=_PRINCIPLE,
        other_severities="warning where `base` is unknown or the release is empty",
    ),
    _rule(
        id="unreadable",
        checks="every earlier release can be read",
        reason="an earlier release cannot be read, so upgrades from it were not checked",
        fix="restore it from another copy, or waive it",
        subject="1.0.1",
        source=_PRINCIPLE,
    ),
    _rule(
        id="metadata",
        checks="the metadata of every earlier release is intact",
        reason="the metadata of an earlier release is damaged, and was made again from its packages",
        fix="restore it from another copy",
        subject="1.0.1/centos6",
        severity=Severity.WARNING,
        source="createrepo_c(8)",
    ),
    _rule(
        id="not-installable",
        checks="each package of an earlier release can be installed from it",
        reason="the package cannot be installed from the earlier release; its versions are compared anyway",
        fix="none for the earlier release",
        subject="example-1.0-1.noarch",
        severity=Severity.WARNING,
    ),
    _rule(
        id="profile",
        checks="`profiles` name packages that there are",
        reason="a profile names a package that no release contains",
        fix="correct the name",
        severity=Severity.WARNING,
        source=_PRINCIPLE,
    ),
    _rule(
        id="allow-downgrades",
        checks="`allow_downgrades` names packages that are downgraded",
        reason="a declared downgrade is not a downgrade",
        fix="remove the declaration",
        severity=Severity.WARNING,
        source=_PRINCIPLE,
    ),
    _rule(
        id="base",
        checks="the repositories of the operating system are known",
        reason="without them packages that require the operating system were not checked",
        fix="list them under `base` of the target",
        subject="base",
        severity=Severity.WARNING,
        source=_PRINCIPLE,
    ),
    _rule(
        id="upstream",
        checks="the repositories that machines have besides the release can be reached",
        reason="last known metadata was used, or none",
        fix="check again when the repository can be reached",
        subject="deps/epel",
        severity=Severity.WARNING,
        other_severities="error where its metadata is not signed by its key",
        source=_PRINCIPLE,
    ),
    _rule(
        id="target",
        checks="earlier releases are for the same target",
        reason="a machine with another target was not checked: it cannot be upgraded",
        fix="reinstall the machines to change their target",
        subject="1.0.1",
        severity=Severity.WARNING,
        source=_PRINCIPLE,
    ),
    _rule(
        id="not-together",
        checks="all packages of an earlier release can be installed together",
        reason="packages of the earlier release conflict with each other; as many as possible were installed",
        fix="none",
        subject="1.0.1",
        severity=Severity.NOTE,
    ),
)
