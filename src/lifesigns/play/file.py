"""The playground as one file: engine, page, styles, lessons and the user's own table."""

from __future__ import annotations

import base64
import functools
import json
import zlib
from typing import Any

from lifesigns.play.bundle import own_style, scripts
from lifesigns.play.chinese import chinese
from lifesigns.play.lesson import find, lessons
from lifesigns.report.page.columns import COLUMNS
from lifesigns.report.page.file_host import asset, closed, html_of, inert_json

LIBRARIES = ("vendor/preact.min.umd.js", "vendor/hooks.umd.js", "vendor/htm.umd.js")
STYLES = ("shell.css", "page.css")
_NOSCRIPT = (
    "<h1>lifesigns play</h1><p>The playground trains small networks in your browser. It needs "
    "JavaScript, and nothing else: no network, no server.</p><p>这个演练场在浏览器里训练小型网络，"
    "需要启用 JavaScript；无需联网，也无需服务器。</p>"
)


def play_html(
    *,
    lesson: str | None = None,
    lang: str | None = None,
    csv: tuple[str, str] | None = None,
) -> str:
    """The playground, a page that opens without a network.

    Args:
        lesson: The lesson that it begins with; None: the free playground.
        lang: `en` or `zh`; None: the language of the browser.
        csv: Name and text of a table that is put in as the reader's own data.

    Raises:
        UsageError: There is no such lesson; the message offers the nearest names.
    """
    if lesson is not None:
        find(lesson)
    start = {"lesson": lesson, "language": lang, "csv": csv and {"name": csv[0], "text": csv[1]}}
    document = inert_json({"start": start, "packed": _packed()})
    return html_of(
        _scripts(),
        _sheets(),
        f'<script type="application/json" id="document">{document}</script>',
        title="Play",
        noscript=_NOSCRIPT,
        worker="blob:",
    )


@functools.cache
def _packed() -> str:
    """The engine, the lessons and what else is not needed to begin, deflated, in base64."""
    content: dict[str, Any] = {
        "engine": scripts()[0],
        "lessons": lessons(),
        "columns": [column.to_json() for column in COLUMNS],
        "chinese": chinese(),
    }
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(deflate.compress(text) + deflate.flush()).decode("ascii")


@functools.cache
def _scripts() -> tuple[str, ...]:
    """Libraries, and the page."""
    return tuple(closed(text) for text in (*map(asset, LIBRARIES), scripts()[1]))


@functools.cache
def _sheets() -> tuple[str, ...]:
    return (*(closed(asset(name)) for name in STYLES), closed(own_style()))
