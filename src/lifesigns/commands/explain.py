"""`lifesigns explain`: a rule's manual page, or a topic with numbers measured here."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from lifesigns._errors import MissingExtraError
from lifesigns._outputs import STDOUT, write
from lifesigns.claims import topics
from lifesigns.locale.spoken import said
from lifesigns.report.language import Language
from lifesigns.report.manual import page


def explain(name: str | None, console: Console, *, html: Path | None = None) -> None:
    """Prints what there is under a name: a rule's page, a topic's page, or both.

    Args:
        name: Of a rule or topic, or a rule's code; None lists the topics.
        console: Where to print.
        html: Write a topic's page there, and print nothing else.

    Raises:
        UsageError: There is neither rule nor topic.
        MissingExtraError: A topic's numbers need an extra, and there is no rule of that name.
    """
    if name is None:
        topics.print_list(console)
        return
    topic, rule = topics.find(name, needs_topic=html is not None)
    if topic is not None and html is not None:
        write_html(topic, html)
        return
    if rule is not None:
        page(rule, console, Language.spoken())
    if topic is None:
        return
    try:
        print(end="\n" if rule else "")
        show(topic, console)
    except MissingExtraError as error:
        if rule is None:
            raise
        left_out = said(f"the topic {topic.name} is left out.")
        print(f"lifesigns: {left_out} {said(str(error), 'errors')}", file=sys.stderr)


def show(topic: topics.Topic, console: Console) -> None:
    """Prints the page of a topic.

    Args:
        topic: Its claims are run where no result is kept.
        console: Where to print.
    """
    (page,) = topics.measured_pages(topic, [Language.spoken()])
    topics.print_page(page, console)


def write_html(topic: topics.Topic, path: Path) -> None:
    """Writes the page of a topic to `path`, in all its languages.

    Args:
        topic: Its claims are run where no result is kept.
        path: Replaced if it is there; `-` is standard output.

    Raises:
        UsageError: `path` is no place for a file.
    """
    languages = [each for each in Language.each() if each in topic.languages]
    write(path, topics.html(*topics.measured_pages(topic, languages)))
    if path != STDOUT:
        print(said(f"written: {path}"))
