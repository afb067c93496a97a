"""A topic's page with numbers measured on this machine."""

from __future__ import annotations

from lifesigns.claims._claim import Effort
from lifesigns.claims._engine import find_claims
from lifesigns.claims._running import kept_folder, run_with_progress
from lifesigns.claims.topics._page import TopicPage, needed_claims, page_of
from lifesigns.claims.topics._topic import Topic
from lifesigns.report.language import Language


def measured_page(topic: Topic, language: Language) -> TopicPage:
    """The page of a topic; its claims are run, unless their results are kept.

    Args:
        topic: What it needs is run with quick effort, which can take minutes.
        language: Of the page; English where the topic has no other.
    """
    chosen = find_claims(needed_claims(topic))
    done = run_with_progress(chosen, Effort(quick=True), kept_folder())
    return page_of(topic, language, {each.claim.name: each for each in done})
