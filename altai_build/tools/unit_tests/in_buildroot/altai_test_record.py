"""Which lines each test ran: checks what an earlier record may be used for, and makes the next one.

It runs in the buildroot with the Python of the suite (2.7 or 3), before the suite (`start`) and behind it (`finish`):

    altai_test_record.py start|finish SOURCE FOLDER INPUTS RESULTS

SOURCE is the unpacked source of the component, FOLDER that of altai_test_contexts.py. INPUTS may have base.json, the
record of an earlier run, with selection.json: which tests are carried over from it, and which files should have
changed. RESULTS gets record.json, and selection.json: whether the tests were left out.
"""

import glob
import hashlib
import io
import json
import os
import sqlite3
import sys

MYPY = False
if MYPY:
    from typing import Any, Callable

VERSION = 1
# Bytes of a record.
_LARGEST_RECORD = 64 << 20
_MOST_TESTS = 200000
_SKIPPED_FOLDERS = frozenset(["__pycache__", ".git"])


def list_digests(top, algorithm):
    # type: (str, str) -> dict[str, str]
    """The files below a folder, with the names that git gives to their contents."""
    found = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        for name in files + [one for one in folders if os.path.islink(os.path.join(folder, one))]:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                data = _to_bytes(os.readlink(path))
            elif os.path.isfile(path) and not name.endswith((".pyc", ".pyo")):
                with open(path, "rb") as stream:
                    data = stream.read()
            else:
                continue
            digest = hashlib.new(algorithm, b"blob " + str(len(data)).encode() + b"\0")
            digest.update(data)
            found[_to_text(os.path.relpath(path, top))] = digest.hexdigest()
    return found


def _to_bytes(name):
    # type: (Any) -> bytes
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")


def _to_text(name):
    # type: (Any) -> Any
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def find_difference(tree, before, changed):
    # type: (dict[str, str], dict[str, str], dict[str, str]) -> str
    """A file that differs from what the selection was made for; "" where there is none."""
    expected = dict(before)
    expected.update(changed)
    for path in sorted(set(tree) | set(expected)):
        if tree.get(path) != expected.get(path):
            return path
    return ""


def start(source, folder, inputs):
    # type: (str, str, str) -> None
    """Note the files of the source, and which tests are left out: none where the source is not the expected one."""
    base, selection = _load_selection(inputs)
    tree = list_digests(source, selection["hash"])
    _write(os.path.join(folder, "tree.json"), tree)
    if base is None:
        return
    different = find_difference(tree, base["tree"], selection["changed"])
    if different:
        _write(os.path.join(folder, "refused"), "%s is not as its commit has it" % different)
        return
    _write(os.path.join(folder, "skip"), [base["tests"][number][0] for number in selection["carried"]])


def _load_selection(inputs):
    # type: (str) -> tuple[Any, Any]
    selection = _read(os.path.join(inputs, "selection.json"))
    base = _read(os.path.join(inputs, "base.json")) if "carried" in selection else None
    return base, selection


class Record(object):
    """Contexts by number, and for each file which of them ran what: pairs of lines (arcs), or lines."""

    def __init__(self, tests):
        # type: (list[list[Any]]) -> None
        self.tests = tests
        self.contexts = [""]
        self.files = {}  # type: dict[str, dict[tuple[int, int], set[int]]]
        self._numbers = {"": 0}
        for test in tests:
            self.add_context(test[0])
        self.has_arcs = True

    def add_context(self, name):
        # type: (str) -> int
        """The number of a context, a new one where it has none."""
        if name not in self._numbers:
            self._numbers[name] = len(self.contexts)
            self.contexts.append(name)
        return self._numbers[name]

    def find_context(self, name):
        # type: (str) -> int
        """The number of a context; what is neither a test nor shared by tests counts as outside of tests."""
        if name in self._numbers:
            return self._numbers[name]
        return self.add_context(name) if name.startswith("@") else 0

    def add(self, path, pair, contexts):
        # type: (str, tuple[int, int], set[int]) -> None
        """Contexts that ran a pair of lines; a line alone is a pair with 0."""
        pairs = self.files.setdefault(path, {})
        known = pairs.get(pair)
        pairs[pair] = contexts if known is None else known | contexts

    def to_document(self, tree, outside, unusable):
        # type: (dict[str, str], str, str) -> dict[str, object]
        """The record as JSON. Sets of contexts are written once, as ranges."""
        sets = {}  # type: dict[str, int]
        files = {}
        for path, pairs in self.files.items():
            rows = []
            for (first, last), contexts in sorted(pairs.items()):
                text = write_ranges(contexts)
                rows.append([first, last, sets.setdefault(text, len(sets))])
            files[path] = rows
        return {
            "version": VERSION,
            "python": "%d.%d.%d" % tuple(sys.version_info[:3]),
            "arcs": self.has_arcs,
            "contexts": self.contexts,
            "tests": self.tests,
            "sets": sorted(sets, key=lambda text: sets[text]),
            "files": files,
            "tree": tree,
            "outside": outside,
            "unusable": unusable,
        }


