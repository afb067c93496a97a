"""A topic's page on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lifesigns.claims.topics._page import Block, Explained, Item, Pointer, TopicPage
from lifesigns.report.terminal import fitted, write
from lifesigns.report.wrapping import wrapped


def print_page(page: TopicPage, console: Console) -> None:
    """Prints a page.

    Args:
        page: With its numbers; figures are left out.
        console: Its width folds the lines, its encoding decides which signs are replaced.
    """
    write(console, lambda: _print(page, console))


def _print(page: TopicPage, console: Console) -> None:
    _lines(console, page.title, style="bold")
    for section in page.sections:
        console.print()
        _lines(console, section.heading, style="bold")
        for number, block in enumerate(section.blocks):
            if number and not isinstance(block, Item):
                console.print()
            _block(console, block)


def _block(console: Console, block: Block) -> None:
    if isinstance(block, Explained):
        _lines(console, block.formula.text, "    ", style="cyan")
        _lines(console, block.letters)
    elif isinstance(block, Pointer):
        _lines(console, block.name, style="bold")
        _lines(console, block.says, "    ")
        _lines(console, block.command, "    ", style="dim")
    elif isinstance(block, Item):
        _lines(console, block.text, "- ", "  ")
    else:
        _lines(console, block.text, style="dim" if block.is_note else "")


def _lines(
    console: Console, text: str, first: str = "", rest: str | None = None, style: str = ""
) -> None:
    indent = first if rest is None else rest
    lines = wrapped(fitted(console, text), console.width - len(indent))
    for number, line in enumerate(lines):
        console.print(Text((indent if number else first) + line, style), no_wrap=True, crop=False)
