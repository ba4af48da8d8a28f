#!/usr/bin/env python3
"""Signing and checking many packages: ours against `rpmsign` and `rpmkeys`, all at once and one by one.

usage: .venv/bin/python benchmarks/signing.py [--packages N] [--algorithm rsa4096|ed25519] [--rounds N]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.release import Compat  # noqa: E402
from altai_build.stages.sign import sign_packages  # noqa: E402
from altai_build.tools.rpmkeys import verify_signatures  # noqa: E402
from altai_build.tools.signer import open_home  # noqa: E402
from benchmarks.measure import Variant, judge, ratio, run, show, take_turns, tell_machine  # noqa: E402
from benchmarks.repositories import make_packages, removing  # noqa: E402
from tests.kit.keys import make_key  # noqa: E402

_ONE_BY_ONE = 'for rpm in "$@"; do rpmsign "${options[@]}" --addsign "$rpm" >/dev/null; done'
PHRASE = "correct horse battery staple"


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=int, default=100)
    parser.add_argument("--algorithm", default="rsa4096")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="signing.", dir="/tmp"))  # gpg's sockets want short paths
    try:
        tell_machine("rpmsign", "rpmkeys", "gpg")
        measure(folder, arguments.packages, arguments.algorithm, arguments.rounds)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, count: int, algorithm: str, rounds: int) -> None:
    """One key without a passphrase, one with; the same packages for all."""
    make_packages(folder / "packages", count)
    packages = sorted((folder / "packages").iterdir())
    plain = make_key(folder, "plain", algorithm=algorithm)
    locked = make_key(folder, "locked", algorithm=algorithm, passphrase=PHRASE)
    compat = Compat.MODERN
    home = folder / "gpg"
    home.mkdir(mode=0o700)
    run(["gpg", "--homedir", str(home), "--batch", "--import", str(plain.secret)])
    bare = folder / "bare"
    defines = [
        f"--define=_gpg_path {home}",
        f"--define=_gpg_name {plain.fingerprint}",
        f"--define=_dbpath {folder}/db",
        f"--define=__gpg {shutil.which('gpg')}",
    ]
    copied = [str(bare / one.name) for one in packages]

    def refresh() -> None:
        shutil.rmtree(bare, ignore_errors=True)
        shutil.copytree(folder / "packages", bare)

    with open_home(folder / "ours") as keys:
        unlocked = keys.import_secret_key(plain.secret)
        keys.unlock(unlocked, lambda _: "")
        phrased = keys.import_secret_key(locked.secret)
        keys.unlock(phrased, lambda _: PHRASE)

        def sign(key: object, public: Path, store: str) -> None:
            sign_packages(
                packages,
                signer=keys,
                key=key,  # type: ignore[arg-type]
                key_file=public,
                store=folder / store,
                compat=compat,
            )

        one_by_one = f"options=({' '.join(repr(one) for one in defines)}); {_ONE_BY_ONE}"
        times = take_turns(
            [
                Variant("rpmsign --addsign *", ["rpmsign", *defines, "--addsign", *copied], before=refresh),
                Variant("rpmsign, one by one", ["bash", "-c", one_by_one, "bash", *copied], before=refresh),
                Variant(
                    "ours, with verification",
                    lambda: sign(unlocked, plain.public, "store"),
                    before=removing(folder / "store"),
                ),
                Variant(
                    "ours, key with a passphrase",
                    lambda: sign(phrased, locked.public, "locked-store"),
                    before=removing(folder / "locked-store"),
                ),
                Variant("ours, nothing to sign", lambda: sign(unlocked, plain.public, "store")),
            ],
            rounds,
        )
        base = "rpmsign --addsign *"
        show(f"{count} packages signed by {algorithm}", times, base)
        sign(unlocked, plain.public, "store")
    signed = sorted((folder / "store").rglob("*.rpm"))
    db = f"--dbpath={folder}/ring"
    run(["rpmkeys", db, "--import", str(plain.public)])
    checks = take_turns(
        [
            Variant("rpmkeys -K *", ["rpmkeys", db, "--checksig", *map(str, signed)]),
            Variant(
                "rpmkeys -K, one by one",
                [
                    "bash",
                    "-c",
                    'for one in "${@:2}"; do rpmkeys "$1" --checksig "$one" >/dev/null; done',
                    "bash",
                    db,
                ]
                + [str(one) for one in signed],
            ),
            Variant("ours", lambda: verify_signatures(signed, [plain.public])),
        ],
        rounds,
    )
    show(f"{count} signatures checked", checks, "rpmkeys -K *")
    judge(
        [
            ("signing, verified / rpmsign *", ratio(times, "ours, with verification", base), 1.05),
            (
                "with a passphrase / without",
                ratio(times, "ours, key with a passphrase", "ours, with verification"),
                1.1,
            ),
            ("nothing to sign / signing", ratio(times, "ours, nothing to sign", base), 0.02),
            ("checking / rpmkeys -K *", ratio(checks, "ours", "rpmkeys -K *"), 1.5),
            ("checking / one process each", ratio(checks, "ours", "rpmkeys -K, one by one"), 1 / 15),
        ]
    )


if __name__ == "__main__":
    main()
