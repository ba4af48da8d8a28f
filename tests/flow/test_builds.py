"""`build` in clean chroots: what a build can see, what a failure reports and blocks, what is reused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from altai_build import __version__
from altai_build.ledger import Ledger
from tests.kit import manifests
from tests.kit.builds import Site, small_component
from tests.kit.checkout import list_tracked
from tests.kit.cli import ROOT, CliResult
from tests.kit.git import Entry
from tests.kit.superprojects import World, make_spec, unpack

C_SPEC = make_spec(
    "compiled",
    tags="BuildRequires: gcc\n%global debug_package %{nil}",
    build="gcc $RPM_OPT_FLAGS -o compiled compiled.c\n",
    install="install -D compiled %{buildroot}/usr/bin/compiled",
    files="/usr/bin/compiled",
)
C_TEXT = '#include <stdio.h>\nint main(void) { puts("compiled and run"); return 0; }\n'
VIEW = r"""
{ echo "uid=$(id -u) gid=$(id -g) groups=$(id -G)"
  echo "interfaces=$(grep -c : /proc/net/dev) $(grep -o 'lo:' /proc/net/dev)"
  echo "homes=$(ls -A /home /root 2>/dev/null | grep -v : | tr -d '\n')"
  echo "host=$(hostname) secret=${MY_SECRET-none} home=$HOME user=$USER"
  echo "stdin=$(readlink /proc/self/fd/0)"
  echo "canary=$(test -e @CANARY@ && echo seen || echo hidden)"
  echo "write=$(touch /usr/x 2>/dev/null && echo yes || echo no)"
  echo "date=$SOURCE_DATE_EPOCH"
  echo "connect=$( (exec 3<>/dev/tcp/127.0.0.1/@PORT@) 2>/dev/null && echo yes || echo no)"
} > seen
"""


def failing(name: str, build: str, *, needs: tuple[str, ...] = ()) -> dict[str, Entry]:
    tags = "\n".join(["BuildArch: noarch", *(f"BuildRequires: {needed}" for needed in needs)])
    return {f"{name}.spec": make_spec(name, tags=tags, build=build), "README": "x\n"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file, so that they share the base buildroot."""
    return tmp_path_factory.mktemp("builds")


@pytest.fixture(scope="module")
def new_site(testbed: Path, folder: Path) -> Callable[[str], Site]:
    def make(name: str) -> Site:
        return Site(
            world=World(folder / name), testbed=testbed, workspace=folder / name / "ws", own_roots=True
        )

    return make


