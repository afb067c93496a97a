"""`lifesigns explain`: a rule's manual page, or a topic with numbers measured here."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from lifesigns._errors import MissingExtraError
from lifesigns._outputs import STDOUT, write
from lifesigns.claims import topics
from lifesigns.report.language import Language, require_shown
from lifesigns.report.manual import page


def explain(
    name: str | None, console: Console, *, language: str = "en", html: Path | None = None
) -> None:
    """Prints what there is under a name: a rule's page, a topic's page, or both.

    Args:
        name: Of a rule or topic, or a rule's code; None lists the topics.
        console: Where to print.
        language: Code of the language of the page.
        html: Write a topic's page there, and print nothing else.

    Raises:
        UsageError: There is neither rule nor topic, or the terminal cannot show the language.
        MissingExtraError: A topic's numbers need an extra, and there is no rule of that name.
    """
    if name is None:
        topics.print_list(console)
        return
    topic, rule = topics.find(name, needs_topic=html is not None)
    if topic is not None and html is not None:
        write_html(topic, Language(language), html)
        return
    if rule is not None:
        page(rule, console, Language(language))
    if topic is None:
        return
    try:
        print(end="\n" if rule else "")
        show(topic, Language(language), console)
    except MissingExtraError as error:
        if rule is None:
            raise
        print(f"lifesigns: the topic {topic.name} is left out. {error}", file=sys.stderr)


def show(topic: topics.Topic, language: Language, console: Console) -> None:
    """Prints the page of a topic.

    Args:
        topic: Its claims are run where no result is kept.
        language: Of the page; English where the topic has no other.
        console: Must be able to show the title.

    Raises:
        UsageError: The terminal cannot show the page's language.
    """
    title = topic.words(language).title
    require_shown(console, title, "write the page to a file with --html FILE")
    (page,) = topics.measured_pages(topic, [language])
    topics.print_page(page, console)


def write_html(topic: topics.Topic, language: Language, path: Path) -> None:
    """Writes the page of a topic to `path`, in all its languages.

    Args:
        topic: Its claims are run where no result is kept.
        language: The one shown first; English where the topic has no other.
        path: Replaced if it is there; `-` is standard output.

    Raises:
        UsageError: `path` is no place for a file.
    """
    languages = sorted(topic.languages, key=lambda each: each is not language)
    write(path, topics.html(*topics.measured_pages(topic, languages)))
    if path != STDOUT:
        print(f"written: {path}")
