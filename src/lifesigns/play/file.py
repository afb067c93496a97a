"""The playground as one file: engine, page, styles, lessons and the user's own table."""

from __future__ import annotations

import functools
from typing import Any

from lifesigns.play.bundle import own_style, scripts
from lifesigns.play.lesson import find, lessons
from lifesigns.report.page.columns import COLUMNS
from lifesigns.report.page.file_host import LIBRARIES, asset, closed, html_of, inert_json

STYLES = ("vendor/uPlot.min.css", "shell.css", "page.css")
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
    engine, page = _scripts()
    start = {"lesson": lesson, "language": lang, "csv": csv and {"name": csv[0], "text": csv[1]}}
    document: dict[str, Any] = {
        "start": start,
        "lessons": lessons(),
        "columns": [column.to_json() for column in COLUMNS],
    }
    return html_of(
        (*map(closed, map(asset, LIBRARIES)), engine, page),
        _sheets(),
        f'<script type="application/json" id="document">{inert_json(document)}</script>',
        title="Play",
        noscript=_NOSCRIPT,
        worker="blob:",
    )


@functools.cache
def _scripts() -> tuple[str, str]:
    engine, page = scripts()
    return closed(engine), closed(page)


@functools.cache
def _sheets() -> tuple[str, ...]:
    return (*(closed(asset(name)) for name in STYLES), closed(own_style()))
