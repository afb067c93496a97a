"""Topics of the textbook: a page each, in English and Chinese, with numbers of the claims.

Adding one takes a file with a `TOPIC` in this package, and a line in the changelog. Names and texts
are read without torch; it is needed for the numbers only, and imported with what measures them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lifesigns.claims.topics._discovery import all_topics, find, print_list
from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

if TYPE_CHECKING:
    from lifesigns.claims.topics._html import html
    from lifesigns.claims.topics._measured import measured_pages
    from lifesigns.claims.topics._page import page_of
    from lifesigns.claims.topics._text import print_page

__all__ = [
    "Formula",
    "Number",
    "Topic",
    "Words",
    "all_topics",
    "find",
    "html",
    "measured_pages",
    "page_of",
    "print_list",
    "print_page",
]

_HOMES = {
    "html": "_html",
    "measured_pages": "_measured",
    "page_of": "_page",
    "print_page": "_text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
