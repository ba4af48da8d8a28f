"""What servers and clones can try against whoever reads them: credentials, bombs, commands, other people's objects."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from altai_build.errors import AltaiError, InputError, SigningError
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.http import download
from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, read_passphrase_file
from altai_build.tools.repo.groups import read_group
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.repo.mirrors import read_mirrors
from altai_build.tools.repo.repodata import parse_packages
from altai_build.tools.repo.repomd import MetadataFile, read_repomd
from altai_build.tools.repo.stored_files import StoredFile
from altai_build.tools.solver.pool import PackagePool
from tests.kit.cli import PROGRAM, ROOT, altai_build
from tests.kit.git import Repo
from tests.kit.repodata import index_metadata
from tests.kit.server import Request, scripted_server
from tests.kit.superprojects import DEFINITION, World, make_files

# ---- servers ---------------------------------------------------------------------------------------------------------


def test_credentials_of_one_server_are_not_given_to_another(tmp_path: Path) -> None:
    """A redirect leads to another host name, which .netrc does not know."""
    seen: dict[str, list[str | None]] = {"own": [], "other": []}

    def answer_other(request: Request) -> None:
        seen["other"].append(request.headers.get("authorization"))
        request.answer(200, b"data", content_length="4")

    with scripted_server(answer_other) as other:
        place = other.replace("127.0.0.1", "localhost")

        def answer_own(request: Request) -> None:
            seen["own"].append(request.headers.get("authorization"))
            request.answer(302, location=f"{place}/x", content_length="0")

        with scripted_server(answer_own) as own:
            with_password = own.replace("http://", "http://user:secret@")
            download.fetch_file(f"{with_password}/x", tmp_path / "x", limit=100)
    assert (tmp_path / "x").read_bytes() == b"data"
    expected = f"Basic {base64.b64encode(b'user:secret').decode()}"
    assert seen == {"own": [expected], "other": [None]}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://localhost/x", "//[", "http://x:999999/"])
def test_a_redirect_leads_to_web_servers_only(tmp_path: Path, target: str) -> None:
    def answer(request: Request) -> None:
        request.answer(302, location=target, content_length="0")

    with scripted_server(answer) as server, pytest.raises(InputError):
        download.fetch_file(f"{server}/x", tmp_path / "x", limit=10_000)
    assert not (tmp_path / "x").exists()


def test_a_small_answer_that_is_decoded_to_a_large_file_is_stopped(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20))

    def answer(request: Request) -> None:
        request.answer(200, bomb, content_encoding="gzip", content_length=str(len(bomb)))

    with scripted_server(answer) as server:
        # What is not decoded is what the server sent.
        with suppress(InputError):
            download.fetch_file(f"{server}/x.xml", tmp_path / "x.xml", limit=1 << 20)
        with suppress(InputError):
            assert len(download.read_url(f"{server}/list", limit=1 << 20)) <= 1 << 20
    assert [path.stat().st_size for path in tmp_path.iterdir() if path.stat().st_size > 1 << 20] == []


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + '<!ENTITY file SYSTEM "file:///etc/passwd">]>'
)


@pytest.mark.parametrize("entity", ["&a11;", "&file;"])
def test_entities_in_metadata_are_refused_by_each_reader(tmp_path: Path, entity: str) -> None:
    """Ten to the power of eleven times "ha", and a file of this machine."""

    def refuse(text: str, name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'<?xml version="1.0"?>{ENTITIES}{text}')
        return path

    refuse(f"<repomd><revision>{entity}</revision></repomd>", "repodata/repomd.xml")
    with pytest.raises(InputError):
        read_repomd(tmp_path)
    comps = refuse(f"<comps><group><id>{entity}</id></group></comps>", "comps.xml")
    with pytest.raises(InputError):
        read_group(StoredFile(comps, MetadataFile("group", "comps.xml", None, None)), "x")
    link = refuse(f"<metalink><url>http://x/{entity}/repodata/repomd.xml</url></metalink>", "metalink")
    with pytest.raises(InputError):
        read_mirrors(link.as_uri(), {})
    row = f'<package type="rpm"><name>{entity}</name><arch>noarch</arch></package>'
    primary = refuse(f'<metadata packages="1">{row}</metadata>', "primary.xml").read_bytes()
    folder = index_metadata(tmp_path / "repo", {"primary": (primary, gzip.compress(primary))})
    metadata = read_local_metadata("m", folder)
    names: list[str] = []
    with pytest.raises(ValueError):
        parse_packages(metadata.primary, lambda package: names.append(package.name))
    pool = PackagePool("x86_64", cache=tmp_path / "cache")
    with pytest.raises(InputError):
        pool.add_repository(metadata)
    assert "root:" not in "".join(names)


# ---- clones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=touch${IFS}PLACE/x",
        "-oProxyCommand=touch${IFS}PLACE:x",
        "ssh://x@-oProxyCommand=touch${IFS}PLACE/x",
        "ext::sh -c touch% PLACE",
        "--upload-pack=touch PLACE",
        "file://PLACE\n--upload-pack=touch PLACE",
    ],
)
def test_a_url_of_a_submodule_runs_no_command(tmp_path: Path, url: str) -> None:
    world = World(tmp_path)
    world.component("repos/good", make_files("good"))
    quoted = url.replace("PLACE", str(tmp_path / "made")).replace("\n", "\\n")
    world.component("repos/evil", make_files("evil"), url=f'"{quoted}"')
    world.pin()
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    answer = altai_build("srpm", "--json", cwd=world.super.path)
    rows = {row["component"]: row["status"] for row in answer.json}
    assert (answer.code, rows) == (3, {"good": "built", "evil": "failed"})
    assert not (tmp_path / "made").exists()


def test_grafts_and_replacements_of_a_clone_change_no_history(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    first, _, last = (repo.commit({"x": str(number)}) for number in range(3))
    (repo.path / ".git/info").mkdir(exist_ok=True)
    (repo.path / ".git/info/grafts").write_text(f"{last}\n")
    other = repo.commit({"x": "other"}, branch="other", parents=[])
    repo.git("replace", last, other)
    assert repo.git("rev-list", "--count", last) == "1"
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=last
    )
    assert (store.count_commits(last), store.is_ancestor(first, last)) == (3, True)
    (entry,) = store.read_tree(last)
    assert store.read_blobs([entry.oid]) == [b"2"]


@pytest.mark.parametrize("lines", ["/nonexistent", "LOOP", "\0\1\2", "x" * 5000, "/dev/zero", "FIFO"])
def test_alternates_of_a_clone_that_lead_nowhere_are_no_bug(tmp_path: Path, lines: str) -> None:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit({"x": "1"})
    objects = repo.path / ".git/objects"
    if lines == "FIFO":
        os.mkfifo(tmp_path / "fifo")
    text = lines.replace("LOOP", str(objects)).replace("FIFO", str(tmp_path / "fifo"))
    (objects / "info/alternates").write_text(f"{text}\n")
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=commit
    )
    (entry,) = store.read_tree(commit)
    assert store.read_blobs([entry.oid], commit=commit) == [b"1"]
    with pytest.raises(InputError, match="is missing"):
        store.read_blobs(["1" * 40])


# ---- the machine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [12, 16, 24, 40])
def test_few_open_files_are_an_error_of_the_machine(tmp_path: Path, files: int) -> None:
    world = World(tmp_path)
    world.component("repos/good", make_files("good"))
    world.pin()
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    done = subprocess.run(
        ["prlimit", f"--nofile={files}:{files}", sys.executable, *PROGRAM, "plan"],
        cwd=world.super.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3, 4), done.stderr
    assert "this is a bug" not in done.stderr


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [
        (b"", ""),
        (b"\n\nsecret", ""),
        (b"secret", "secret"),
        (b"secret\r\nmore\n", "secret"),
        ("gehe\u00edm\n".encode(), "gehe\u00edm"),
        (b" \tblanks \n", " \tblanks "),
        (b"\xff\xfe\n", None),
    ],
)
def test_odd_passphrase_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, passphrase: str | None
) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    file.chmod(0o600)
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(file))
    if passphrase is None:
        with pytest.raises(SigningError, match="cannot read the passphrase file"):
            read_passphrase_file()
    else:
        assert read_passphrase_file() == passphrase


@pytest.mark.parametrize("kind", ["folder", "missing", "readable by others", "loop", "long name", "nul"])
def test_unusable_passphrase_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    file = tmp_path / "file"
    if kind == "folder":
        file.mkdir(mode=0o700)
    elif kind == "readable by others":
        file.write_bytes(b"secret")
        file.chmod(0o640)
    elif kind == "loop":
        file.symlink_to(file)
    elif kind == "long name":
        file = tmp_path / ("x" * 300)
    elif kind == "nul":
        file.write_bytes(b"sec\0ret\n")
        file.chmod(0o600)
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(file))
    try:
        assert read_passphrase_file() == "sec\0ret"
    except AltaiError as error:
        assert isinstance(error, SigningError)
        assert "secret" not in str(error)
    else:
        assert kind == "nul"
