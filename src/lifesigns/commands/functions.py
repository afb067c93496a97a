"""`lifesigns functions`: the catalogue of activations, initialisers and losses."""

from __future__ import annotations

from pathlib import Path

from lifesigns._outputs import STDOUT
from lifesigns.locale.spoken import said


def functions(name: str | None = None, html: Path | None = None) -> None:
    """Prints the catalogue, or one of its functions.

    Args:
        name: Of one function; None shows all.
        html: Write a page with pictures there, and print nothing else.

    Raises:
        UsageError: There is no such function, or `html` is no place for a file.
    """
    if html is None:
        from lifesigns.report.functions_text import show

        show(name)
        return
    from lifesigns.report.functions_html import write_page

    write_page(html, name)
    if html != STDOUT:
        print(said(f"written: {html}"))
