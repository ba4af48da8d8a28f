"""Headers of packages just built and of every package in the collection."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra
from altai_build.model.package import Dependency
from altai_build.tools.rpm.header import read_header
from tests.kit.rpms import build_rpm


def test_a_package_just_built_is_read_back(tmp_path: Path) -> None:
    built = build_rpm(
        tmp_path,
        "example",
        "1.2~rc1",
        "3.el6",
        epoch=4,
        files={"/usr/share/example/ä": "text", "/etc/example.conf": "a=1\n"},
        requires=["bash >= 4.0", "python(abi) = 2.6"],
        provides=["example-api = 2"],
        obsoletes=["old-example < 1"],
        conflicts=["rival"],
        changelog="Told in détail.",
    )
    header = read_header(built.binary)
    assert header.nevra == Nevra(name="example", epoch=4, version="1.2~rc1", release="3.el6", arch="noarch")
    assert (header.is_source, header.sourcerpm) == (False, "example-1.2~rc1-3.el6.src.rpm")
    assert (header.license, header.vendor, header.url) == ("MIT", "Example", "https://example.org/example")
    assert header.size == built.binary.stat().st_size
    assert [str(need) for need in header.requires if not need.name.startswith("rpmlib(")] == [
        "bash >= 4.0",
        "python(abi) = 2.6",
    ]
    assert Dependency(name="example-api", flags="=", evr="2") in header.provides
    assert [str(entry) for entry in header.obsoletes] == ["old-example < 1"]
    assert header.conflicts == (Dependency(name="rival", flags="", evr=""),)
    assert [(file.path, file.size, oct(file.mode), file.owner) for file in header.files] == [
        ("/etc/example.conf", 4, "0o100644", "root"),
        ("/usr/share/example/ä", 4, "0o100644", "root"),
    ]
    assert {len(file.digest) for file in header.files} == {64}
    assert header.changelog == "- Told in détail."
    assert (header.payload_compressor, header.file_digest_algorithm) == ("gzip", "SHA256")
    assert len(header.header_digest) == 64
    assert header.signature is None


def test_a_source_package_is_src_whatever_it_was_made_on(tmp_path: Path) -> None:
    header = read_header(build_rpm(tmp_path).source)
    assert (header.nevra.arch, header.is_source, header.sourcerpm) == ("src", True, "")
    assert [file.path for file in header.files] == ["hello.spec"]


def test_every_real_package_is_read(shared: Path) -> None:
    read = 0
    for entry in yaml.safe_load((shared / "rpms" / "INDEX.yaml").read_text())["files"]:
        path = shared / "rpms" / entry["file"]
        if entry["expected"] == "damaged":
            with pytest.raises(InputError, match="is not a readable RPM"):
                read_header(path)
            continue
        header = read_header(path)
        read += 1
        name, rest = header.nevra.name, f"{header.nevra.version}-{header.nevra.release}"
        arch = "src" if entry["source_package"] else entry["arch"]
        assert (header.nevra.arch, header.is_source) == (arch, entry["source_package"]), path
        assert header.nevra.epoch == (entry["epoch"] or 0), path
        assert entry["nevra"].startswith(f"{name}-") and f"{rest}." in entry["nevra"], path
        assert (header.license, len(header.files)) == (entry["license"], entry["payload"]["files"]), path
        assert header.vendor.startswith(entry["vendor"]), path
        assert header.file_digest_algorithm == entry["payload"]["file_digests"], path
        assert header.payload_compressor == entry["payload"]["compressor"], path
        assert (header.signature is not None) == bool(entry["signatures"]), path
    assert read >= 70


def test_text_that_is_not_utf_8_survives(shared: Path) -> None:
    odd = shared / "rpms/rpm-software-management_createrepo_c/balicek-iso88591-1.1.1-1.x86_64.rpm"
    summary = read_header(odd).summary
    assert (
        summary.encode("utf-8", "surrogateescape").decode("iso8859-1")
        == 'Balicek s "\xe0\xe1\xe2\xe3\xe4\xe5\xe7"'
    )


@pytest.mark.parametrize("data", [b"", b"text\n", b"\xed\xab\xee\xdb" + bytes(500)])
def test_what_is_no_package_is_the_input_s_fault(
    tmp_path: Path, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.rpm"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"x\.rpm is not a readable RPM"):
        read_header(path)
    with pytest.raises(InputError, match="gone"):
        read_header(tmp_path / "gone.rpm")
    assert capfd.readouterr() == ("", "")


def test_a_header_cut_short_tells_rpm_s_own_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rpm = build_rpm(tmp_path).binary
    data = rpm.read_bytes()
    rpm.write_bytes(data[: data.index(b"\x8e\xad\xe8\x01", 200) + 100])  # within the second header
    with pytest.raises(InputError) as caught:
        read_header(rpm)
    assert caught.value.why.startswith("rpm cannot read it: hdr ")
    assert capfd.readouterr() == ("", "")
