"""rpmspec and rpmbuild -bs, always in the sandbox: a spec is expanded, a source package is made."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from altai_build.errors import AltaiError, BuildError, InputError
from altai_build.model.limits import Limits
from altai_build.model.spec_text import close_prep, find_git_question
from altai_build.regular_files import resolve_links
from altai_build.tools import commands, process
from altai_build.tools.files import make_directory, move_out, scratch_directory, sha256_file
from altai_build.tools.git.component_source import ComponentSpec
from altai_build.tools.rpm.macro_files import MacroFiles
from altai_build.tools.sandbox.bubblewrap import BUILD_DIR, HostSandbox
from altai_build.tools.sandbox.clock import fixed_lua_clock
from altai_build.tools.sandbox.limits import run_with_output
from altai_build.tools.spec.macrofiles import RPM_CONFIG_DIR
from altai_build.tools.spec.reader import RPM_MACROS, decode_spec, encode_spec
from altai_build.tools.spec.undecided import MACRO_FIX, UNDEFINED
from altai_build.tools.tree import walk_tree

# Seconds. A spec is read in milliseconds and packed in seconds; one whose %(...) never ends must not stop the others.
EXPAND_TIMEOUT = 30.0
SRPM_TIMEOUT = 600.0
# Bytes. The output for the longest real spec has a hundredth.
OUTPUT_SIZE_LIMIT = 64 << 20
# Bytes of data of one process. rpm needs a tenth for the largest real specs.
MEMORY_LIMIT = 2 << 30
# Endings of files that are compressed already.
_COMPRESSED_SUFFIXES = (
    ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".lzma", ".zst", ".zip", ".jar", ".whl", ".gem", ".png",
)  # fmt: skip
# Bytes. A source package with less that is not compressed yet gets an uncompressed payload.
_SMALL_SIZE = 1 << 18
# Characters of a line of a spec in a message.
_LONGEST_SHOWN_LINE = 100


# What rpm says of a Lua program that needs a file of another package.
_MISSING_MODULE = re.compile(r"lua script failed: .*module '.*' not found")
# Marks of rpkg, of Jinja and of configure scripts.
_TEMPLATE = re.compile(r"\{\{.*\}\}|@[A-Za-z_]\w+@")
NO_REPOSITORY_FIX = (
    "specs are read without a repository, so that a commit gives one package: read a committed file "
    "(%(cat %{{_sourcedir}}/VERSION)), or use a macro that components.{component}.macros in repos.yaml defines"
)

# What rpm says where a macro was left that it does not know.
_UNDEFINED_MACRO = re.compile(
    r"(?:Unknown tag|Dependency tokens|unsigned number|subpackages are supported|Illegal (?:char|sequence)"
    r"|parse error in expression).*?"
    r"%\{?[!?]*([A-Za-z_]\w*)"
)


def rpm_version_key() -> str:
    """The version of rpmbuild and a digest of its macros, for the keys of source packages.

    Other macros can give a spec other requirements. The sandbox has no macros but those below RPM_CONFIG_DIR.
    """
    digest = hashlib.sha256()
    # Paths as text: there are hundreds of files.
    for name in sorted(entry.path for entry in walk_tree(resolve_links(RPM_CONFIG_DIR))):
        path = f"{RPM_CONFIG_DIR}/{name}"
        if os.path.isfile(path):
            digest.update(f"{name}\0{sha256_file(path)}\n".encode())
    return f"{process.read_program_version('rpmbuild')} {digest.hexdigest()[:16]}"


def expand_spec(
    spec: str,
    files: Mapping[str, bytes],
    macros: Mapping[str, str],
    arch: str,
    limits: Limits,
    *,
    epoch: int,
    scratch: Path,
    macro_files: MacroFiles | None = None,
) -> process.ProcessResult:
    """A spec with all macros expanded by rpm, on standard output; files that the spec writes are discarded.

    `files` are those in SPECS/ and SOURCES/ by their paths; `spec` is one of them. It is read at the time `epoch`
    (seconds since 1970), which is also that of the files. `macro_files` are in place of this machine's.
    """
    argv = ["rpmspec", "--parse", f"--target={arch}", f"--eval={fixed_lua_clock(epoch)}"]
    argv += [*_define_options({**RPM_MACROS, **macros}), spec]
    with scratch_directory(scratch, "spec") as home:
        for path, content in files.items():
            make_directory((home / path).parent)
            (home / path).write_bytes(content)
        (home / spec).write_bytes(encode_spec(close_prep(decode_spec(files[spec]))))
        for path in files:
            os.utime(home / path, (epoch, epoch))
        view = _make_view(home, epoch, macro_files)
        return run_with_output(view, argv, _bound_limits(limits, EXPAND_TIMEOUT))


def spec_error(source: ComponentSpec, result: process.ProcessResult, text: str) -> AltaiError:
    """The error for a failed rpm: its first error line about the spec, how it ended, or that it did not start.

    `text` is the spec that it was given.
    """
    spec_path = source.component.spec_path
    lines = [
        line for line in result.stderr.decode("utf-8", "replace").splitlines() if line.startswith("error: ")
    ]
    # A killed rpm did not refuse anything, whatever it had complained about.
    if lines and result.returncode >= 0:
        first = lines[0].removeprefix("error: ").strip()
        undefined = _UNDEFINED_MACRO.search(first)
        if undefined:
            return InputError(
                f"{source.component.name}: {source.component.spec} {UNDEFINED}: %{undefined[1]}",
                why=result.error_text,
                todo=f"{MACRO_FIX.format(component=source.component.name)}; or fix {spec_path}",
            )
        return InputError(
            f"{source.component.name}: rpm refuses {source.component.spec}: {_show_line(first, text)}",
            why=result.error_text,
            todo=_advise(source, _show_line(first, text)),
        )
    from altai_build.tools.sandbox.trial import find_start_fault  # seldom needed

    if fault := find_start_fault(f"{source.component.name}: no source package was made", result):
        return fault
    return BuildError(
        f"{source.component.name}: no source package was made: rpm {commands.describe_exit(result.returncode)}",
        why=result.error_text,
        todo=f"check {spec_path} for a %(...) that never ends or uses more than build.limits allows; "
        "check free memory and space",
    )


def _advise(source: ComponentSpec, error: str) -> str:
    """What to do about an error of rpm in a spec."""
    name, path = source.component.name, source.component.spec_path
    if _MISSING_MODULE.search(error):
        return f"{MACRO_FIX.format(component=name)}, its Lua modules too"
    if find_git_question(error):
        return NO_REPOSITORY_FIX.format(component=name)
    if _TEMPLATE.search(error):
        return (
            f"{path} seems to be a template: commit the spec that is made of it, and name that in "
            f"components.{name}.specs in repos.yaml"
        )
    return f"fix {path} and commit it"


def _show_line(error: str, text: str) -> str:
    """An error about a line of a spec, with that line where it has macros: rpm tells what they expand to.

    Behind an %include rpm may count the lines of another file.
    """
    found = re.match(r"line (\d+): ", error)
    lines = text.split("\n")
    if not found or not 0 < int(found[1]) <= len(lines) or "%include" in text:
        return error
    line = lines[int(found[1]) - 1].strip()
    if "%" not in line or line in error:
        return error
    shown = line if len(line) <= _LONGEST_SHOWN_LINE else f"{line[:_LONGEST_SHOWN_LINE]}…"
    return f"line {found[1]} (`{shown}`): {error[found.end() :]}"


def build_srpm(
    top: Path,
    spec: str,
    macros: Mapping[str, str],
    arch: str,
    limits: Limits,
    *,
    epoch: int,
    macro_files: MacroFiles | None = None,
) -> process.ProcessResult:
    """Make the source package of SPECS/`spec` below `top` in SRPMS/; `epoch` is its build time, and the time there.

    The payload is gzip, which EL6 can read, without compression where nearly all sources are compressed already.
    Programs that the spec runs can write to a folder of their own below `top` only. SOURCES/ and SPECS/ are moved to
    it; it is left for the caller to remove with `top`. `macro_files` are in place of this machine's.
    """
    with os.scandir(top / "SOURCES") as sources:
        plain = sum(file.stat().st_size for file in sources if not file.name.endswith(_COMPRESSED_SUFFIXES))
    payload = {"_source_payload": "w0.gzdio" if plain < _SMALL_SIZE else "w1.gzdio"}
    argv = [
        "rpmbuild",
        "-bs",
        "--nodeps",
        f"--target={arch}",
        *_define_options({**RPM_MACROS, **payload, **macros}),
        # rpmbuild drops what --eval has done when it reads its macros for the target; this it expands before the spec.
        *_define_options({"_topdir": f"{fixed_lua_clock(epoch)}{RPM_MACROS['_topdir']}"}),
    ]
    argv.append(posixpath.join(BUILD_DIR, "SPECS", spec))
    home = make_directory(top / ".home", mode=0o700)
    for name in ("SOURCES", "SPECS"):
        os.rename(top / name, home / name)
    view = _make_view(home, epoch, macro_files)
    packed = run_with_output(view, argv, _bound_limits(limits, SRPM_TIMEOUT))
    # Also matches nosrc.rpm.
    move_out(home / "SRPMS", make_directory(top / "SRPMS"), "src.rpm")
    return packed


def _make_view(home: Path, epoch: int, macro_files: MacroFiles | None) -> HostSandbox:
    replaced = (RPM_CONFIG_DIR, macro_files.write(home / ".rpm")) if macro_files else None
    return HostSandbox(writable=home, now=epoch, replaced=replaced)


def _bound_limits(limits: Limits, seconds: float) -> Limits:
    """The limits of builds, and where they allow more than rpm needs for a spec or a source package, less."""
    return replace(
        limits,
        seconds=min(limits.seconds or seconds, seconds),
        memory=min(limits.memory or MEMORY_LIMIT, MEMORY_LIMIT),
        log=min(limits.log or OUTPUT_SIZE_LIMIT, OUTPUT_SIZE_LIMIT),
    )


def _define_options(macros: Mapping[str, str]) -> list[str]:
    """`--define` options; the values of a target's macros are plain text."""
    return [f"--define={name} {value}" for name, value in macros.items()]