class Run:
    """A build of components that succeed and fail in every way, and the same once more."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.first, self.second = (site.call("build", "--json") for _ in range(2))
        self.rows: dict[str, dict[str, Any]] = {row["component"]: row for row in self.first.json}


@pytest.fixture(scope="module")
def run(new_site: Callable[[str], Site]) -> Run:
    site = new_site("all")
    canary = site.world.folder / "canary"
    canary.write_text("of the host\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        view = VIEW.replace("@CANARY@", str(canary)).replace("@PORT@", str(server.getsockname()[1]))
        component = site.world.component
        component("repos/compiled", {"compiled.spec": C_SPEC, "compiled.c": C_TEXT})
        component(
            "repos/view",
            {
                "view.spec": make_spec(
                    "view",
                    build=view,
                    install="install -D seen %{buildroot}/usr/share/small/view",
                    files="/usr/share/small/view",
                )
            },
        )
        component("repos/floor", small_component("floor"))
        component("repos/roof", small_component("roof", needs=("floor",)))
        component(
            "repos/broken", failing("broken", "echo fine\necho 'x.c:3:1: error: no such thing' >&2\nexit 1")
        )
        component("repos/behind", small_component("behind", needs=("broken",)))
        component("repos/far-behind", small_component("far-behind", needs=("behind",)))
        component("repos/unmet", failing("unmet", "", needs=("nobody-has-this >= 5", "nor-this")))
        component("repos/no-spec", {"README": "x"})
        component("repos/unreadable", {"x.spec": "Name: x\n"})
        component(
            "repos/empty",
            {"empty.spec": make_spec("empty", install="true").replace("%files\n", ""), "README": "x"},
        )
        common = "%package -n common\nSummary: x\nVersion: 1\nRelease: 1\n%description -n common\nx\n%files -n common\n"
        for name in ("half-1", "half-2"):
            component(f"repos/{name}", {f"{name}.spec": make_spec(name) + common, "README": f"{name}\n"})
        site.world.pin()
        os.environ["MY_SECRET"] = "leak"
        try:
            return Run(site)
        finally:
            del os.environ["MY_SECRET"]


def test_rows_have_the_promised_form(run: Run) -> None:
    keys = ["component", "commit", "status", "srpm", "rpms", "log", "seconds", "reason", "causes"]
    assert all(list(row) == ["schema_version", *keys] for row in run.rows.values())
    assert {name: row["status"] for name, row in run.rows.items()} == {
        "compiled": "built",
        "view": "built",
        "floor": "built",
        "roof": "built",
        "broken": "failed",
        "behind": "blocked",
        "far-behind": "blocked",
        "unmet": "failed",
        "no-spec": "skipped",
        "unreadable": "failed",
        "empty": "failed",
        "half-1": "failed",
        "half-2": "failed",
    }
    assert run.first.code == 5


def test_a_c_program_is_compiled_and_runs(run: Run, tmp_path: Path) -> None:
    (rpm,) = run.rows["compiled"]["rpms"]
    assert Path(rpm).name.endswith(".tb.x86_64.rpm")
    program = tmp_path / "compiled"
    program.write_bytes(unpack(Path(rpm), whole=True)["usr/bin/compiled"])
    program.chmod(0o755)
    assert subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout == b"compiled and run\n"


def test_what_a_build_sees_of_the_machine(run: Run) -> None:
    (rpm,) = run.rows["view"]["rpms"]
    seen = run.site.read(rpm, "usr/share/small/view").splitlines()
    assert seen[:5] == [
        "uid=1000 gid=1000 groups=1000",
        "interfaces=1 lo:",
        "homes=",
        "host=altai-build.localdomain secret=none home=/builddir user=mockbuild",
        "stdin=/dev/null",
    ]
    assert seen[5:7] == ["canary=hidden", "write=no"]
    assert seen[7].startswith("date=13") and seen[8] == "connect=no"


def test_a_dependent_component_is_built_with_packages_of_this_run(run: Run) -> None:
    (rpm,) = run.rows["roof"]["rpms"]
    assert run.site.read(rpm, "usr/share/small/roof") == "roof: hello\nfloor: hello\n"


def test_a_failure_names_its_log_and_the_line_with_the_cause(run: Run) -> None:
    row = run.rows["broken"]
    assert row["reason"] == "x.c:3:1: error: no such thing"
    bad_exit = row["causes"][1]
    assert row["causes"] == [row["reason"], bad_exit] and bad_exit.endswith(" (%build)")
    assert f"\n  {bad_exit}\n  log: " in run.first.err
    assert row["rpms"] == [] and "echo fine" in Path(row["log"]).read_text()
    # What would fail each time is on record; what could not be built at all is not.
    failures = {record.component for record in Ledger(run.site.workspace / "ledger.jsonl").all("failure")}
    assert failures == {"broken", "empty"}
    assert f"broken: {row['reason']}" in run.first.err and row["log"] in run.first.err


def test_components_that_need_a_failed_one_are_blocked_and_name_it(run: Run) -> None:
    for name in ("behind", "far-behind"):
        assert run.rows[name]["reason"] == "needs broken, which failed"


def test_all_requirements_without_a_provider_are_named(run: Run) -> None:
    reason = run.rows["unmet"]["reason"]
    assert "nobody-has-this >= 5" in reason and "nor-this" in reason


def test_a_build_that_makes_no_package_has_failed(run: Run) -> None:
    assert run.rows["empty"]["reason"] == "rpmbuild succeeded but made no package"


def test_components_that_produce_the_same_package_are_both_named(run: Run) -> None:
    reason = run.rows["half-1"]["reason"]
    assert reason.startswith("2 components make packages of the name common\n  repos/half-1/half-1.spec at ")
    assert run.rows["half-2"]["reason"] == reason


def test_a_second_run_reuses_everything(run: Run) -> None:
    second = {row["component"]: row for row in run.second.json}
    for name in ("compiled", "view", "floor", "roof"):
        assert second[name]["status"] == "reused" and second[name]["rpms"] == run.rows[name]["rpms"]
    assert {name: row["status"] for name, row in second.items() if row["status"] == "built"} == {}


def test_builds_leave_no_temporary_files(run: Run) -> None:
    assert list((run.site.workspace / "tmp").iterdir()) == []
    assert [path for path in (run.site.workspace / "builds").iterdir() if path.name.startswith(".")] == []
    assert str(run.site.workspace) not in Path("/proc/self/mountinfo").read_text()


# ---- options ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(new_site: Callable[[str], Site], request: pytest.FixtureRequest) -> Site:
    """`roof` is built with `floor`; `alone` with neither."""
    site = new_site(request.node.name)
    site.world.component("repos/floor", small_component("floor"))
    site.world.component("repos/roof", small_component("roof", needs=("floor",)))
    site.world.component("repos/alone", small_component("alone"))
    site.world.pin()
    return site


def test_named_components_come_with_what_they_need(pair: Site, tmp_path: Path) -> None:
    rows = pair.build("roof", "-o", str(tmp_path / "out"))
    assert {name: row["status"] for name, row in rows.items()} == {"floor": "built", "roof": "built"}
    assert "floor" in rows and "needed to build roof" in rows["floor"]["reason"]
    placed = {rpm for row in rows.values() for rpm in row["rpms"]}
    assert placed == {str(path) for path in (tmp_path / "out").iterdir()} and len(placed) == 2


def test_a_plan_builds_nothing(pair: Site) -> None:
    answer = pair.call("plan", "--json")
    assert answer.code == 0
    waves = [[component["component"] for component in wave] for wave in answer.json["waves"]]
    assert waves == [["alone", "floor"], ["roof"]]
    assert answer.json["critical_path"] == ["floor", "roof"] and answer.json["cycles"] == []
    assert not (pair.workspace / "builds").exists()


def test_only_what_changed_and_what_depends_on_it(pair: Site) -> None:
    base = pair.world.super.git("rev-parse", "HEAD")
    pair.world.component("repos/floor", {"README": "changed\n"})
    pair.world.pin()
    build_plan = pair.call("plan", "--changed-since", base, "--json").json
    reasons = {row["component"]: row["reason"] for wave in build_plan["waves"] for row in wave}
    assert set(reasons) == {"floor", "roof"}
    assert reasons["floor"].startswith("its pin moved from ") and reasons["floor"].endswith(f" since {base}")
    assert reasons["roof"] == "built with floor, which changed"
    nothing = pair.call("build", "--changed-since", "HEAD", "--json")
    assert (nothing.code, nothing.json) == (0, [])


def test_rewound_and_diverged_pins_are_reported(pair: Site) -> None:
    floor = pair.world.components["repos/floor"]
    old = floor.git("rev-parse", "HEAD")
    new = pair.world.component("repos/floor", {"README": "newer\n"})
    pair.world.pin()
    pair.world.pin(floor=old)

    def reason() -> tuple[str, CliResult]:
        answer = pair.call("plan", "floor", "--changed-since", "HEAD^", "--json")
        rows = {row["component"]: row["reason"] for wave in answer.json["waves"] for row in wave}
        return rows["floor"], answer

    message, answer = reason()
    assert message == (
        f"its pin was rewound from {new[:7]} to {old[:7]} since HEAD^: its packages sort lower, "
        "and yum does not update to them"
    )
    assert f"floor: {message}" in answer.err
    aside = floor.commit({"README": "on another branch\n"}, branch="other", parents=[old])
    pair.world.pin(floor=new)
    pair.world.pin(floor=aside)
    assert reason()[0] == (
        f"its pin diverged since HEAD^: neither {new[:7]} nor {aside[:7]} contains the other, "
        "and yum may not update to its packages"
    )
    pair.world.pin(floor="f" * 40)
    pair.world.pin(floor=new)
    assert "is no longer available" in reason()[0]


def test_fail_fast_starts_nothing_more(new_site: Callable[[str], Site]) -> None:
    site = new_site("fail-fast")
    site.world.component("repos/a", failing("a", "exit 1"))
    for name in ("b", "c", "d"):
        site.world.component(f"repos/{name}", small_component(name))
    site.world.pin()
    answer = site.call("--jobs", "1", "build", "--fail-fast", "--json")
    rows = {row["component"]: row for row in answer.json}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a": "failed",
        "b": "blocked",
        "c": "blocked",
        "d": "blocked",
    }
    assert answer.code == 5 and "--fail-fast" in rows["d"]["reason"]


def test_independent_builds_run_at_the_same_time(new_site: Callable[[str], Site]) -> None:
    site = new_site("parallel")
    for name in ("a", "b"):
        site.world.component(f"repos/{name}", failing(name, "sleep 3"))
    site.world.pin()
    assert site.call("--jobs", "2", "build", "--json").code == 0
    records = [json.loads(line) for line in (site.workspace / "ledger.jsonl").read_text().splitlines()]
    assert min(record["seconds"] for record in records if record["kind"] == "build") >= 3
    logs = [Path(row["log"]) for row in site.call("build", "--json").json]
    starts = [log.stat().st_mtime for log in logs]
    assert abs(starts[0] - starts[1]) < 2.5


def test_a_rerun_after_a_kill_does_no_work_twice(
    new_site: Callable[[str], Site],
) -> None:
    site = new_site("killed")
    site.world.component("repos/floor", small_component("floor"))
    site.world.component("repos/slow", failing("slow", "sleep 2", needs=("floor",)))
    site.world.pin()
    argv = [
        sys.executable,
        "-m",
        "altai_build",
        "--config",
        str(site.definition),
        "--workspace",
        str(site.workspace),
    ]
    child = subprocess.Popen(
        [*argv, "--builder", "chroot", "build"],
        cwd=site.world.super.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 120
    while not any((site.workspace / "tmp").glob("build.*")) or "floor" not in ledger_components(
        site, "build"
    ):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    second = site.call("build")
    assert second.code == 9 and f"process {child.pid} of " in second.err
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    answer = site.call("build", "--wait", "60", "--json")
    assert answer.code == 0, answer.err
    assert {row["component"]: row["status"] for row in answer.json} == {"floor": "reused", "slow": "built"}
    assert list((site.workspace / "tmp").iterdir()) == []
    assert [path for path in (site.workspace / "builds").iterdir() if path.name.startswith(".")] == []


def test_components_whose_names_look_alike_keep_logs_of_their_own(new_site: Callable[[str], Site]) -> None:
    site = new_site("logs")
    specs = {**failing("b", "echo this is a/b; exit 1"), **failing("c", "exit 1")}
    site.world.component("repos/a", specs)
    site.world.component("repos/a_b", failing("other", "echo this is a_b; exit 1"))
    site.world.pin()
    rows = {row["component"]: row for row in site.call("build", "--json").json}
    assert set(rows) == {"a/b", "a/c", "a_b"}
    for name in ("a/b", "a_b"):
        assert f"this is {name}" in Path(rows[name]["log"]).read_text()


def ledger_components(site: Site, kind: str) -> set[str]:
    path = site.workspace / "ledger.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines]
    return {record["component"] for record in records if record["kind"] == kind}


def test_damaged_packages_are_not_reused(pair: Site) -> None:
    rows = pair.build("alone")
    (rpm,) = map(Path, rows["alone"]["rpms"])
    data = bytearray(rpm.read_bytes())
    data[-1] ^= 1
    rpm.write_bytes(bytes(data))
    assert pair.build("alone")["alone"]["status"] == "built"


@pytest.mark.parametrize(
    ("words", "code", "cause"),
    [
        (["build", "nobody"], 3, "no such component: nobody"),
        (["build", "--rev", "v9"], 3, "has no commit 'v9'"),
        (["build", "--changed-since", "v9"], 3, "has no commit 'v9'"),
        (["plan", "--changed-since", "a..b"], 3, "names a range"),
        (["build", "--wait", "soon"], 2, "soon"),
        (["--jobs", "0", "build"], 2, "0"),
        (["--builder", "docker", "build"], 2, "docker"),
        (["bulid"], 2, "bulid"),
    ],
)
def test_wrong_arguments_have_their_exit_codes(
    new_site: Callable[[str], Site], words: list[str], code: int, cause: str
) -> None:
    site = new_site("words")
    if not site.world.components:
        site.world.component("repos/a", small_component("a"))
        site.world.pin()
    answer = site.call(*words)
    assert (answer.code, answer.out) == (code, "") and cause in answer.err


# A root like a buildroot, with the package, the libraries of these tests, and a program that the testbed does not have.
_RUN_IN_ROOT = """
base=$1 package=$2 libraries=$3 releases=$4 top=$5
mount -t tmpfs tmpfs "$top"
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$top/upper,workdir=$top/work" "$top/root"
rpm --root "$top/root" --install --nodeps --nosignature "$package"
mkdir "$top/root/opt/libraries" "$top/root/opt/releases"
mount --bind "$libraries" "$top/root/opt/libraries"
mount --bind "$releases" "$top/root/opt/releases"
touch "$top/root/usr/bin/gpgv"
mount --bind "$(command -v gpgv)" "$top/root/usr/bin/gpgv"
mount -t proc proc "$top/root/proc"
exec chroot "$top/root" env --ignore-environment PATH=/usr/bin:/bin PYTHONPATH=/opt/libraries sh -euc \
    'altai-build --version; altai-build ci init --help >/dev/null; altai-build -q which focus --releases /opt/releases'
