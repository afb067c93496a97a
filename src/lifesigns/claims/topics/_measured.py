"""A topic's page with numbers measured on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.claims._claim import Effort
from lifesigns.claims._engine import find_claims
from lifesigns.claims._running import kept_folder, run_with_progress
from lifesigns.claims.topics._page import TopicPage, needed_claims, page_of
from lifesigns.claims.topics._topic import Topic
from lifesigns.report.language import Language


def measured_pages(topic: Topic, languages: Iterable[Language]) -> list[TopicPage]:
    """The page of a topic in several languages; its claims are run once, or not if kept.

    Args:
        topic: What it needs is run with quick effort, which can take minutes.
        languages: Of the pages; English where the topic has no other.
    """
    chosen = find_claims(needed_claims(topic))
    done = run_with_progress(chosen, Effort(quick=True), kept_folder())
    results = {each.claim.name: each for each in done}
    return [page_of(topic, language, results) for language in languages]
