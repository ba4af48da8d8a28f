"""What is known of random specs is what rpm itself knows, also where it is read in rpm's own expansion of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from altai_build.model.spec_text import close_prep
from altai_build.tools import process
from altai_build.tools.spec import reader_child
from altai_build.tools.spec.reader import RPM_MACROS
from tests.kit.like_rpm import compare_spec

MACROS = {"dist": ".el9", "rhel": "9"}
SEEDS = range(60)

WORDS = (
    "six", "1", "2.5", "%{srcname}", "%{?srcname}", "%{?none}", "%{!?none:n}", "%{?a:q%{a}}", "%{name}",
    "%{version}", "%{expand:%%{a}}", "%[1+%{pyver}]", "%{basename:a/b}", "%{suffix:a.gz}", "%{?_isa}", "%{expr:2*3}",
    "%{!?a:z}", "%{nil}", "%{_target_cpu}", "%{?with_x:w}", "%{pyver}",
)  # fmt: skip
CONDITIONS = (
    "1", "0", "0%{?a}", "0%{?none}", '"%{srcname}" == "six"', '"%{?none}" != ""', "0%{?rhel} >= 7", "! 0%{?a}",
    "(1 || 0) && 1", "%{pyver} > 2", 'v"1.10" > v"1.9"', "1 ? 0 : 1", '""', "7/2 == 3", "%{defined a}", "%{with x}",
    "%{without y}", "0%{?a:1}", "!%{with y}", "1 && %(echo 1)",
    "2147483647 + 1 > 0",
)  # fmt: skip
SETUPS = (
    "%setup -q", "%setup -qn other", "%autosetup -p1 -vn other", "%setup -n %{name}-x", "%autosetup", "%setup -n=zz",
    '%setup -q -n "x y"', "tar x", "# %setup -n no\n%setup -n yes", "%if 0\n%setup -n u\n%elif 1\n%setup -n v\n%endif",
)  # fmt: skip


class SpecWriter:
    """Writes random specs; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def value(self) -> str:
        start = self.pick("x", "y1", "%{name}", "%{srcname}")
        return start + "".join(self.pick(*WORDS, "-", "_") for _ in range(self.random.randint(0, 2)))

    def definition(self) -> str:
        name = self.pick("a", "b", "c", "pyver2")
        return self.pick(
            f"%define {name} {self.value()}", f"%global {name} {self.value()}", f"%undefine {name}",
            f"%{{!?{name}:%define {name} {self.value()}}}", f"%{{?{name}:%global b {self.value()}}}",
            f"%define {name} x\\\ny", f"%dnl {self.value()}", "%bcond_with x", "%bcond_without y",
            "%define f(n:q) <%{-n*}%{-q:Q}%1>\nProvides: f%f -q -n z w", f"# %define {name} 7",
        )  # fmt: skip

    def dependency(self) -> str:
        tag = self.pick(
            "Requires", "BuildRequires", "Provides", "Requires(post)", "BuildPreReq", "PreReq", "Conflicts"
        )
        simple = [
            self.value(), f"{self.value()} >= 1", "perl(A::B)", "/usr/bin/x", "a => 2.6", "b == 1", "c>=3",
            "lib%{?_isa}", "%srcname-devel", "pkgconfig(foo) >= 2", "%{?none:gone} left", "one\u00a0name",
        ]  # fmt: skip
        rich = (
            []
            if tag in ("Provides", "Conflicts")
            else ["(a or (b and c(d)))", "(x(y/z) >= 1 with x(y/z) < 3)", "(e if f else g)"]
        )
        chosen = self.random.choices(simple + rich, k=self.random.randint(1, 3))
        return f"{tag}: {self.pick(', ', ' ').join(chosen)}"

    def line(self, depth: int = 0) -> str:
        kind = self.random.random()
        if kind < 0.35:
            return self.definition()
        if kind < 0.7 or depth > 2:
            return self.dependency()
        if kind < 0.8:
            return f"{self.pick('Source', 'Source5', 'Patch', 'Patch3', 'source 7')}: {self.pick('a.tgz', 'h://x/%{name}.tar')}"
        start = self.pick(
            "%ifarch x86_64", "%ifnarch %{ix86}", "%ifos linux", f"%if {self.pick(*CONDITIONS)}"
        )
        lines = [start, self.line(depth + 1)]
        if self.random.random() < 0.4:
            other = self.pick(f"%elif {self.pick(*CONDITIONS)}", "%elifarch noarch aarch64", "%elifos linux")
            lines += [other, self.line(depth + 1)]
        if self.random.random() < 0.5:
            lines += [self.pick("%else", "%else # why"), self.line(depth + 1)]
        return "\n".join([*lines, "%endif"])

    def some(self, most: int) -> list[str]:
        return [self.line() for _ in range(self.random.randint(0, most))]

    def spec(self) -> str:
        lines = ["%global srcname six", "%global pyver 3", *self.some(3), "Source0: z.tar.gz"]
        lines += [
            f"Name: {self.pick('six', 'py%{pyver}-%{srcname}')}",
            f"Version: {self.pick('1.0', '1.%{?a}2')}",
        ]
        lines += [
            f"Release: {self.pick('1%{?dist}', '%{?b}3')}",
            "Summary: x %{?a}",
            "License: x",
            *self.some(4),
        ]
        lines += [
            self.pick("BuildArch: noarch", "Epoch: 2", ""),
            self.pick("%description", "%Description"),
            "x",
        ]
        packages = self.random.sample(["devel", "-n python%{pyver}-%{srcname}", "-n lib%{name}"], 2)
        for package in packages:
            lines += [f"%package {package}", "Summary: y", *self.some(2), f"%description {package}", "y"]
        lines += [self.pick("%prep", "%PREP"), self.pick(*SETUPS)]
        lines += [
            self.pick("%build\nmake", "%build\nmake %(true)", "%package late\nSummary: z\n%description late")
        ]
        lines += [f"%files {package}" for package in packages if self.random.random() < 0.8]
        return "\n".join(
            [*lines, self.pick("%files", "%files -n %{name}", "%files -f l", ""), "%changelog", ""]
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_known_is_what_rpm_knows(tmp_path: Path, seed: int) -> None:
    text = SpecWriter(seed).spec()
    path = tmp_path / "x.spec"
    path.write_text(close_prep(text))

    def run(argv: Sequence[str]) -> process.ProcessResult:
        return process.run([*argv, str(path)], env={"HOME": "/nonexistent"}, ok=process.ANY_STATUS)

    _, differences = compare_spec(text, MACROS, run)
    assert not differences, text


def test_most_of_these_specs_are_known() -> None:
    known = [
        reader_child.read_spec(SpecWriter(seed).spec(), {**RPM_MACROS, **MACROS}, "x86_64", is_expanded=False)
        for seed in SEEDS
    ]
    assert sum("name" in one for one in known) > len(SEEDS) / 2
