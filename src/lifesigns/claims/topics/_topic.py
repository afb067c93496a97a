"""What a topic is: a page of teaching, around numbers measured here.

The words hold placeholders such as `{slow}` where a number belongs; each names a measurement of a
claim, so that no measured number is written down twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lifesigns.locale import translated
from lifesigns.report.language import Language


@dataclass(frozen=True)
class Formula:
    """One formula for a terminal and for a browser."""

    text: str
    latex: str


@dataclass(frozen=True)
class Number:
    """A measurement of a claim, by their names."""

    claim: str
    measurement: str


@dataclass(frozen=True)
class Words:
    """A topic in one language."""

    title: str
    idea: tuple[str, ...]
    """What it is, in paragraphs that teach."""
    letters: tuple[str, ...]
    """What the letters mean: a sentence for each formula."""
    measured: tuple[str, ...]
    """Sentences with placeholders. One whose claim cannot be run is left out, with the reason."""
    rules: tuple[str, ...]
    """What each rule of the topic watches for."""
    claims: tuple[str, ...]
    """What each claim of the topic shows."""
    correction: str = ""
    """What the textbook or a popular demonstration has wrong, and what is right."""


@dataclass(frozen=True)
class Topic:
    """One page of `lifesigns explain`; every module of this package has one as `TOPIC`."""

    name: str
    formulas: tuple[Formula, ...]
    numbers: Mapping[str, Number]
    """By placeholder."""
    rules: tuple[str, ...]
    """Names of the rules that watch for it."""
    claims: tuple[str, ...]
    """Names of the claims that show it."""
    references: tuple[str, ...]
    english: Words

    @property
    def languages(self) -> tuple[Language, ...]:
        """Those that it has words in."""
        others = (one for one in Language if translated(one.value, "topics", self.name))
        return (Language.ENGLISH, *others)

    def words(self, language: Language) -> Words:
        """The topic in this language; in English where nobody has translated it.

        Args:
            language: Of the page.
        """
        texts = translated(language.value, "topics", self.name)
        return self.english if texts is None else Words(**texts)
