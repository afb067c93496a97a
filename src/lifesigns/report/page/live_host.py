"""The page of a run that is going on: it fetches its document, and is told what is new."""

from __future__ import annotations

from lifesigns.report.page.file_host import html_around


def live_page() -> str:
    """The page that `lifesigns live` serves; the same for every run."""
    return html_around("", title="live", entry="live.js", connect="'self'")