def write_ranges(numbers):
    # type: (set[int]) -> str
    """Numbers as `0-3,7`."""
    ranges = []  # type: list[list[int]]
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(a) if a == b else "%d-%d" % (a, b) for a, b in ranges)


def read_ranges(text):
    # type: (str) -> set[int]
    """The numbers that `write_ranges` wrote."""
    numbers = set()  # type: set[int]
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def read_data(record, path, source):
    # type: (Record, str, str) -> None
    """What coverage.py measured of the files of the source (its file format since version 5). Raises sqlite3.Error."""
    database = sqlite3.connect(path)
    try:
        row = database.execute("select value from meta where key = 'has_arcs'").fetchone()
        record.has_arcs = row is not None and row[0] == "1"
        contexts = dict(
            (number, record.find_context(name))
            for number, name in database.execute("select id, context from context")
        )
        for number, name in database.execute("select id, path from file").fetchall():
            relative = _locate(name, source)
            if not relative:
                continue
            if record.has_arcs:
                query = "select fromno, tono, context_id from arc where file_id = ?"
                for first, last, context in database.execute(query, (number,)):
                    record.files.setdefault(relative, {}).setdefault((first, last), set()).add(
                        contexts[context]
                    )
                continue
            for context, bits in database.execute(
                "select context_id, numbits from line_bits where file_id = ?", (number,)
            ):
                for line in _read_bits(bits):
                    record.files.setdefault(relative, {}).setdefault((line, 0), set()).add(contexts[context])
    finally:
        database.close()


def _read_bits(bits):
    # type: (bytes) -> list[int]
    return [
        8 * place + bit for place, byte in enumerate(bytearray(bits)) for bit in range(8) if byte & (1 << bit)
    ]


def _locate(name, source):
    # type: (str, str) -> str
    """A file by its path below the source; "" for others."""
    path = os.path.realpath(os.path.join(os.getcwd(), name))
    top = os.path.realpath(source)
    return _to_text(os.path.relpath(path, top)) if path.startswith(top + os.sep) else ""


def carry_over(record, base, selection, names):
    # type: (Record, Any, Any, set[str]) -> dict[str, list[tuple[int, int]]]
    """Add to a record what tests that were left out ran at an earlier commit; returns it by file.

    What the tests of a file share counts as long as one of them is carried over. Code that runs while modules are
    imported was run again.
    """
    kept = set(names)
    kept.update("@" + row[5] for row in base["tests"] if row[0] in names)
    if names:
        kept.add("@")
    numbers = {}
    for number, name in enumerate(base["contexts"]):
        if name in kept:
            numbers[number] = record.add_context(name)
    sets = [
        set(numbers[number] for number in read_ranges(text) if number in numbers) for text in base["sets"]
    ]
    found = {}  # type: dict[str, list[tuple[int, int]]]
    for path, rows in base["files"].items():
        moved = make_line_map(selection["moved"].get(path))
        pairs = []
        for first, last, number in rows:
            start, end = moved(first), moved(last)
            if not sets[number] or start is None or end is None:
                continue
            record.add(path, (start, end), sets[number])
            pairs.append((start, end))
        if pairs:
            found[path] = pairs
    return found