"""


def test_the_package_of_altai_build_builds_and_runs_where_the_libraries_are(
    new_site: Callable[[str], Site], folder: Path, tmp_path: Path
) -> None:
    site = new_site("own")
    names = [*list_tracked("altai_build", "docs", "packaging", "scripts"), "setup.cfg", "pyproject.toml"]
    names += ["README.md", "CHANGELOG.md", "LICENSE"]
    site.world.component("repos/altai-build", {name: (ROOT / name).read_bytes() for name in names})
    site.world.pin()
    (row,) = site.call("build", "--json").json
    assert row["status"] == "built", row
    (rpm,) = row["rpms"]
    (base,) = (path for path in (folder / "roots" / "base").iterdir() if path.is_dir())
    origin = manifests.component("repos/focus", "a" * 40)
    focus = manifests.package("focus-1.0-1.el9.noarch", origin)
    manifests.write_manifests(tmp_path / "releases", manifests.manifest("1.0.0", [focus]))
    (tmp_path / "top").mkdir()
    words = [base, rpm, sysconfig.get_path("purelib"), tmp_path / "releases", tmp_path / "top"]
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", _RUN_IN_ROOT, "sh", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    version, found = ran.stdout.splitlines()
    assert version == f"altai-build, version {__version__}"
    assert found.split("\t")[:3] == ["1.0.0", "name", "focus-1.0-1.el9.noarch"]
