#!/usr/bin/env python3
"""Signing and checking many packages: altai-build, `rpmsign` and `rpmkeys`, all at once and one by one.

altai-build checks each signature with the public key alone and syncs the files to disk; `rpmsign` does neither.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.compat import Compat  # noqa: E402
from altai_build.stages.sign import sign_packages  # noqa: E402
from altai_build.tools.rpm.signatures import verify_signatures  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import Variant, ratios, removing, run  # noqa: E402
from benchmarks.repositories import make_packages  # noqa: E402
from tests.kit.keys import ThrowawayKey, make_key, signing_key  # noqa: E402

PHRASE = "correct horse battery staple"


class Rpmsign:
    """rpmsign with a key in its own GnuPG home, whose agent runs until the end of the block."""

    def __init__(self, folder: Path, key: ThrowawayKey) -> None:
        self.packages = folder / "packages"
        self.list = folder / "list"
        self.home = folder / "gpg"
        self.home.mkdir(parents=True, mode=0o700)
        run(["gpg", "--homedir", str(self.home), "--batch", "--import", str(key.secret)])
        extra = "--batch --pinentry-mode loopback"
        if key.passphrase:
            (folder / "phrase").write_text(f"{key.passphrase}\n")
            extra += f" --passphrase-file {folder / 'phrase'}"
        macros = {
            "__gpg": shutil.which("gpg"),
            "_gpg_path": self.home,
            "_gpg_name": key.fingerprint,
            "_gpg_sign_cmd_extra_args": extra,
        }
        self.command = ["rpmsign", *(f"--define={macro} {value}" for macro, value in macros.items())]

    def __enter__(self) -> Rpmsign:
        return self

    def __exit__(self, *_: object) -> None:
        run(["gpgconf", "--homedir", str(self.home), "--kill", "all"])

    def sign(self, name: str, sources: Sequence[Path], *xargs: str, rounds: int = sys.maxsize) -> Variant:
        """Sign copies of these packages; options of xargs decide how often rpmsign is started."""
        copies = [self.packages / source.name for source in sources]

        def copy() -> None:
            removing(self.packages)()
            self.packages.mkdir()
            for source, destination in zip(sources, copies):
                shutil.copyfile(source, destination)
            self.list.write_text("\n".join(map(str, copies)))

        words = [*self.command, "--addsign"]
        if xargs:
            words = ["xargs", f"--arg-file={self.list}", *xargs, *words]
        else:
            words += map(str, copies)
        return Variant(name, words, before=copy, rounds=rounds)


@contextmanager
def ours(folder: Path, keys: Sequence[ThrowawayKey]) -> Iterator[list[Callable[[Sequence[Path]], object]]]:
    """Functions of altai-build that sign with each of these keys, which are unlocked; results are kept in stores."""
    with ExitStack() as stack:
        functions: list[Callable[[Sequence[Path]], object]] = []
        for throwaway in keys:
            key = stack.enter_context(signing_key(throwaway))
            store = folder / throwaway.fingerprint
            functions.append(partial(sign_packages, key=key, store=store, compat=Compat.MODERN))
        yield functions


def measure_signing(
    folder: Path, packages: Sequence[Path], algorithm: str, rounds: int
) -> list[measure.Target]:
    """Sign the same packages with a key without a passphrase and one with."""
    plain = make_key(folder, "plain", algorithm=algorithm)
    locked = make_key(folder, "locked", algorithm=algorithm, passphrase=PHRASE)
    stores = [folder / "ours" / key.fingerprint for key in (plain, locked)]
    half = -(-len(packages) // 2)
    with (
        Rpmsign(folder / "bare", plain) as bare,
        Rpmsign(folder / "slow", locked) as slow,
        ours(folder / "ours", [plain, locked]) as (sign, sign_locked),
    ):
        times = measure.take_turns(
            [
                bare.sign("rpmsign *", packages),
                bare.sign("rpmsign one by one", packages, "--max-args=1"),
                bare.sign("two rpmsign in parallel", packages, "--max-procs=2", f"--max-args={half}"),
                slow.sign("rpmsign *, a passphrase each time", packages, rounds=1),
                Variant("ours", lambda: sign(packages), before=removing(stores[0])),
                Variant("ours, with a passphrase", lambda: sign_locked(packages), before=removing(stores[1])),
                Variant("ours, nothing to sign", lambda: sign(packages)),
            ],
            rounds,
        )
    base = "rpmsign *"
    measure.print_times(f"{len(packages)} packages signed by {algorithm}", times, base)
    targets = [
        ("signed and checked / rpmsign *", ratios(times, "ours", base), 1.05),
        ("with a passphrase / without", ratios(times, "ours, with a passphrase", "ours"), 1.1),
        (
            "with a passphrase / rpmsign, each time",
            ratios(times, "ours, with a passphrase", "rpmsign *, a passphrase each time"),
            1 / 12,
        ),
        ("nothing to sign / rpmsign *", ratios(times, "ours, nothing to sign", base), 0.02),
    ]
    # Two agents, or a quicker signer than gpg, would be needed for these.
    reach = 0.3 if algorithm.startswith("rsa") else 0.7
    targets.append(("signed and checked / rpmsign * (reach)", ratios(times, "ours", base), reach))
    return [(f"{algorithm}: {item}", found, most) for item, found, most in targets]


def measure_checks(
    folder: Path, packages: Sequence[Path], algorithm: str, rounds: int
) -> list[measure.Target]:
    """Check the signatures of many packages."""
    key = make_key(folder, "checked", algorithm=algorithm)
    with ours(folder / "checked", [key]) as (sign,):
        sign(packages)
    signed = sorted((folder / "checked" / key.fingerprint).rglob("*.rpm"))
    database = f"--dbpath={folder}/ring"
    run(["rpmkeys", database, "--import", str(key.public)])
    listed = folder / "signed"
    listed.write_text("\n".join(map(str, signed)))
    check = ["rpmkeys", database, "--checksig"]
    times = measure.take_turns(
        [
            Variant("sha256sum *", ["sha256sum", *map(str, signed)]),
            Variant("rpmkeys -K *", [*check, *map(str, signed)]),
            Variant(
                "rpmkeys -K one by one",
                ["xargs", f"--arg-file={listed}", "--max-args=1", *check],
                rounds=3,
            ),
            Variant("ours", lambda: verify_signatures(signed, [key.public])),
        ],
        rounds,
    )
    measure.print_times(f"{len(signed)} signatures by {algorithm} checked", times, "rpmkeys -K *")
    return [
        (f"{algorithm}: checking / rpmkeys -K *", ratios(times, "ours", "rpmkeys -K *"), 1.5),
        (f"{algorithm}: checking / one by one", ratios(times, "ours", "rpmkeys -K one by one"), 1 / 15),
    ]


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=5)
    measure.add_number(parser, "--packages", 100, "packages to sign")
    measure.add_number(parser, "--checked", 500, "signatures to check")
    measure.add_sizes(parser, "10,30,100", "packages")
    both = ["rsa4096", "ed25519"]
    parser.add_argument(
        "--algorithm",
        action="append",
        choices=both,
        help="the algorithm to measure, repeatable; default: both, the growth curve for the first",
    )
    arguments = parser.parse_args()
    algorithms = arguments.algorithm or both
    targets = []
    with measure.scratch("signing", "rpmsign", "rpmkeys", "gpg") as folder:
        make_packages(folder / "packages", max(arguments.packages, arguments.checked, *arguments.sizes))
        packages = sorted((folder / "packages").iterdir())
        for name in algorithms:
            own = folder / name
            targets += measure_signing(own, packages[: arguments.packages], name, arguments.rounds)
            targets += measure_checks(own, packages[: arguments.checked], name, arguments.rounds)
        key = make_key(folder / "grown", "grown", algorithm=algorithms[0])
        with ours(folder / "grown", [key]) as (sign,), Rpmsign(folder / "grown" / "bare", key) as bare:
            store = folder / "grown" / key.fingerprint

            def grown(count: int) -> list[Variant]:
                some = packages[:count]
                return [
                    bare.sign("rpmsign *", some),
                    Variant("ours", lambda: sign(some), before=removing(store)),
                    Variant("ours, nothing to sign", lambda: sign(some)),
                ]

            curves = measure.measure_growth(arguments.sizes, grown, max(3, arguments.rounds // 2))
        measure.print_growth(f"Signing by {algorithms[0]}", "packages", curves, arguments.svg)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