def make_line_map(ranges):
    # type: (list[list[int]] | None) -> Callable[[int], int | None]
    """A function from lines of the earlier commit to those of this one; None for a line that has changed.

    `ranges` has first line before, first line now, number of lines; None: the file is the same. coverage.py writes
    entries and exits as the negative of a line.
    """
    if ranges is None:
        return lambda line: line
    lines = dict((before + step, now + step) for before, now, count in ranges for step in range(count))
    lines[0] = 0

    def move(line):
        # type: (int) -> int | None
        found = lines.get(abs(line))
        return found if found is None or line >= 0 else -found

    return move


def write_carried_data(path, source, found, has_arcs):
    # type: (str, str, dict[str, list[tuple[int, int]]], bool) -> None
    """A data file of coverage.py with what tests ran that were left out."""
    from coverage import CoverageData

    data = CoverageData(basename=path)
    top = os.path.realpath(source)
    if has_arcs:
        data.add_arcs(dict((os.path.join(top, name), pairs) for name, pairs in found.items()))
    else:
        data.add_lines(
            dict((os.path.join(top, name), [first for first, _ in pairs]) for name, pairs in found.items())
        )
    data.write()


def read_runs(folder):
    # type: (str) -> dict[str, Any]
    """What the processes of a suite say, as if one had run all tests."""
    merged = {"tests": [], "skipped": [], "outside": "", "unusable": ""}  # type: dict[str, Any]
    tests = {}  # type: dict[str, list[Any]]
    order = []  # type: list[str]
    for path in sorted(glob.glob(os.path.join(folder, "run-*.json")), key=os.path.getmtime):
        run = _read(path)
        for row in run["tests"]:
            before = tests.get(row[0])
            order += [row[0]] if before is None else []
            # Run again: it counts as it ended last; what it did in any run it may do again.
            row[6] = row[6] or (before is not None and before[6])
            tests[row[0]] = row
        merged["skipped"] += run["skipped"]
        merged["outside"] = merged["outside"] or run["outside"]
        merged["unusable"] = merged["unusable"] or run["unusable"]
    merged["tests"] = [tests[name] for name in order[:_MOST_TESTS]]
    if not tests and not merged["skipped"]:
        merged["unusable"] = merged["unusable"] or "no test was seen"
    return merged


def finish(source, folder, inputs, results):
    # type: (str, str, str, str) -> None
    """Write the record of the run, and the data of tests that were left out beside those of coverage.py."""
    base, selection = _load_selection(inputs)
    run = read_runs(folder)
    record = Record([row + [None] for row in run["tests"]])
    unusable = run["unusable"]
    data = os.environ["COVERAGE_FILE"]
    try:
        if os.path.exists(data):
            read_data(record, data, source)
        else:
            unusable = unusable or "coverage.py left no data"
    except sqlite3.Error as error:
        unusable = unusable or "the data of coverage.py cannot be read: %s" % error
    refused = os.path.join(folder, "refused")
    skipped = set(run["skipped"])
    if base is not None:
        reason = _read(refused) if os.path.exists(refused) else ""
        carried = [number for number in selection["carried"] if base["tests"][number][0] in skipped]
        _write(
            os.path.join(results, "selection.json"), {"reason": reason, "carried": write_ranges(set(carried))}
        )
        names = set(base["tests"][number][0] for number in carried)
        found = carry_over(record, base, selection, names)
        if found:
            write_carried_data(data + ".carried", source, found, record.has_arcs)
        for number in carried:
            row = base["tests"][number]
            record.tests.append(row[:7] + [row[7] or selection["base"]])
    document = record.to_document(_read(os.path.join(folder, "tree.json")), run["outside"], unusable)
    path = os.path.join(results, "record.json")
    _write(path, document)
    if os.path.getsize(path) > _LARGEST_RECORD:
        os.remove(path)
        _write(path, {"version": VERSION, "unusable": "the record of its coverage by test is too large"})


def _read(path):
    # type: (str) -> Any
    with io.open(path, encoding="utf-8") as stream:
        return json.load(stream)


def _write(path, document):
    # type: (str, object) -> None
    with open(path, "w") as stream:
        json.dump(document, stream, separators=(",", ":"))


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start(*sys.argv[2:5])
    else:
        finish(*sys.argv[2:6])
