"""Mock configurations evaluated as mock does, in a sandboxed child process; results are cached."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altai_build.errors import InputError, MissingToolError
from altai_build.tools import commands, process
from altai_build.tools.files import write_atomically
from altai_build.tools.mock.config_files import ConfigSources
from altai_build.tools.mock.options import ALIASES, default_options
from altai_build.tools.sandbox.bubblewrap import EvaluationSandbox
from altai_build.tools.sealed_json import dump_sealed, read_sealed

CHILD = Path(__file__).with_name("evaluate_child.py")
CPU_SECONDS = 10  # of the child
TIMEOUT = 60.0  # seconds; the child's own limit of processor time is shorter
OUTPUT_LIMIT = 16 << 20  # bytes
# What the child imports of this Python's libraries.
_LIBRARIES = ("templated_dictionary", "jinja2", "markupsafe")
# Raise it when the child's response to the same request becomes another than before.
_FORMAT_VERSION = 2


@dataclass(frozen=True)
class EvaluatedOptions:
    """What the files of a configuration set."""

    values: Mapping[str, Any]  # by option, templates expanded, tuples as lists
    errors: Mapping[str, str]  # options whose template fails → why; their value is the text
    changed: frozenset[str]  # options that differ from mock's defaults
    plugin_settings: frozenset[str]  # the keys below plugin_conf that do
    flat: str  # Python statements that lead from mock's defaults to these options

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> EvaluatedOptions:
        """Read the child's response. Raises ValueError: a hostile configuration may have written anything."""
        values, errors, flat = document.get("values"), document.get("errors"), document.get("flat")
        changed, plugins = document.get("changed"), document.get("plugin_settings")
        if (
            not isinstance(values, dict)
            or not isinstance(errors, dict)
            or not isinstance(flat, str)
            or not isinstance(changed, list)
            or not isinstance(plugins, list)
            or not all(isinstance(word, str) for word in (*errors.values(), *changed, *plugins))
        ):
            raise ValueError("not a response of tools/mock/evaluate_child.py")
        return cls(values, errors, frozenset(changed), frozenset(plugins), flat)


def evaluate(
    sources: ConfigSources, given: Mapping[str, str], *, cache: Path | None = None
) -> EvaluatedOptions:
    """The options that the start files set, one after another, over mock's defaults.

    `given` are options that mock itself sets before it reads a file. With a `cache` directory the same texts are run
    once: the result depends on them, on the interpreter and on mock's library alone. Raises InputError for a
    configuration that fails, with file and line; MissingToolError without bubblewrap or mock's library.
    """
    libraries = _find_libraries()
    # The sandbox has no host name and knows no machine; the architecture is what a configuration may ask for.
    defaults = {**default_options(), "host_arch": platform.machine()}
    request = {
        "defaults": repr(defaults),
        "aliases": ALIASES,
        "given": dict(given),
        "start": [str(path) for path in sources.start],
        "files": {str(path): text for path, text in sources.texts.items()},
        "includes": {
            str(path): {name: str(found) for name, found in names.items()}
            for path, names in sources.includes.items()
        },
        "libraries": ["/libraries"],
        "seconds": CPU_SECONDS,
    }
    data = json.dumps(request).encode()
    cached = cache / f"{_cache_key(data, libraries)}.json" if cache is not None else None
    earlier = _read_cached(cached) if cached is not None else None
    if earlier is not None:
        return EvaluatedOptions.from_json(earlier)
    document = _run_child(sources, data, libraries)
    try:
        options = EvaluatedOptions.from_json(document)
    except ValueError as error:
        raise InputError(f"{sources.start[-1]} cannot be evaluated", why=str(error)) from error
    if cached is not None:
        # A workspace that cannot be written is no reason to fail: the next run evaluates it again.
        with suppress(InputError, OSError):
            write_atomically(cached, dump_sealed(document), durable=False)
    return options


def _find_libraries() -> dict[str, Path]:
    """The folders of the libraries that the child imports."""
    found = {}
    for name in _LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise MissingToolError(
                f"the Python library {name} is not installed",
                why="mock configurations are evaluated with mock's own library",
                todo="run scripts/setup",
            )
        found[name] = Path(spec.origin).parent
    return found


def _cache_key(request: bytes, libraries: Mapping[str, Path]) -> str:
    """What the result depends on: texts and defaults, this program's child, the interpreter, the libraries."""
    digest = hashlib.sha256()
    for part in (str(_FORMAT_VERSION), sys.version, commands.find_base_interpreter()):
        digest.update(f"{part}\n".encode())
    for place in (CHILD, *(folder / "__init__.py" for folder in libraries.values())):
        status = place.stat()
        digest.update(f"{place} {status.st_mtime_ns} {status.st_size}\n".encode("utf-8", "surrogateescape"))
    digest.update(request)
    return digest.hexdigest()


def _read_cached(path: Path) -> dict[str, Any] | None:
    """A cached response; None when there is none, or it is damaged."""
    document = read_sealed(path)
    # `clean` removes what is not used.
    with suppress(OSError):
        os.utime(path)
    return document


def _run_child(sources: ConfigSources, request: bytes, libraries: Mapping[str, Path]) -> Mapping[str, Any]:
    visible = {str(CHILD): "/program/child.py"}
    visible.update({str(folder): f"/libraries/{name}" for name, folder in libraries.items()})
    if not sys.base_prefix.startswith("/usr"):
        visible[sys.base_prefix] = sys.base_prefix
    argv = [commands.find_base_interpreter(), "-I", "-S", "-B", "/program/child.py"]
    result = process.run(
        EvaluationSandbox(visible).command(argv),
        input=request,
        ok=process.ANY_END,
        timeout=TIMEOUT,
        limit=OUTPUT_LIMIT,
    )
    try:
        document = json.loads(result.stdout)
        if result.returncode != 0 or not isinstance(document, dict):
            raise ValueError("no response")
    except (ValueError, RecursionError) as error:
        raise _no_response_error(sources, result) from error
    failure = document.get("error")
    if failure is not None:
        raise _failure(sources, failure)
    return document


def _no_response_error(sources: ConfigSources, result: process.ProcessResult) -> Exception:
    """The error for a child without a response: the sandbox did not start, or a limit ended it."""
    from altai_build.tools.sandbox.trial import find_start_fault  # seldom needed

    if fault := find_start_fault("mock configurations cannot be evaluated", result):
        return fault
    status = result.returncode
    ending = commands.describe_exit(commands.signal_of_shell(status))
    return InputError(
        f"{sources.start[-1]} cannot be evaluated: it {ending}",
        why=result.error_text,
        todo=f"a configuration may use {CPU_SECONDS} seconds and 1 GiB of memory, and start no other program",
    )


def _failure(sources: ConfigSources, failure: object) -> InputError:
    """The error that the child reports."""
    report = failure if isinstance(failure, dict) else {}
    file, line, message, todo = (report.get(name) for name in ("file", "line", "message", "todo"))
    path = next((path for path in sources.texts if str(path) == file), sources.start[-1])
    where, source = str(path), ""
    if isinstance(line, int) and line > 0:
        lines = sources.texts[path].splitlines()
        source = lines[line - 1].strip()[:200] if line <= len(lines) else ""
        where = f"{path}:{line}"
    return InputError(
        f"{where}: {str(message)[:1000]}",
        why=source,
        todo=todo if isinstance(todo, str) and todo else "correct it there: mock configurations are Python",
    )
