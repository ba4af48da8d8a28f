"""A process becomes root where it is not, in the best way that there is; what each way lacks is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from altai_build.errors import MissingToolError
from altai_build.tools import commands
from altai_build.tools.sandbox import user_namespace
from altai_build.tools.sandbox.user_namespace import Attempt, Way, require_root
from tests.conftest import Require
from tests.kit.cli import ROOT
from tests.kit.users import FIRST, UID, User, other_user

_PROGRAM = """
import os
from altai_build.tools import commands, process
from altai_build.tools.sandbox.user_namespace import become_root, describe_way, has_one_id
for attempt in become_root():
    print(attempt.way.name, attempt.usable, attempt.found)
print(os.geteuid(), os.getegid(), has_one_id())
print(process.run([*commands.caller_prefix(), "sh", "-c", "id -u; id -g; id -un"]).text.split())
"""


@pytest.fixture
def user(require: Require, request: pytest.FixtureRequest) -> Iterator[User]:
    require(os.geteuid() == 0, "becoming another user needs root")
    require(shutil.which("newuidmap") is not None, "newuidmap (package uidmap) is not installed")
    with other_user(ids=request.param) as made:
        yield made


@pytest.mark.parametrize("user", [True], indirect=True)
def test_a_user_with_many_ids(user: User) -> None:
    done = user.python(_PROGRAM)
    assert done.stdout.splitlines() == [
        "ROOT False this is the user tester",
        f"RANGE True 65536 ids from {FIRST}",
        "0 0 False",
        # Programs that talk to others as the user are this user again.
        f"['{UID}', '{UID}', 'tester']",
    ], done.stderr
    refused = user.python(_PROGRAM, start=("setpriv", "--no-new-privs", "--"))
    assert "RANGE False newuidmap failed: newuidmap: " in refused.stdout
    assert "\nONE_ID True " in refused.stdout


@pytest.mark.parametrize("user", [False], indirect=True)
def test_a_user_without_other_ids(user: User) -> None:
    done = user.python(_PROGRAM)
    assert done.stdout.splitlines() == [
        "ROOT False this is the user tester",
        "RANGE False no range of ids for user tester in /etc/subuid and /etc/subgid",
        "ONE_ID True all files of buildroots belong to one user",
        "0 0 True",
        f"['{UID}', '{UID}', 'tester']",
    ], done.stderr


def _start_as_root(*prefix: str) -> str:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", _PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_root_of_a_container_that_may_not_mount(require: Require) -> None:
    require(os.geteuid() == 0, "dropping a capability needs root")
    assert _start_as_root("setpriv", "--bounding-set=-sys_admin").splitlines() == [
        "ROOT False this root may not mount, as that of a container",
        "RANGE True a user namespace with the ids of this container",
        "0 0 False",
        "['0', '0', 'root']",
    ]


def test_root_of_a_namespace_whose_one_id_is_roots_is_refused(require: Require) -> None:
    """To the kernel its builds would be the machine's root."""
    require(os.geteuid() == 0, "root makes a namespace with its own id")
    last = _start_as_root("unshare", "--map-root-user").splitlines()[2]
    assert last == "ONE_ID False the one id of this user namespace is that of root outside"


def test_the_error_names_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = [
        Attempt(Way.ROOT, False, "this is the user x", "run it as root"),
        Attempt(Way.ONE_ID, False, "no", "allow it"),
    ]
    monkeypatch.setattr(user_namespace, "become_root", lambda: tuple(attempts))
    with pytest.raises(MissingToolError) as error:
        require_root()
    assert error.value.why == "root of the machine: this is the user x\nuser namespace with one id: no"
    assert error.value.todo.startswith("allow it; or run it as root; or use mock")
    attempts.append(Attempt(Way.ONE_ID, True, "yes"))
    require_root()


def test_root_of_the_machine_enters_nothing(require: Require) -> None:
    require(os.geteuid() == 0, "this needs root")
    before = os.stat("/proc/self/ns/user").st_ino
    assert user_namespace.become_root()[-1] == Attempt(Way.ROOT, True, "this is root")
    assert os.stat("/proc/self/ns/user").st_ino == before
    assert commands.caller_prefix() == []
