"""What a spec says: its tags, packages, sources and folder (rpm's build/parsePreamble.c, parsePrep.c, parseFiles.c)."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from altai_build.model.dependency import list_dependency_names
from altai_build.model.spec import SourceTag
from altai_build.model.spec_text import get_section_name
from altai_build.tools.spec.lines import SpecLines
from altai_build.tools.spec.macros import MacroExpander
from altai_build.tools.spec.options import read_line_options
from altai_build.tools.spec.tags import (
    MACRO_TAGS,
    PLATFORM_TAGS,
    SINGLE_WORD_TAGS,
    SPACE,
    Tag,
    is_legal,
    parse_tag,
    split_quoted_words,
    split_words,
    strip_comment,
)
from altai_build.tools.spec.undecided import UNDEFINED, UNKNOWN, OnlyRpmKnows

_OTHER_DEPENDENCIES = frozenset({
    "recommends", "suggests", "supplements", "enhances", "conflicts", "obsoletes", "buildconflicts",
    "orderwithrequires",
})  # fmt: skip
# Of those, and of Provides, there are no rich ones.
_NEVER_RICH = frozenset({"provides", "obsoletes", "orderwithrequires"})
# A spec has at most one of each.
_SINGLE_SECTIONS = frozenset(
    {"prep", "build", "install", "check", "clean", "generate_buildrequires", "changelog"}
)
_SETUP = re.compile(r"\s*%\{?setup\b")
# What rpm makes of %setup.
_ENTERED_FOLDER = re.compile(r"cd '([^'/][^']*)'")
_MADE_FOLDER = re.compile(r"\S*mkdir -p '.*'")
_ARCHIVE_SUFFIX = re.compile(r"\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|zip|gem|jar)$")


class RestartForArch(Exception):
    """BuildArch: rpm reads the spec once more, for that architecture, with the macros that there are by now."""

    def __init__(self, arch: str) -> None:
        super().__init__(arch)
        self.arch = arch


class PackageContent:
    """One %package, or the main package."""

    def __init__(self, arch: str, tags: dict[str, str]) -> None:
        self.tags = tags
        self.provides: list[str] = []
        self.requires: list[str] = []
        self.arch = arch
        self.is_made = False  # it has a %files
        # Of ExclusiveArch: and the like, by the tag: names in lower case.
        self.platforms: dict[str, set[str]] = {}

    @property
    def name(self) -> str:
        """Its full name; empty for a spec without Name:."""
        return self.tags.get("name", "")


class SpecContent:
    """A spec taken apart; without macros, a text that rpm has expanded.

    Raises OnlyRpmKnows where the static reader does not know, RestartForArch at BuildArch.
    """

    def __init__(self, text: str, macros: MacroExpander | None, arch: str, *, restarted: bool) -> None:
        self._lines = SpecLines(text, macros)
        self._macros = macros
        self._arch = arch
        self._restarted = restarted
        self.main = PackageContent(arch, {})
        self._packages = [self.main]
        self._package: PackageContent = self.main
        self.sources: list[SourceTag] = []
        self.patches: list[SourceTag] = []
        self.icons: list[SourceTag] = []
        self.build_requires: list[str] = []
        self._sections: set[str] = set()
        self._prep: list[str] = []
        self.setup: SetupMacro | None = None
        self._read()

    @property
    def made(self) -> list[PackageContent]:
        """The packages that a build makes."""
        return [package for package in self._packages if package.is_made]

    def find_exclusion(self, arch: str) -> str:
        """Why nothing can be built for an architecture (rpm's checkForValidArchitectures); empty where it can."""
        for package in self._packages:
            for tag, name in PLATFORM_TAGS.items():
                names = package.platforms.get(tag)
                own = arch if name.endswith("Arch") else "linux"
                if names is not None and (own in names) is name.startswith("Exclude"):
                    return f"{name}: {' '.join(sorted(names))}, and the target is {own}"
        return ""

    def get_archive_folder(self) -> str:
        """The top folder that the archive of the sources needs for %setup; empty for none.

        An archive for `%setup -c` has none, unless %prep goes on with a folder of the package's or the archive's name.
        """
        own = f"{self.main.name}-{self.main.tags.get('version', '')}"
        setup = self.setup or SetupMacro(folder=None, makes_folder=False, following=())
        if not setup.makes_folder:
            folder = posixpath.normpath(setup.folder or own).lstrip("/").partition("/")[0]
            return "" if folder == "." else folder
        files = [source.file for source in self.sources if source.number == 0]
        stems = [_ARCHIVE_SUFFIX.sub("", file) for file in files if _ARCHIVE_SUFFIX.search(file)]
        for folder in (own, *stems):
            used = re.compile(rf"(?:^|[\s\"'=]){re.escape(folder)}(?:[/\s\"';]|$)")
            if folder and any(used.search(line) for line in setup.following):
                return folder
        return ""

    def _read(self) -> None:
        section = "package"
        while (line := self._lines.read()) is not None:
            started = get_section_name(line)
            if started is not None:
                self._leave_section(section)
                section = self._enter_section(started, line)
            elif section in ("package", "sourcelist", "patchlist"):
                line = strip_comment(line)
                if line and self._lines.undecided:
                    raise self._undecided()
                if line and section == "package":
                    self._read_tag(line)
                elif line:
                    self._add_source(section[: -len("list")], line, None)
            elif UNKNOWN in line and not line.strip(SPACE + UNKNOWN):
                raise self._undecided()  # it may be whole sections
            elif section == "prep":
                if _SETUP.match(line) and (self._lines.undecided or not line.startswith("%setup")):
                    raise self._undecided()  # newer versions of rpm take it indented and in brackets too
                self._prep.append(line)
        self._leave_section(section)

    def _undecided(self) -> OnlyRpmKnows:
        return OnlyRpmKnows(self._lines.place)

    def _require_known(self, value: str) -> str:
        """The value, which only rpm knows if a macro is left in it."""
        if UNKNOWN in value or (self._macros is not None and "%" in value):
            raise self._undecided()
        return value

    # ---- sections --------------------------------------------------------------------------------------------

    def _enter_section(self, section: str, line: str) -> str:
        if self._lines.undecided:
            raise self._undecided()
        if self._macros is not None and section in _SINGLE_SECTIONS & self._sections:
            raise self._undecided()
        self._sections.add(section)
        if section == "package":
            self._add_package(line)
        elif section == "files":
            self._find_package(line, "n:f:").is_made = True
        elif section == "description" and UNKNOWN not in line:
            self._find_package(line, "n:l:")
        return section

    def _leave_section(self, section: str) -> None:
        if section == "package":
            for tag in ("epoch", "version", "release"):
                if tag in self.main.tags:
                    self._package.tags.setdefault(tag, self.main.tags[tag])
        if section == "prep" and self.setup is None:
            self.setup = self._find_setup(self._prep)

    def _add_package(self, line: str) -> None:
        self._require_known(line[1:])
        words = split_words(line)[1:]
        if len(words) == 2 and words[0] == "-n":
            name = words[1]
        elif len(words) == 1 and words[0] != "-n":
            name = f"{self.main.name}-{words[0]}"
        else:
            raise self._undecided()
        if not self.main.name or any(one.name == name for one in self._packages):
            raise self._undecided()
        self._check_legal("name", name)
        self._package = PackageContent(self.main.arch, {"name": name})
        self._packages.append(self._package)

    def _find_package(self, line: str, letters: str) -> PackageContent:
        """The package of a section, by the options and words behind its name."""
        options, words = self._read_options(line, letters)
        full_names = [value for letter, value in options if letter == "n"]
        if full_names:
            name = full_names[-1]
        elif words:
            name = f"{self.main.name}-{words[0]}"
        else:
            name = self.main.name
        packages = [package for package in self._packages if package.name == name]
        if len(words) > (0 if full_names else 1) or not packages:
            raise self._undecided()
        return packages[0]

    def _read_options(self, line: str, letters: str) -> tuple[list[tuple[str, str | None]], list[str]]:
        self._require_known(line[1:])
        try:
            return read_line_options(line, letters)
        except ValueError as error:
            raise self._undecided() from error

    # ---- tags ------------------------------------------------------------------------------------------------

    def _read_tag(self, line: str) -> None:
        try:
            tag = parse_tag(line)
        except ValueError as error:
            raise self._undecided() from error
        self._handle_tag(tag)
        if tag.name in MACRO_TAGS and self._macros is not None:
            self._macros.define(tag.name, tag.value)
            if self._package is self.main:
                self._macros.define(tag.name.upper(), tag.value)

    def _handle_tag(self, tag: Tag) -> None:
        name, value = tag.name, tag.value
        if name in SINGLE_WORD_TAGS and len(split_words(value)) > 1:
            raise self._undecided()
        if name in ("name", "version", "release", "epoch"):
            self._set_tag(name, value)
        elif name in ("source", "patch"):
            self._add_source(name, value, tag.number)
        elif name in ("buildrequires", "buildprereq"):
            self.build_requires += self._list_names(name, self._require_known(value))
        elif name in ("requires", "prereq"):
            self._package.requires += self._list_names(name, self._require_known(value))
        elif name == "provides":
            self._package.provides += self._list_names(name, self._require_known(value))
        elif name in _OTHER_DEPENDENCIES and UNKNOWN not in value:
            names = self._list_names(name, value)  # for what rpm refuses
            if name == "obsoletes" and not all(is_legal("name", one) for one in names):
                raise self._undecided()
        elif name == "icon":
            self.icons.append(SourceTag(number=len(self.icons), value=self._require_known(value)))
        elif name in PLATFORM_TAGS:
            if "%" in value:
                raise OnlyRpmKnows(f"{PLATFORM_TAGS[name]}: {value} {UNDEFINED}")
            known = self._package.platforms.setdefault(name, set())
            known.update(split_quoted_words(self._require_known(value).lower()))
        elif name in ("buildarch", "buildarchitectures"):
            self._set_arch(self._require_known(value))

    def _set_tag(self, tag: str, value: str) -> None:
        if tag in self._package.tags:
            raise self._undecided()
        self._check_legal(tag, self._require_known(value))
        self._package.tags[tag] = value.lstrip("0") or "0" if tag == "epoch" else value

    def _check_legal(self, tag: str, value: str) -> None:
        if self._macros is not None and not is_legal(tag, value):
            raise self._undecided()

    def _list_names(self, tag: str, value: str) -> list[str]:
        try:
            return list_dependency_names(value, may_be_rich=tag not in _NEVER_RICH)
        except ValueError as error:
            raise self._undecided() from error

    def _set_arch(self, value: str) -> None:
        if self._package is not self.main:
            self._package.arch = "noarch"
            if value != "noarch":
                raise self._undecided()
        elif self._macros is None:
            self.main.arch = value
        elif not self._restarted:
            if value not in ("noarch", self._arch):
                raise self._undecided()
            raise RestartForArch(value)

    def _add_source(self, kind: str, value: str, number: int | None) -> None:
        """Note a source or patch; without a number it gets the next one."""
        known = self._require_known(value)
        into = self.sources if kind == "source" else self.patches
        if number is None:
            number = max((source.number for source in into), default=-1) + 1
        if any(source.number == number for source in into):
            raise self._undecided()
        source = SourceTag(number=number, value=known)
        into.append(source)
        if self._macros is not None:
            path = self._macros.expand(f"%{{_sourcedir}}/{source.file}")
            self._macros.define(f"{kind.upper()}{number}", path)
            self._macros.define(f"{kind.upper()}URL{number}", known)

    # ---- %prep -----------------------------------------------------------------------------------------------

    def _find_setup(self, lines: list[str]) -> SetupMacro | None:
        """The first %setup of %prep, which tells what the archive's folder is called."""
        for number, line in enumerate(lines):
            following = tuple(lines[number + 1 :])
            entered = _ENTERED_FOLDER.fullmatch(line) if self._macros is None else None
            if entered:  # rpm has expanded %setup
                made = number > 0 and _MADE_FOLDER.fullmatch(lines[number - 1]) is not None
                return SetupMacro(folder=entered.group(1), makes_folder=made, following=following)
            if self._macros is not None and line.startswith("%setup"):
                setup = self._parse_setup(line, following)
                folder = setup.folder or f"{self.main.name}-{self.main.tags.get('version', '')}"
                self._macros.define("buildsubdir", folder)
                return setup
        return None

    def _parse_setup(self, line: str, following: tuple[str, ...]) -> SetupMacro:
        options, _ = self._read_options(line, "a:b:n:cDTq")
        values = dict(options)
        if any(letter in "ab" and not re.fullmatch("[0-9]+", value or "") for letter, value in options):
            raise self._undecided()
        return SetupMacro(folder=values.get("n"), makes_folder="c" in values, following=following)


class SetupMacro(NamedTuple):
    """What a %setup line asks for."""

    # -n
    folder: str | None
    # -c: the folder is made, and the archive unpacked in it
    makes_folder: bool
    # The lines of %prep behind it.
    following: tuple[str, ...]
