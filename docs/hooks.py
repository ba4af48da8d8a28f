"""For mkdocs: README.md and its neighbours are pages too; the page of commands has the help of each, that of troubles
every error text.

Links to other files of the repository lead to its server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import click
from error_texts import describe_errors
from message_texts import describe_messages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from altai_build.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
# File in the repository → its page.
TOP_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
_NUMBERED = re.compile(r"\d+\. ")
_ITEM_DEPTH = 3
_COMMENT = re.compile(r" *<!-- not run.* -->$")
_LINK = re.compile(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give headings the anchors that they have on the repository's server, so that links work in both places."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = make_anchor
    return config


def make_anchor(heading: str, separator: str) -> str:
    """The anchor of a heading as GitHub makes it: each blank is a hyphen, and other punctuation is left out."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the repository's top folder that are pages."""
    for name, page in TOP_PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Direct links, which are written for the repository, to pages or to the repository's server.

    Raises PluginError where a link has no target.
    """
    if page.file.src_uri == "commands.md":
        markdown += "\n".join(describe_commands(click.Context(cli, info_name="altai-build")))
    elif page.file.src_uri == "troubleshooting.md":
        markdown += "\n".join(
            (*describe_errors(ROOT / "altai_build"), *describe_messages(ROOT / "altai_build"))
        )
    at_top = page.file.src_uri in TOP_PAGES.values()
    folder = ROOT if at_top else ROOT / "docs"

    def direct(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if not target.is_relative_to(ROOT) or not target.exists():
            raise PluginError(f"{page.file.src_uri} has a link to {link[1]}, which is not in the repository")
        name = PurePosixPath(target.relative_to(ROOT)).as_posix()
        found = TOP_PAGES.get(name) or name.removeprefix("docs/")
        if files.get_file_from_path(found) is None:
            found = f"{(config.repo_url or '').rstrip('/')}/blob/main/{name}"
        return f"]({found}{link[2] or ''})"

    return "\n".join(indent_items(_LINK.sub(direct, markdown)))


def indent_items(markdown: str) -> Iterator[str]:
    """The lines of a page with what belongs to a numbered item as mkdocs wants it: four blanks deep, not three.

    Blocks in an item become blocks by their depth. Comments for those who read the source are left out.
    """
    fence, is_in_item, before = "", False, ""
    for line in markdown.splitlines():
        is_fence = line.lstrip(" ").startswith("```")
        depth = len(line) - len(line.lstrip(" "))
        if _NUMBERED.match(line) and not fence:
            is_in_item = True
        elif is_in_item and not fence and line and depth < _ITEM_DEPTH and not before:
            is_in_item = False
        before = line
        if _COMMENT.match(line):
            continue
        if is_fence and not fence:
            fence = "item" if is_in_item and depth >= _ITEM_DEPTH else "page"
            yield "" if fence == "item" else line
        elif is_fence:
            yield "" if fence == "item" else line
            fence = ""
        elif fence == "item":
            yield f"{' ' * 8}{line[_ITEM_DEPTH:]}" if line else ""
        else:
            yield f" {line}" if is_in_item and not fence and depth >= _ITEM_DEPTH else line


def describe_commands(context: click.Context) -> Iterator[str]:
    """The help of a command and of those below it, as Markdown."""
    context.terminal_width, context.max_content_width = 100, 100
    yield f"\n## {context.command_path.removeprefix('altai-build ')}\n\n```text\n{context.get_help()}\n```\n"
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is None:
                raise PluginError(f"{context.command_path} lists {name}, but has no such command")
            yield from describe_commands(click.Context(command, parent=context, info_name=name))
