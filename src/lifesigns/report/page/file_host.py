"""The page as one file: document, scripts and styles together, and no request.

A policy in the file itself forbids everything that is not in it: only the scripts and styles with
these digests run, whatever a module of the watched network is named.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from lifesigns.locale.spoken import asked
from lifesigns.report.page import still
from lifesigns.report.page.linker import link
from lifesigns.report.shell import digest

_BROWSER = resources.files("lifesigns.report.page").joinpath("browser")
LIBRARIES = (
    "vendor/preact.min.umd.js",
    "vendor/hooks.umd.js",
    "vendor/htm.umd.js",
    "vendor/uPlot.iife.min.js",
)
"""In the order in which they need one another."""
STYLES = ("vendor/uPlot.min.css", "shell.css", "page.css")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "
    "d='M1 9h3l2-6 3 11 2-5h4' fill='none' stroke='%230b7285' stroke-width='2'/%3E%3C/svg%3E"
)


def page_html(document: Mapping[str, Any]) -> str:
    """The page of a run as one file that opens without a network.

    Args:
        document: A page document (docs/page-document.md).
    """
    return html_around(
        f'<script type="application/json" id="document">{inert_json(document)}</script>',
        title=document["report"]["command"] or "lifesigns",
        noscript=still.still_html(document),
    )


def html_around(
    source: str,
    *,
    title: str,
    entry: str = "main.js",
    noscript: str = "",
    connect: str = "'none'",
    styles: tuple[str, ...] = STYLES,
) -> str:
    """The page that a module draws, with its libraries, styles and policy.

    Args:
        source: Markup that the module reads, such as the element `#document`.
        title: Plain text.
        entry: The module of `browser/` that draws into `#page`.
        noscript: Markup for readers without JavaScript.
        connect: Where the page may send requests to: `connect-src` of its policy.
        styles: Files of `browser/`, in their order.
    """
    return html_of(
        _scripts(entry),
        _sheets(styles),
        source,
        title=title,
        noscript=noscript,
        connect=connect,
    )


def html_of(
    scripts: tuple[str, ...],
    sheets: tuple[str, ...],
    source: str,
    *,
    title: str,
    noscript: str = "",
    connect: str = "'none'",
    worker: str = "'none'",
) -> str:
    """A page of these scripts and styles, under a policy that allows nothing else.

    Args:
        scripts: Texts that may stand in a `<script>` (`closed`), in the order in which they run.
        sheets: Texts of styles likewise.
        source: Markup that stands before the scripts.
        title: Plain text.
        noscript: Markup for readers without JavaScript.
        connect: Where the page may send requests to: `connect-src` of its policy.
        worker: Where workers may come from: `worker-src` of its policy.
    """
    policy = _policy(scripts, sheets, connect, worker)
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="en" data-language="{asked()}">',
            '<head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<link rel="icon" href="{_ICON}">',
            f"<title>{html.escape(title)} · lifesigns</title>",
            *(f"<style>{text}</style>" for text in sheets),
            f'</head><body><main id="page"><noscript>{noscript}</noscript></main>',
            source,
            *(f"<script>{text}</script>" for text in scripts),
            "</body></html>\n",
        ]
    )


def _policy(scripts: tuple[str, ...], sheets: tuple[str, ...], connect: str, worker: str) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(map(digest, scripts))}; "
        f"style-src {' '.join(map(digest, sheets))}; img-src data:; "
        f"connect-src {connect}; worker-src {worker}; base-uri 'none'; form-action 'none'"
    )


def inert_json(value: Any) -> str:
    """JSON that cannot end the element it stands in, nor begin one.

    Args:
        value: Strict JSON values.

    Example:
        >>> "<" in inert_json("</script>")
        False
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@functools.cache
def _scripts(entry: str) -> tuple[str, ...]:
    """The libraries, and the modules that `entry` needs as one script."""
    files = [file.name for file in _BROWSER.iterdir() if file.name.endswith(".js")]
    script = link({name: asset(name) for name in files}, entry)
    return tuple(closed(text) for text in (*map(asset, LIBRARIES), script))


@functools.cache
def _sheets(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(closed(asset(name)) for name in names)


def closed(text: str) -> str:
    """A script or style as it can stand in its element.

    Comments that name a source map would make a debugger ask for it.

    Args:
        text: A script or style; one that would end its element is an error.
    """
    if re.search(r"</(script|style)|<!--", text, re.I):
        raise ValueError("a script or style of the page would end the element it stands in")
    return re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.M).strip()


def asset(name: str) -> str:
    """The text of a file of the page.

    Args:
        name: Below `browser/`.
    """
    return _BROWSER.joinpath(*name.split("/")).read_text(encoding="utf-8")
