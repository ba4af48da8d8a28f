"""Writes the spec files that turn Debian packages, and a root made of them, into RPMs.

usage: convert.py single WORK NAME REPOSITORY   the spec of WORK/unpacked/NAME, to stdout
       convert.py root WORK                     WORK/specs/testbed-runtime.spec and testbed-base.spec

Every value is taken from Debian's control file, from the unpacked files or from what fill-root left in WORK;
nothing but the names in the file `names` is known beforehand. The specs have no %install: the files exist.
"""

from __future__ import annotations

import email.parser
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPERATORS = {"<<": "<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">"}
CLAUSE = re.compile(r"^(?P<name>[^\s:(\[]+)(?::\w+)?\s*(?:\((?P<operator>[<>=]+)\s*(?P<version>[^)]+)\))?")
# Packages of a buildroot besides testbed-base: rpm's Python generator needs the first, specs the others.
BUILD_TOOLS = {"python3-packaging", "python3-pip", "python3-setuptools", "python3-wheel"}
UNWANTED = ("usr/share/lintian/", "usr/share/doc-base/", "usr/share/bug/", "usr/share/locale/")


@dataclass(frozen=True)
class Version:
    """A Debian version as RPM's three parts; `release` is without the distribution's suffix."""

    epoch: str
    version: str
    release: str

    @staticmethod
    def parse(text: str) -> Version:
        """Parse Debian's [epoch:]upstream[-revision]; RPM's version and release must not contain a hyphen."""
        epoch, colon, rest = text.partition(":")
        if not colon:
            epoch, rest = "", text
        version, hyphen, release = rest.rpartition("-")
        if not hyphen:
            version, release = rest, ""
        return Version(epoch, version.replace("-", "."), release or "0")

    def __str__(self) -> str:
        return f"{self.epoch + ':' if self.epoch else ''}{self.version}-{self.release}"


def rpm_version(text: str) -> str:
    """A version in a dependency: with a release only where Debian's has a revision."""
    parsed = Version.parse(text)
    return str(parsed) if "-" in text else str(parsed).rsplit("-", 1)[0]


def paragraph(text: str) -> dict[str, str]:
    """The fields of one Debian control paragraph."""
    return dict(email.parser.Parser().parsestr(text).items())


def clauses(field: str) -> Iterator[list[re.Match[str]]]:
    """The comma-separated clauses of a dependency field, each as its alternatives."""
    for clause in field.split(","):
        matches = [CLAUSE.match(alternative.strip()) for alternative in clause.split("|")]
        found = [match for match in matches if match]
        if found:
            yield found


def dependency(match: re.Match[str]) -> str:
    """One relation in RPM's notation."""
    if not match["operator"]:
        return match["name"]
    return f"{match['name']} {OPERATORS[match['operator']]} {rpm_version(match['version'])}"


def requires(control: dict[str, str], known: set[str]) -> list[str]:
    """The dependencies of the package; of alternatives, the first that the testbed has."""
    wanted = []
    for alternatives in clauses(control.get("Pre-Depends", "") + "," + control.get("Depends", "")):
        chosen = next((match for match in alternatives if match["name"] in known), None)
        if chosen is None:
            needed = alternatives[0][0]
            raise SystemExit(f"convert: {control['Package']} needs {needed}, which the testbed does not hold")
        wanted.append(dependency(chosen))
    return sorted(set(wanted))


def rpm_names() -> dict[str, list[str]]:
    """The file `names`: Debian package to RPM names."""
    lines = (line.split("#")[0].split() for line in (HERE / "names").read_text(encoding="utf-8").splitlines())
    return {words[0]: words[1:] for words in lines if words}


def provides(name: str, version: str, virtual: str) -> list[str]:
    """The other names by which packages may require a Debian package."""
    evr = Version.parse(version)
    own = [f"{other} = {evr}" for other in rpm_names().get(name, [])]
    return own + [dependency(alternatives[0]) for alternatives in clauses(virtual)]


def python_provides(root: Path, version: Version) -> list[str]:
    """python3dist(x) and python3-x for each Python distribution whose metadata is in the tree."""
    result = []
    for pattern in ("*-info/METADATA", "*-info/PKG-INFO", "*.egg-info"):
        for file in sorted(root.glob(f"usr/lib/python*/site-packages/{pattern}")):
            if not file.is_file():
                continue
            fields = paragraph(file.read_text(encoding="utf-8", errors="replace").split("\n\n")[0])
            name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
            dotted = re.sub(r"[^a-z0-9.]+", "-", fields["Name"].lower())
            python = file.relative_to(root).parts[2].replace("python", "")
            for prefix in (f"python{python}", f"python{python[0]}"):
                result += [f"{prefix}dist({other}) = {fields['Version']}" for other in (name, dotted)]
            result.append(f"python{python[0]}-{name} = {version}")
    return sorted(set(result))


def pkgconfig_provides(root: Path, paths: Iterable[str]) -> list[str]:
    """pkgconfig(x) for each .pc file; rpm's own generator looks for them in lib64 only."""
    result = []
    for path in paths:
        found = re.fullmatch(r"usr/(?:lib|share)/(?:[^/]+/)?pkgconfig/([^/]+)\.pc", path)
        if not found or (root / path).is_symlink():
            continue
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        version = re.search(r"^Version: *([\w.+~^]+) *$", text, flags=re.MULTILINE)
        result.append(f"pkgconfig({found[1]}) = {version[1]}" if version else f"pkgconfig({found[1]})")
    return sorted(result)


def read_license(root: Path, name: str) -> str:
    """The licenses in the copyright file of the package."""
    file = root / "usr/share/doc" / name / "copyright"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    found = dict.fromkeys(re.findall(r"^License: *(\S.*?)\s*$", text, flags=re.MULTILINE))
    return " and ".join(found) or f"see /usr/share/doc/{name}/copyright"


def quote(text: str) -> str:
    """Literal text in a spec."""
    return text.replace("%", "%%")


def file_line(root: Path, path: str) -> str:
    """One line of %files for a path relative to the root; rpm looks for a quoted path as it is first."""
    mode = os.lstat(root / path).st_mode
    literal = quote(f"/{path}")
    if stat.S_ISDIR(mode):
        return f'%dir "{literal}"'
    if path == "etc/ld.so.cache":
        return f'%ghost "{literal}"'
    if path.startswith("etc/"):
        return f'%config(noreplace) "{literal}"'
    return f'"{literal}"'


def paths_below(root: Path) -> Iterator[str]:
    """Every path below the root, relative to it, in a fixed order."""
    for directory, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(folders + files):
            yield os.path.relpath(os.path.join(directory, name), root)


def lines_of(file: Path) -> list[str]:
    """A text file's lines."""
    return file.read_text(encoding="utf-8").splitlines()


def known_names(work: Path) -> set[str]:
    """All names that packages of the testbed may depend on."""
    names = set()
    for line in lines_of(work / "runtime.packages"):
        name, _, virtual = line.split("\t")
        names |= {name} | {alternatives[0]["name"] for alternatives in clauses(virtual)}
    for control_file in (work / "unpacked").glob("*/DEBIAN/control"):
        control = paragraph(control_file.read_text(encoding="utf-8"))
        names |= {control["Package"]}
        names |= {alternatives[0]["name"] for alternatives in clauses(control.get("Provides", ""))}
    return names


def single_spec(work: Path, name: str, repository: str) -> str:
    """The spec of one Debian package; where it is released again, its release is higher."""
    root = work / "unpacked" / name
    control = paragraph((root / "DEBIAN/control").read_text(encoding="utf-8"))
    version = Version.parse(control["Version"])
    again = name in lines_of(work / f"{repository}.again")
    summary, _, rest = control["Description"].partition("\n")
    text = [re.sub(r"^\.$", "", line.strip()) for line in rest.splitlines()]
    runtime = set(lines_of(work / "runtime.paths"))
    files = [
        path
        for path in paths_below(root)
        if path.split("/")[0] != "DEBIAN"
        and not path.startswith(UNWANTED)
        and not ((root / path).is_dir() and not (root / path).is_symlink() and path in runtime)
    ]
    # The version without the distribution's suffix too: others' `= version` means Debian's.
    offered = [
        f"{name} = {version}",
        *provides(name, control["Version"], control.get("Provides", "")),
        *python_provides(root, version),
        *pkgconfig_provides(root, files),
    ]
    return "\n".join(
        [
            "%global __pythondist_provides %{nil}",
            "%global __pythondist_requires %{nil}",
            f"Name: {name}",
            *([f"Epoch: {version.epoch}"] if version.epoch else []),
            f"Version: {version.version}",
            f"Release: {version.release}{'.1' if again else ''}%{{dist}}",
            f"Summary: {quote(summary.rstrip('.'))}",
            f"License: {quote(read_license(root, name))}",
            *([f"URL: {quote(control['Homepage'])}"] if "Homepage" in control else []),
            *(["BuildArch: noarch"] if control["Architecture"] == "all" else []),
            *(f"Provides: {offer}" for offer in dict.fromkeys(offered)),
            *(f"Requires: {want}" for want in requires(control, known_names(work))),
            "%description",
            quote("\n".join(text) or summary),
            "%files",
            *(file_line(root, path) for path in files),
            "",
        ]
    )


def own_names(packages: Iterable[str]) -> list[str]:
    """Provides for the Debian packages in an RPM; each line is name, version and virtual names."""
    result = set()
    for line in packages:
        name, version, virtual = line.split("\t")
        result |= {f"{name} = {Version.parse(version)}", *provides(name, version, virtual)}
    return sorted(result)


def short_paths(paths: Iterable[str]) -> list[str]:
    """/bin/x and /sbin/x for programs that are there because /bin and /sbin are links."""
    return sorted(f"/{path[4:]}" for path in paths if re.fullmatch(r"usr/s?bin/[^/\s]+", path))


def root_specs(work: Path) -> dict[str, str]:
    """The specs of the two RPMs of the root: the runtime, and what builds need besides."""
    root = work / "root"
    singles = set(lines_of(work / "singles.paths"))
    before = set(lines_of(work / "runtime.paths"))
    runtime, base = [], []
    for path in paths_below(root):
        if path in before:
            runtime.append(path)
        elif path not in singles or (root / path).is_dir():
            base.append(path)
    runtime_packages = lines_of(work / "runtime.packages")
    single_names = set(lines_of(work / "singles.installed"))
    base_packages = [
        line
        for line in lines_of(work / "root.packages")
        if line not in runtime_packages and line.split("\t")[0] not in single_names
    ]
    version = (root / "etc/debian_version").read_text(encoding="utf-8").strip().split("/")[0]

    def offers(paths: list[str], packages: list[str]) -> list[str]:
        return own_names(packages) + pkgconfig_provides(root, paths) + short_paths(paths)

    header = [
        f"Version: {version}",
        "Release: %{release_date}%{dist}",
        "License: see /usr/share/doc/*/copyright",
        "AutoReq: no",
    ]
    needs = sorted(single_names | BUILD_TOOLS)
    policy = [f"{name} = {version}" for name in rpm_names()["testbed-base"]]
    return {
        "testbed-runtime": "\n".join(
            [
                "Name: testbed-runtime",
                "Summary: What every program of the testbed runs on, made of Debian packages",
                *header,
                *(f"Provides: {name}" for name in offers(runtime, runtime_packages)),
                "%description",
                "Shell, core utilities, libraries and Python.",
                "%post -p /sbin/ldconfig",
                "%files",
                *(file_line(root, path) for path in runtime),
                "",
            ]
        ),
        "testbed-base": "\n".join(
            [
                "Name: testbed-base",
                "Summary: What packages are built with, made of Debian packages",
                *header,
                "Requires: testbed-runtime = %{version}-%{release}",
                *(f"Requires: {name}" for name in needs),
                *(f"Provides: {name}" for name in policy + offers(base, base_packages)),
                "%description",
                "Compiler, make, headers, rpmbuild and its macros.",
                "%post -p /sbin/ldconfig",
                "%files",
                *(file_line(root, path) for path in base),
                "",
            ]
        ),
    }


def main(arguments: list[str]) -> None:
    """Run the command line; see the docstring of the module."""
    if len(arguments) == 4 and arguments[0] == "single":
        print(single_spec(Path(arguments[1]), arguments[2], arguments[3]))
    elif len(arguments) == 2 and arguments[0] == "root":
        for name, text in root_specs(Path(arguments[1])).items():
            Path(arguments[1], "specs", f"{name}.spec").write_text(text, encoding="utf-8")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
