#!/usr/bin/env python3
"""The same builds in clean chroots as root, and as a user in a user namespace with many ids.

Needs root, the testbed (scripts/make-testbed), and a user with a range of ids in /etc/subuid and /etc/subgid (--user).
Both build in turns in one process each, with workspaces on one disk.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.tools.files import remove_tree  # noqa: E402
from altai_build.tools.sandbox.user_namespace import become_root, describe_way  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.chroot import Bench  # noqa: E402
from benchmarks.measure import CPUS, Variant, ratios  # noqa: E402

_ROOT, _USER = "root", "user with many ids"


def serve(folder: Path, testbed: Path) -> None:
    """Read numbers and do so many builds in parallel; 0: make the base buildroot again."""
    become_root()
    bench = Bench(folder, testbed)
    bench.ours()
    print(describe_way(), flush=True)
    for line in sys.stdin:
        count = int(line)
        if count:
            bench.several(count, lambda number: bench.ours(component=f"hello{number}"))()
        else:
            remove_tree(bench.base)
            bench.environment("chroot").builder.prepare(bench.base_packages)
        print("done", flush=True)


@contextmanager
def serving(folder: Path, testbed: Path, user: str | None) -> Iterator[Callable[[int], Callable[[], None]]]:
    """A process of a user that builds when it is asked to."""
    folder.mkdir()
    prefix: list[str] = []
    if user is not None:
        known = pwd.getpwnam(user)
        os.chown(folder, known.pw_uid, known.pw_gid)
        prefix = ["setpriv", f"--reuid={known.pw_uid}", f"--regid={known.pw_gid}", "--init-groups", "--"]
        prefix += ["env", f"HOME={folder}", f"USER={user}", f"LOGNAME={user}"]
    argv = [*prefix, sys.executable, __file__, "--serve", str(folder), "--testbed", str(testbed)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        way = child.stdout.readline().strip()
        if not way:
            sys.exit(f"the builds of {user or 'root'} do not work: see above")
        print(f"{user or 'root'}: {way}")
        requests, answers = child.stdin, child.stdout

        def ask(count: int) -> Callable[[], None]:
            def work() -> None:
                requests.write(f"{count}\n")
                requests.flush()
                assert answers.readline() == "done\n"

            return work

        yield ask
        requests.close()


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = measure.make_parser(__doc__, rounds=9)
    measure.add_sizes(parser, "1,2,4", f"builds ({CPUS} in parallel)")
    measure.add_testbed(parser)
    parser.add_argument("--user", metavar="NAME", help="the user; default: that of sudo")
    parser.add_argument(
        "--serve", type=Path, metavar="DIR", help="build in DIR when asked to (used by this program)"
    )
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve, arguments.testbed)
        return
    user = arguments.user or os.environ.get("SUDO_USER")
    if os.geteuid() != 0 or not user or user == "root":
        parser.error("needs root, and --user NAME: a user with ids in /etc/subuid and /etc/subgid")
    with measure.scratch("rootless", "rpmbuild", "bwrap", "newuidmap") as folder, ExitStack() as stack:
        asks = {
            name: stack.enter_context(serving(folder / str(number), arguments.testbed, one))
            for number, (name, one) in enumerate(((_ROOT, None), (_USER, user)))
        }
        targets: list[measure.Target] = []
        for title, count, rounds in (
            ("One build in a clean chroot", 1, arguments.rounds),
            ("Making the base buildroot", 0, max(3, arguments.rounds // 3)),
        ):
            variants = [Variant(name, ask(count)) for name, ask in asks.items()]
            times = measure.take_turns(variants, rounds)
            measure.print_times(title, times, _ROOT)
            targets.append((f"{title}: {_USER} / {_ROOT}", ratios(times, _USER, _ROOT), 1.15))

        def in_parallel(count: int) -> list[Variant]:
            return [Variant(name, ask(count)) for name, ask in asks.items()]

        curves = measure.measure_growth(arguments.sizes, in_parallel, max(3, arguments.rounds // 2))
        measure.print_growth(f"Builds of hello, {CPUS} in parallel", "builds", curves, arguments.svg)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
