"""XML that others wrote, as a tree: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree


def parse_xml(data: bytes | str, root: str) -> ElementTree.Element:
    """The first element, whose name without its namespace must be `root`. Raises ValueError.

    Other exceptions of the library become ValueError too: for an encoding that Python does not know it is LookupError.
    """
    try:
        tree = ElementTree.fromstring(data)  # noqa: S314 - expat 2.4.1 and later bound entity expansion
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"it is not XML: {error}") from error
    if get_local_name(tree) != root:
        raise ValueError(f"it is a {get_local_name(tree)} document, not {root}")
    return tree


def get_local_name(node: ElementTree.Element) -> str:
    """The name of an element without its namespace; "" for a comment or processing instruction."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
