"""%autorelease counts the commits since the version changed, as rpmautospec does."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.component import Component, ComponentKind
from altai_build.model.limits import Limits
from altai_build.tools.git.component_source import ComponentSpec, SpecContent
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.rpm.autorelease import find_autorelease_macros
from altai_build.tools.rpm.evaluate import SpecEvaluator
from tests.kit.git import Repo


def spec(version: str, release: str = "%autorelease", more: str = "") -> str:
    head = f"Name: x\nVersion: {version}\nRelease: {release}\nSummary: x\nLicense: x\n"
    return f"%global major 2\n{head}%description\nx\n{more}%files\n%changelog\n%autochangelog\n"


class History:
    """A component whose history is made commit by commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = Repo(folder / "repo")

    def source(self) -> ComponentSpec:
        commit = self.repo.commit({"NOTES": "the last commit"})
        store = ObjectStore.open_borrowed(
            self.repo.path / ".git", shadows=self.folder / "shadows", origin="a test", commit=commit
        )
        component = Component("x", ComponentKind.SUBMODULE, "x", commit, None, "x.spec", None)
        text = self.repo.git("show", f"{commit}:x.spec") + "\n"
        content = SpecContent.of(text, store, store.read_tree(commit))
        return ComponentSpec(component=component, content=content)

    def release(self, **macros: str) -> str:
        evaluator = SpecEvaluator(Limits(), scratch=self.folder / "scratch", cache=self.folder / "cache")
        return evaluator.read(self.source(), macros, "x86_64").release


@pytest.fixture
def component(tmp_path: Path) -> History:
    component = History(tmp_path)
    component.repo.commit({"x.spec": spec("1")})
    component.repo.commit({"fix.patch": "x"})
    component.repo.commit({"x.spec": spec("%{major}.0")})
    component.repo.commit({"x.spec": spec("2.0", more="#\n")})
    return component


def test_commits_since_the_version_changed_are_counted(component: History) -> None:
    assert component.release(dist=".tb") == "3.tb", "the version, the comment, the notes"


@pytest.mark.parametrize(
    ("call", "release"),
    [
        ("%autorelease -b 3", "6.tb"),
        ("%{autorelease -b 10}", "13.tb"),
        ("%autorelease -p -e rc1", "0.4.rc1.tb"),
        ("%autorelease -s 20240101git -n", "4.20240101git"),
    ],
)
def test_options(component: History, call: str, release: str) -> None:
    component.repo.commit({"x.spec": spec("2.0", call)})
    assert component.release(dist=".tb") == release


def test_a_version_that_never_changed(tmp_path: Path) -> None:
    component = History(tmp_path)
    component.repo.commit({"README": "x"})
    component.repo.commit({"x.spec": spec("1")})
    assert component.release() == "2"


def test_floods_of_blank_lines_are_read_at_once(tmp_path: Path) -> None:
    component = History(tmp_path)
    # No version that is known: the lines that have it are compared.
    component.repo.commit({"x.spec": spec("%(echo 1)") + "\n" * 500_000})
    assert "autorelease(e:s:pb:n)" in find_autorelease_macros(component.source(), {}, "x86_64")


def test_macros_of_the_target_come_first(component: History) -> None:
    assert find_autorelease_macros(component.source(), {"autorelease(b:)": "7"}, "x86_64") == {}
    component.repo.commit({"x.spec": spec("1", "1").replace("%autochangelog\n", "")})
    assert find_autorelease_macros(component.source(), {}, "x86_64") == {}


def test_a_history_that_is_not_complete_is_an_error(component: History) -> None:
    source = component.source()
    (component.repo.path / ".git/shallow").write_text(f"{source.component.commit}\n")
    with pytest.raises(InputError, match="shallow"):
        find_autorelease_macros(source, {}, "x86_64")
