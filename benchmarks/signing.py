#!/usr/bin/env python3
"""Signing and checking many packages: ours against `rpmsign` and `rpmkeys`, all at once and one by one.

Ours checks each signature with the public key alone, and writes to the disk before it answers; `rpmsign` does not.
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


class ByHand:
    """rpmsign with a key, in a home of its own whose agent runs on until the block's end."""

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

    def __enter__(self) -> ByHand:
        return self

    def __exit__(self, *_: object) -> None:
        run(["gpgconf", "--homedir", str(self.home), "--kill", "all"])

    def sign(self, name: str, sources: Sequence[Path], *xargs: str, rounds: int = sys.maxsize) -> Variant:
        """A variant: copies of these are signed; options of xargs say how often rpmsign is to be started."""
        copies = [self.packages / one.name for one in sources]

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
    """Our way to sign with each of these keys, once they are open; what was signed is kept in stores beside."""
    with ExitStack() as stack:
        ways: list[Callable[[Sequence[Path]], object]] = []
        for throwaway in keys:
            key = stack.enter_context(signing_key(throwaway))
            store = folder / throwaway.fingerprint
            ways.append(partial(sign_packages, key=key, store=store, compat=Compat.MODERN))
        yield ways


def judge_signing(
    folder: Path, packages: Sequence[Path], algorithm: str, rounds: int
) -> list[measure.Target]:
    """One key without a passphrase, one with; the same packages for all."""
    plain = make_key(folder, "plain", algorithm=algorithm)
    locked = make_key(folder, "locked", algorithm=algorithm, passphrase=PHRASE)
    stores = [folder / "ours" / key.fingerprint for key in (plain, locked)]
    half = -(-len(packages) // 2)
    with (
        ByHand(folder / "bare", plain) as bare,
        ByHand(folder / "slow", locked) as slow,
        ours(folder / "ours", [plain, locked]) as (sign, sign_locked),
    ):
        times = measure.take_turns(
            [
                bare.sign("rpmsign *", packages),
                bare.sign("rpmsign one by one", packages, "--max-args=1"),
                bare.sign("two rpmsign side by side", packages, "--max-procs=2", f"--max-args={half}"),
                slow.sign("rpmsign *, a passphrase each time", packages, rounds=1),
                Variant("ours", lambda: sign(packages), before=removing(stores[0])),
                Variant("ours, with a passphrase", lambda: sign_locked(packages), before=removing(stores[1])),
                Variant("ours, nothing to sign", lambda: sign(packages)),
            ],
            rounds,
        )
    base = "rpmsign *"
    measure.show(f"{len(packages)} packages signed by {algorithm}", times, base)
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


def judge_checks(folder: Path, packages: Sequence[Path], algorithm: str, rounds: int) -> list[measure.Target]:
    """The signatures of many packages checked."""
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
    measure.show(f"{len(signed)} signatures by {algorithm} checked", times, "rpmkeys -K *")
    return [
        (f"{algorithm}: checking / rpmkeys -K *", ratios(times, "ours", "rpmkeys -K *"), 1.5),
        (f"{algorithm}: checking / one by one", ratios(times, "ours", "rpmkeys -K one by one"), 1 / 15),
    ]


def main() -> None:
    """Measure and judge."""
    parser = measure.make_parser(__doc__, rounds=5)
    measure.add_number(parser, "--packages", 100, "to be signed")
    measure.add_number(parser, "--checked", 500, "whose signatures are checked")
    measure.add_sizes(parser, "10,30,100", "packages")
    both = ["rsa4096", "ed25519"]
    parser.add_argument(
        "--algorithm",
        action="append",
        choices=both,
        help="one or the other; default: both, growth by the first",
    )
    arguments = parser.parse_args()
    algorithms = arguments.algorithm or both
    targets = []
    with measure.scratch("signing", "rpmsign", "rpmkeys", "gpg") as folder:
        make_packages(folder / "packages", max(arguments.packages, arguments.checked, *arguments.sizes))
        packages = sorted((folder / "packages").iterdir())
        for name in algorithms:
            place = folder / name
            targets += judge_signing(place, packages[: arguments.packages], name, arguments.rounds)
            targets += judge_checks(place, packages[: arguments.checked], name, arguments.rounds)
        key = make_key(folder / "grown", "grown", algorithm=algorithms[0])
        with ours(folder / "grown", [key]) as (sign,), ByHand(folder / "grown" / "bare", key) as bare:
            store = folder / "grown" / key.fingerprint

            def grown(count: int) -> list[Variant]:
                some = packages[:count]
                return [
                    bare.sign("rpmsign *", some),
                    Variant("ours", lambda: sign(some), before=removing(store)),
                    Variant("ours, nothing to sign", lambda: sign(some)),
                ]

            curves = measure.measure_growth(arguments.sizes, grown, max(3, arguments.rounds // 2))
        measure.show_growth(f"Signing by {algorithms[0]}", "packages", curves, arguments.svg)
    measure.judge(targets)


if __name__ == "__main__":
    main()
