"""What all pages say alike, in each language."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lifesigns.locale import translated
from lifesigns.report.language import Language


@dataclass(frozen=True)
class Phrases:
    """Headings and the sentences about how the numbers were measured."""

    idea: str
    formulas: str
    measured: str
    rules: str
    claims: str
    correction: str
    references: str
    interval: str
    missing: str
    quick: str
    random: str
    exact: str
    between: str
    brackets: str
    kept: str
    environment: str


ENGLISH = Phrases(
    idea="What it is",
    formulas="The formulas",
    measured="Measured here",
    rules="What watches for it",
    claims="What shows it",
    correction="A correction",
    references="References",
    interval=" ({low} to {high})",
    missing="Not measured here, because the claim {claim} could not be run: {reason}",
    quick="A quick run, with fewer random starts and steps than lifesigns claims takes "
    "without --quick: {runs}. ",
    random="{claim} from {number} random starts",
    exact="{claim} without chance",
    between=", ",
    brackets="In brackets stand 95% confidence intervals. ",
    kept="Kept from an earlier run of the same code. ",
    environment="lifesigns {lifesigns}, torch {torch}, NumPy {numpy}, Python {python} on "
    "{machine}, one thread; this page is of {day}.",
)


def phrases_in(language: Language) -> Phrases:
    """The phrases of a language; English ones where it has none.

    Args:
        language: One without a file of phrases gets those in English.
    """
    return replace(ENGLISH, **(translated(language.value, "phrases", "topics") or {}))
