"""JUnit XML checked as CI services read it: by a schema, and by its own counts."""

from __future__ import annotations

import functools
from pathlib import Path
from xml.etree import ElementTree

import xmlschema


@functools.cache
def _load_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def find_junit_errors(data: bytes) -> list[str]:
    """What is wrong with a document; nothing where every service can read it."""
    errors = [f"{error.path}: {error.reason}" for error in _load_schema().iter_errors(data.decode())]
    for suite in ElementTree.fromstring(data).iter("testsuite"):
        cases = suite.findall("testcase")
        found = {"tests": len(cases)}
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            found[name] = sum(case.find(tag) is not None for case in cases)
        errors += [
            f"{suite.get('name')}: {name} is {suite.get(name)}, but there are {count}"
            for name, count in found.items()
            if suite.get(name) != str(count)
        ]
    return errors
