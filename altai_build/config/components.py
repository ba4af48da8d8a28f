"""`components` of repos.yaml, and what its keys share with others: macros, templates."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

from altai_build.config.component_keys import BOOTSTRAP, COMPONENT
from altai_build.config.schema import Bootstrap, ComponentSettings
from altai_build.config.superproject import check_inner_path
from altai_build.config.yaml_reader import YamlNode

if TYPE_CHECKING:
    from altai_build.config.unit_tests import TestSettings
    from altai_build.model.sources import SourceChoice

_SOURCE_PLACEHOLDERS = ("baseurl", "version", "project", "gpgkeys", "keys", "channel", "ring")
_MACRO = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# With the letters of its options in brackets, as %define takes them.
_PARAMETRIC_MACRO = re.compile(rf"{_MACRO.pattern}(?:\((?:-|[A-Za-z0-9:]*)\))?")


def read_component(name: str, node: YamlNode) -> ComponentSettings:
    """One entry of `components`."""
    node = node.check_section(COMPONENT)
    sources = []
    for file, template in node.get_child("sources").read_mapping("source file"):
        if error := _check_file_name(file):
            template.add_error(error)
        sources.append(
            (
                file,
                template.read_text(check=_make_template_check(_SOURCE_PLACEHOLDERS)),
            )
        )
    return ComponentSettings(
        name=name,
        source=_read_source(node.get_child("source")) if node.has_key("source") else None,
        sources=tuple(sources),
        macros=read_macros(node.get_child("macros")),
        specs=node.get_child("specs").read_texts(check=check_inner_path),
        repository=node.get_child("repository").read_text() or None,
        skip=node.get_child("skip").read_text() or None,
        bootstrap=_read_bootstrap(node.get_child("bootstrap")) if node.has_key("bootstrap") else None,
        exclude_submodules=node.get_child("exclude_submodules").read_texts(),
        test=read_tests(node.get_child("test")),
    )


def read_tests(node: YamlNode, *, is_default: bool = False) -> TestSettings | None:
    """The settings of unit tests; None where there are none. With `is_default` those of all components."""
    if node.value is None:
        return None
    # Most definitions have none.
    from altai_build.config.unit_tests import read_test_settings

    return read_test_settings(node, is_default=is_default)


def _read_source(node: YamlNode) -> SourceChoice | None:
    # Few components say it.
    from altai_build.model.sources import SourceChoice

    chosen = node.read_choice([choice.value for choice in SourceChoice], "")
    return SourceChoice(chosen) if chosen else None


def _read_bootstrap(node: YamlNode) -> Bootstrap:
    node = node.check_section(BOOTSTRAP)
    bootstrap = Bootstrap(
        with_=node.get_child("with").read_texts(check=_check_macro_name),
        without=node.get_child("without").read_texts(check=_check_macro_name),
        macros=read_macros(node.get_child("macros")),
    )
    if not bootstrap.all_macros:
        node.add_error("no setting is given; write with: [NAME], without: [NAME] or macros: {NAME: VALUE}")
    return bootstrap


def _check_macro_name(value: str) -> str | None:
    return None if _MACRO.fullmatch(value) else "a macro name is letters, digits and _, without %"


def read_macros(node: YamlNode) -> tuple[tuple[str, str], ...]:
    """Macros by name, or by name and options (`py_provides()`), with their values as rpmbuild's --define takes them."""
    macros = []
    for macro, value in node.read_mapping("macro"):
        if not _PARAMETRIC_MACRO.fullmatch(macro):
            value.add_error("a macro is a name of letters, digits and _, without %, or NAME(OPTIONS)")
        elif isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
            value.add_error(
                f"got the number {value.describe_value()}; quote it, a macro is text (6.10 would become 6.1)"
            )
        elif value.value is None:
            value.add_error("rpm refuses a macro without a value; write '%{nil}'")
        else:
            macros.append((macro, value.read_text()))
    return tuple(macros)


def _check_file_name(value: str) -> str | None:
    if "/" in value or value in (".", "..") or value.startswith("-"):
        return "a source is a plain file name, without folders"
    return None


def list_template_fields(template: str) -> list[str] | None:
    """The placeholders of a template; None where it has something else in braces."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        return None
    if any(spec or conversion for _, name, spec, conversion in parsed if name is not None):
        return None
    return [name for _, name, _, _ in parsed if name is not None]


def _make_template_check(placeholders: tuple[str, ...]) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        names = list_template_fields(value)
        if names is None or any(name not in placeholders for name in names):
            return f"placeholders are {', '.join('{' + name + '}' for name in placeholders)}"
        return None

    return check
