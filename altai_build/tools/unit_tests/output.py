"""What test programs print → test cases, for those that write no JUnit XML: one reader for each kind of suite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from altai_build.model.unit_tests import SuiteKind, TestCase, TestStatus
from altai_build.tools.unit_tests.junit import MAX_CASES, make_case

# Characters of a line that are looked at.
_LINE_LIMIT = 2_000

Lines = Sequence[str]


def read_output(kind: SuiteKind, text: str) -> list[TestCase]:
    """The cases that the output of a suite tells of; none of a kind whose output has no known form."""
    reader = _READERS.get(kind)
    # A command of one's own, or nose, may print what unittest does.
    if reader is None and _UNITTEST_SUMMARY.search(text):
        reader = _read_unittest
    if reader is None:
        return []
    lines = [line[:_LINE_LIMIT] for line in text.splitlines()]
    return list(reader(lines))[:MAX_CASES]


# unittest: `test_x (module.Class) ... ok`, and sections of what failed.
_UNITTEST_NAME = re.compile(
    r"^(?P<name>\w[^\s()]*) \((?P<suite>[\w.<>-]+)\)(?: \[.*\])?(?: \.\.\. (?P<end>.*))?$"
)
_UNITTEST_END = re.compile(
    r"(?:^|\.\.\. |\s)(?P<end>ok|FAIL|ERROR|expected failure|unexpected success|skipped\b.*|SKIP\b.*)$"
)
_UNITTEST_SECTION = re.compile(r"^(?P<end>FAIL|ERROR|UNEXPECTED SUCCESS): (?P<title>.+)$")
_UNITTEST_TITLE = re.compile(r"^(?P<name>\w[^\s()]*) \((?P<suite>[\w.<>-]+)\)")
_TESTTOOLS_TITLE = re.compile(r"^(?P<suite>[\w.]+)\.(?P<name>\w+(?:\(.*\))?)$")
_UNITTEST_STATES = {
    "ok": TestStatus.PASSED,
    "expected failure": TestStatus.PASSED,
    "FAIL": TestStatus.FAILED,
    "unexpected success": TestStatus.FAILED,
    "UNEXPECTED SUCCESS": TestStatus.FAILED,
    "ERROR": TestStatus.ERROR,
}


_UNITTEST_SUMMARY = re.compile(r"^Ran \d+ tests? in [\d.]+s?[ \t]*$", re.MULTILINE)


def _read_unittest(lines: Lines) -> Iterator[TestCase]:
    failures = {(case.suite, case.name): case for case in _read_unittest_sections(lines)}
    seen = set()
    for case in _read_unittest_list(lines):
        key = (case.suite, case.name)
        if key not in seen or key not in failures:
            seen.add(key)
            yield failures.get(key, case)
    # Modules that cannot be imported, setUpClass, and tests whose line another output has torn.
    yield from (case for key, case in failures.items() if key not in seen)


def _read_unittest_list(lines: Lines) -> Iterator[TestCase]:
    current: tuple[str, str] | None = None
    for line in lines:
        if line.startswith("====="):
            return
        found = _UNITTEST_NAME.match(line)
        if found is not None:
            current = _name_unittest(found["suite"], found["name"])
            rest = found["end"]
            if rest is None:
                continue
            line = f"... {rest}"
        end = _UNITTEST_END.search(line) if current is not None else None
        if end is None or current is None:
            continue
        word = end["end"]
        status = _UNITTEST_STATES.get(word, TestStatus.SKIPPED)
        yield make_case(*current, status, message=word if status is TestStatus.SKIPPED else "")
        current = None


def _name_unittest(suite: str, name: str) -> tuple[str, str]:
    """Python 3.11 writes the name behind the class too."""
    return suite.removesuffix(f".{name}"), name


def _read_unittest_sections(lines: Lines) -> Iterator[TestCase]:
    number = 0
    while number < len(lines):
        section = _UNITTEST_SECTION.match(lines[number])
        if section is None or number == 0 or not lines[number - 1].startswith("====="):
            number += 1
            continue
        start = number + 1
        if start < len(lines) and not lines[start].startswith("-----"):
            start += 1  # the first line of its docstring
        end = start + 1
        while end < len(lines) and not lines[end].startswith(("=====", "-----")):
            end += 1
        title = section["title"].strip()
        named = _UNITTEST_TITLE.match(title) or _TESTTOOLS_TITLE.match(title)
        suite, name = _name_unittest(named["suite"], named["name"]) if named else ("", title)
        detail = "\n".join(lines[start + 1 : end]).strip("\n")
        yield make_case(suite, name, _UNITTEST_STATES[section["end"]], detail=detail)
        number = end


# automake: `PASS: name`, and for failures a section of test-suite.log, which VERBOSE=1 prints.
_AUTOMAKE_LINE = re.compile(r"^(PASS|FAIL|XFAIL|XPASS|SKIP|ERROR): (\S.*)$")
_AUTOMAKE_HEADING = re.compile(r"^(FAIL|XPASS|ERROR|SKIP|XFAIL): (\S.*)$")
_AUTOMAKE_STATES = {
    "PASS": TestStatus.PASSED,
    "XFAIL": TestStatus.PASSED,
    "FAIL": TestStatus.FAILED,
    "XPASS": TestStatus.FAILED,
    "SKIP": TestStatus.SKIPPED,
    "ERROR": TestStatus.ERROR,
}


def _read_automake(lines: Lines) -> Iterator[TestCase]:
    details: dict[str, str] = {}
    headings = set()
    for number, line in enumerate(lines[:-1]):
        heading = _AUTOMAKE_HEADING.match(line)
        if heading is not None and re.fullmatch(r"=+", lines[number + 1]):
            end = number + 2
            while end < len(lines) and not re.fullmatch(r"=+", lines[end]):
                end += 1
            headings.add(number)
            name = re.sub(r" \(exit status: \d+\)$", "", heading[2])
            details[re.sub(r"\.log$", "", name)] = "\n".join(
                lines[number + 2 : max(number + 2, end - 1)]
            ).strip("\n")
    seen: dict[str, int] = {}
    for number, line in enumerate(lines):
        found = _AUTOMAKE_LINE.match(line)
        # `# PASS:  3` and `FAIL: 1` are sums, not tests.
        if found is None or number in headings or re.fullmatch(r"\s*\d+", found[2]):
            continue
        name = re.sub(r" \(exit status: \d+\)$", "", found[2]).strip()
        seen[name] = seen.get(name, 0) + 1
        yield make_case("", name, _AUTOMAKE_STATES[found[1]], detail=details.get(name, ""))


# ctest: ` 1/12 Test  #1: name .......   Passed    0.01 sec`
_CTEST_LINE = re.compile(
    r"^\s*\d+/\d+ Test\s+#\d+: (?P<name>.+?) \.*\s*(?P<end>Passed|\*\*\*[^\d]+?)\s*(?:(?P<seconds>\d+\.\d+) sec)?\s*$"
)


def _read_ctest(lines: Lines) -> Iterator[TestCase]:
    for number, line in enumerate(lines):
        found = _CTEST_LINE.match(line)
        if found is None:
            continue
        end = found["end"].strip("* ")
        status = TestStatus.PASSED if end == "Passed" else TestStatus.FAILED
        if end.startswith(("Skipped", "Not Run (Disabled)")):
            status = TestStatus.SKIPPED
        detail = "" if status is TestStatus.PASSED else _read_until(lines, number + 1, _CTEST_NEXT)
        message = "" if status is TestStatus.PASSED else _name_cause(detail, end)
        yield make_case("", found["name"], status, float(found["seconds"] or 0), message, detail)


_CTEST_NEXT = re.compile(r"^\s*(?:Start\s+\d+:|\d+/\d+ Test\s+#|\d+% tests passed)")


def _read_until(lines: Lines, start: int, stop: re.Pattern[str]) -> str:
    end = start
    while end < len(lines) and not stop.match(lines[end]):
        end += 1
    return "\n".join(lines[start:end]).strip("\n")


def _name_cause(detail: str, end: str) -> str:
    last = next((line for line in reversed(detail.splitlines()) if line.strip()), "")
    return f"{end}: {last.strip()}" if last else end


# go test -v: `--- PASS: TestX (0.00s)`, then `ok  package  0.01s`.
_GO_CASE = re.compile(r"^(?P<depth>\s*)--- (?P<end>PASS|FAIL|SKIP): (?P<name>\S+) \((?P<seconds>[\d.]+)s\)")
_GO_PACKAGE = re.compile(r"^(?P<end>ok|FAIL|---)\s+\t?(?P<name>[\w./~@+-]+)\s+(?P<rest>.*)$")
_GO_STATES = {"PASS": TestStatus.PASSED, "FAIL": TestStatus.FAILED, "SKIP": TestStatus.SKIPPED}
_GO_NEXT = re.compile(r"^\s*(?:--- |=== |PASS$|FAIL$|ok\s|FAIL\s|\?\s)")


def _read_go(lines: Lines) -> Iterator[TestCase]:
    waiting: list[TestCase] = []
    printed: dict[str, list[str]] = {}
    running = ""
    for number, line in enumerate(lines):
        if line.startswith("=== "):
            running = line.split()[-1]
            continue
        case = _GO_CASE.match(line)
        if case is not None:
            status, name = _GO_STATES[case["end"]], case["name"]
            detail = "\n".join(
                filter(None, (*printed.pop(name, ()), _read_until(lines, number + 1, _GO_NEXT)))
            )
            waiting.append(
                make_case(
                    "",
                    name,
                    status,
                    float(case["seconds"]),
                    detail=detail if status is not TestStatus.PASSED else "",
                )
            )
            continue
        package = _GO_PACKAGE.match(line)
        if (
            package is not None
            and ("/" in package["name"] or package["rest"])
            and package["end"] in ("ok", "FAIL")
        ):
            yield from (
                make_case(package["name"], one.name, one.status, one.seconds, one.message, one.detail)
                for one in waiting
            )
            if package["end"] == "FAIL" and not any(one.is_failure for one in waiting):
                message = package["rest"].strip("[] ") or "failed"
                yield make_case(package["name"], "(package)", TestStatus.ERROR, message=message)
            waiting, printed = [], {}
        elif running and line.startswith((" ", "\t")):
            printed.setdefault(running, []).append(line)
    yield from waiting


# cargo test: `test module::name ... ok`, sections `---- module::name stdout ----`.
_CARGO_CASE = re.compile(
    r"^test (?P<name>.+?)(?: - should panic)? \.\.\. (?P<end>ok|FAILED|ignored)(?:, .*)?(?: <[\d.]+s>)?$"
)
_CARGO_SUITE = re.compile(r"^\s*(?:Running (?:unittests )?(?P<file>\S+)|Doc-tests (?P<name>\S+))")
_CARGO_SECTION = re.compile(r"^---- (?P<name>.+?)(?: stdout)? ----$")
_CARGO_STATES = {"ok": TestStatus.PASSED, "FAILED": TestStatus.FAILED, "ignored": TestStatus.SKIPPED}


def _read_cargo(lines: Lines) -> Iterator[TestCase]:
    details = {
        found["name"]: _read_until(lines, number + 1, re.compile(r"^(?:---- |failures:$)"))
        for number, line in enumerate(lines)
        if (found := _CARGO_SECTION.match(line))
    }
    suite = ""
    for line in lines:
        named = _CARGO_SUITE.match(line)
        if named is not None:
            suite = named["file"] or f"doc-tests of {named['name']}"
        case = _CARGO_CASE.match(line)
        if case is not None:
            detail = details.get(case["name"], "")
            message = next((text.strip() for text in detail.splitlines() if "panicked at" in text), "")
            yield make_case(suite, case["name"], _CARGO_STATES[case["end"]], message=message, detail=detail)


_READERS: dict[SuiteKind, Callable[[Lines], Iterator[TestCase]]] = {
    SuiteKind.UNITTEST: _read_unittest,
    SuiteKind.AUTOMAKE: _read_automake,
    SuiteKind.CTEST: _read_ctest,
    SuiteKind.GO: _read_go,
    SuiteKind.CARGO: _read_cargo,
}
# Kinds whose passing run without a test means that nothing was tested; of a command only its exit status is known.
COUNTED_KINDS = frozenset(_READERS) | {SuiteKind.PYTEST, SuiteKind.NOSE}
