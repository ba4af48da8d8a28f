"""One judgement on keys and signatures in time, for packages, metadata and releases; beside it rpm, gpg and dnf.

Where they differ, this program is the stricter, with one exception: of a key that has expired meanwhile, what it signed
before stays good (gpg, and dnf for metadata, refuse it from that day on; rpm never looks).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from altai_build.errors import DistrustedError
from altai_build.model.signature import SignatureStatus
from altai_build.rules.view import assess_signature
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.metadata import RepositorySource, fetch_metadata
from altai_build.tools.rpm.signatures import verify_signature
from tests.conftest import Require
from tests.kit.rpms import build_rpm
from tests.kit.timed_keys import TimedKeyring, timed_keyring

GOOD = SignatureStatus.GOOD
# case → judgement, and whether rpm, gpg and dnf (its metadata) accept it
EXPECTED: dict[str, tuple[SignatureStatus, bool, bool, bool]] = {
    "sound": (GOOD, True, True, True),
    "signed before the key expired": (GOOD, True, False, False),
    "signed after the key expired": (SignatureStatus.EXPIRED_KEY, True, False, False),
    "signed after expiry by a key that was extended": (GOOD, True, True, True),
    "dated in 2046": (SignatureStatus.WRONG_TIME, True, True, True),
    "dated before the key was made": (SignatureStatus.WRONG_TIME, True, False, False),
    "revoked": (SignatureStatus.REVOKED_KEY, True, False, False),
    "signed by a subkey": (GOOD, True, True, True),
    "signed before the subkey expired": (GOOD, True, False, False),
    "signed after the subkey expired": (SignatureStatus.EXPIRED_KEY, True, False, False),
    "primary key of the subkey revoked": (SignatureStatus.REVOKED_KEY, True, False, False),
    "second of two keys in the file": (GOOD, True, True, True),
    "no longer for signing": (SignatureStatus.WRONG_KEY_USE, True, False, False),
    "two copies of the key, the later extended": (GOOD, True, False, True),
    "unsigned": (SignatureStatus.UNSIGNED, False, False, False),
    "signed by another key": (SignatureStatus.UNKNOWN_KEY, False, False, False),
    "signed by two keys of which one is known": (GOOD, True, True, True),
    "RSA and SHA-1": (GOOD, True, True, True),
    # gpg, and so dnf for metadata, reads no such signature; rpm accepts it.
    "RSA and MD5": (GOOD, True, False, False),
}
# Where the judgement on metadata is another one than on packages.
EXPECTED_OF_METADATA = {"RSA and MD5": SignatureStatus.BAD_SIGNATURE}
WEAKNESSES = {"RSA and SHA-1": ("SHA1 signature hash",), "RSA and MD5": ("MD5 signature hash",)}


@dataclass(frozen=True)
class Case:
    """A package in a repository with signed metadata, and the public key file of its owner."""

    repository: Path
    keys: Path

    @property
    def package(self) -> Path:
        return self.repository / "hello-1.0-1.noarch.rpm"

    @property
    def repomd(self) -> Path:
        return self.repository / "repodata" / "repomd.xml"


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("cases")
    unsigned = build_rpm(folder / "unsigned").binary
    made: dict[str, Case] = {}

    def sign(name: str, signer: str, day: str = "20210101", *others: str, digest: str = "sha256") -> Path:
        case = Case(folder / f"{len(made)}", folder / f"{len(made)}.pub")
        case.repository.mkdir()
        shutil.copy(unsigned, case.repository)
        if signer:
            keyring.sign_rpm(case.package, signer, day, digest=digest)
        createrepo = Path(sys.executable).with_name("createrepo_c")
        subprocess.run([createrepo, "--quiet", "--general-compress-type=gz", case.repository], check=True)
        if signer:
            keyring.sign(case.repomd, signer, *others, day=day, digest=digest)
        made[name] = case
        return case.keys

    with timed_keyring(folder) as keyring:
        _sign_with_whole_keys(keyring, sign)
        _sign_with_subkeys(keyring, sign)
        _sign_in_other_ways(keyring, sign)
    return made


def _sign_in_other_ways(keyring: TimedKeyring, sign: Callable[..., Path]) -> None:
    key = keyring.make("key", "20200101", algorithm="rsa2048")
    other = keyring.make("other", "20200101")
    keyring.export(sign("unsigned", ""), key)
    keyring.export(sign("signed by another key", other), key)
    keyring.export(sign("signed by two keys of which one is known", key, "20210101", other), key)
    keyring.export(sign("RSA and SHA-1", key, digest="sha1"), key)
    keyring.export(sign("RSA and MD5", key, digest="md5"), key)


def _sign_with_whole_keys(keyring: TimedKeyring, sign: Callable[..., Path]) -> None:
    key = keyring.make("sound", "20200101")
    keyring.export(sign("sound", key, "20210101"), key)
    keyring.export(sign("dated in 2046", key, "20460101"), key)
    keyring.export(sign("dated before the key was made", key, "20190101"), key)
    short = keyring.make("short", "20200101", expires="1y")
    expired = keyring.export(sign("signed before the key expired", short, "20200601"), short).read_bytes()
    keyring.extend(short)
    sign("signed after the key expired", short, "20210601").write_bytes(expired)
    extended = keyring.export(
        sign("signed after expiry by a key that was extended", short, "20210601"), short
    )
    two = sign("two copies of the key, the later extended", short, "20210601")
    two.write_bytes(expired + extended.read_bytes())
    both = sign("second of two keys in the file", short, "20210601")
    both.write_bytes(keyring.export(both, key).read_bytes() + extended.read_bytes())
    dropped = keyring.make("dropped", "20200101")
    file = sign("no longer for signing", dropped)
    keyring.drop_signing(dropped)
    keyring.export(file, dropped)
    gone = keyring.make("gone", "20200101")
    file = sign("revoked", gone, "20200601")
    keyring.revoke(gone)
    keyring.export(file, gone)


def _sign_with_subkeys(keyring: TimedKeyring, sign: Callable[..., Path]) -> None:
    offline = keyring.make("offline", "20200101", usage="cert")
    subkey = keyring.add_subkey(offline, "20200101", expires="1y")
    expired = keyring.export(sign("signed before the subkey expired", subkey, "20200601"), offline)
    keyring.extend(offline, subkey)
    shutil.copy(expired, sign("signed after the subkey expired", subkey, "20210601"))
    keyring.export(sign("signed by a subkey", subkey, "20210601"), offline)
    file = sign("primary key of the subkey revoked", subkey, "20210601")
    keyring.revoke(offline)
    keyring.export(file, offline)


@pytest.mark.parametrize("name", EXPECTED)
def test_packages_metadata_and_releases_are_judged_alike(
    cases: dict[str, Case], name: str, tmp_path: Path
) -> None:
    case, expected = cases[name], EXPECTED[name][0]
    package = verify_signature(case.package, [case.keys])
    detached = verify_detached(case.repomd, case.repomd.with_suffix(".xml.asc"), [case.keys])
    of_metadata = EXPECTED_OF_METADATA.get(name, expected)
    assert (package.status, detached.status) == (expected, of_metadata), (package.detail, detached.detail)
    assert package.key_expired_on == detached.key_expired_on
    assert package.weaknesses == detached.weaknesses == WEAKNESSES.get(name, ())
    for check in (package, detached):
        severities = {severity.value for _, severity in assess_signature(check)}
        assert ("error" in severities) is (check.status is not GOOD)
        assert ("warning" in severities) >= bool(check.weaknesses and check.status is GOOD)
    source = RepositorySource(
        name="base",
        urls=(case.repository.as_uri(),),
        check_packages=True,
        check_metadata=False,
        keys=(case.keys,),
        check_if_signed=True,
    )
    if of_metadata is SignatureStatus.UNSIGNED:
        assert not fetch_metadata(source, tmp_path).signed
        source = replace(source, check_metadata=True)
    if of_metadata is GOOD:
        assert fetch_metadata(source, tmp_path).signed
    else:
        with pytest.raises(DistrustedError, match="the repository base is not trusted") as caught:
            fetch_metadata(source, tmp_path)
        assert of_metadata.value.removeprefix("un") in caught.value.why


def test_rpm_gpg_and_dnf_say_what_the_matrix_says_of_them(
    cases: dict[str, Case], tmp_path: Path, require: Require
) -> None:
    require(shutil.which("dnf") is not None, "dnf is not installed")
    by_dnf = _ask_dnf(list(cases.values()), tmp_path)
    answers = {
        name: (_ask_rpm(case, tmp_path / f"{number}"), _ask_gpg(case, tmp_path), by_dnf[number])
        for number, (name, case) in enumerate(cases.items())
    }
    assert answers == {name: EXPECTED[name][1:] for name in cases}


def _ask_rpm(case: Case, folder: Path) -> bool:
    (folder / "keys").mkdir(parents=True)
    macros = {"_keyring": "fs", "_keyringpath": f"{folder}/keys", "_dbpath": f"{folder}/db"}
    options = [word for key, value in macros.items() for word in ("--define", f"{key} {value}")]
    for words in (
        ["--import", str(case.keys)],
        ["--define", "_pkgverify_level all", "-K", str(case.package)],
    ):
        done = subprocess.run(["rpmkeys", *options, *words], capture_output=True, check=False)
    return done.returncode == 0


def _ask_gpg(case: Case, folder: Path) -> bool:
    ring = f"{folder}/ring.gpg"
    dearmor = ["gpg", "--yes", "--dearmor", "--output", ring, str(case.keys)]
    subprocess.run(dearmor, capture_output=True, check=True)
    command = ["gpgv", "--keyring", ring, "--status-fd", "1", f"{case.repomd}.asc", str(case.repomd)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # gpg --verify succeeds for expired and revoked keys, too: GOODSIG is what programs look for.
    return "[GNUPG:] GOODSIG" in done.stdout


def _ask_dnf(cases: Sequence[Case], folder: Path) -> list[bool]:
    """Whether dnf uses the repository of each case: it leaves out those whose signature it refuses."""
    settings = {"reposdir": "/nowhere", "cachedir": f"{folder}/cache", "install_weak_deps": "0"}
    for number, case in enumerate(cases):
        settings[f"x{number}.repo_gpgcheck"] = "1"
        settings[f"x{number}.gpgkey"] = case.keys.as_uri()
        settings[f"x{number}.skip_if_unavailable"] = "1"
    options = [f"--setopt={name}={value}" for name, value in settings.items()]
    options += [f"--repofrompath=x{number},{case.repository.as_uri()}" for number, case in enumerate(cases)]
    command = [
        "dnf",
        f"--installroot={folder}/root",
        "--noplugins",
        "--assumeyes",
        "--releasever=1",
        *options,
    ]
    done = subprocess.run(
        [*command, "makecache"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("Ignoring repositories: "))
    ignored = line.partition(": ")[2].split(", ")
    return [f"x{number}" not in ignored for number in range(len(cases))]
