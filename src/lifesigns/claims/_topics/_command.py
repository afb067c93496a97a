"""`lifesigns explain TOPIC`: runs the topic's claims, shows the page."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from lifesigns._outputs import write
from lifesigns.claims._claim import Effort
from lifesigns.claims._command import kept_folder, run_with_progress
from lifesigns.claims._engine import find_claims
from lifesigns.claims._topics._html import html
from lifesigns.claims._topics._page import TopicPage, needed_claims, page_of
from lifesigns.claims._topics._text import print_page
from lifesigns.claims._topics._topic import Topic
from lifesigns.report.language import Language, require_shown


def show(topic: Topic, language: Language, console: Console) -> None:
    """Prints the page of a topic.

    Raises:
        UsageError: The terminal cannot show the page's language.
    """
    title = topic.words(language).title
    require_shown(console, title, "write the page to a file with --html FILE")
    print_page(_measured(topic, language), console)


def write_html(topic: Topic, language: Language, path: Path) -> None:
    """Writes the page of a topic to `path`.

    Raises:
        UsageError: `path` is no place for a file.
    """
    write(path, html(_measured(topic, language)))


def _measured(topic: Topic, language: Language) -> TopicPage:
    chosen = find_claims(needed_claims(topic))
    done = run_with_progress(chosen, Effort(quick=True), kept_folder())
    return page_of(topic, language, {each.claim.name: each for each in done})
