"""A proof as a page: what was concluded, the pairs, the change of the source, and all losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lifesigns.locale.spoken import said_in, speaking
from lifesigns.prove.in_words import of_proof
from lifesigns.prove.proof import Pair, Proof
from lifesigns.records import LossCurve
from lifesigns.report.article import Article
from lifesigns.report.comparison import Side, compare
from lifesigns.report.comparison.as_json import to_json
from lifesigns.report.figures import Spec, lines
from lifesigns.report.language import Language
from lifesigns.report.page import document
from lifesigns.report.page.comparison_host import comparison_html
from lifesigns.report.sentences import findings_in
from lifesigns.rules import judge

POINTS = 200
"""Of a curve that are drawn."""


def proof_html(proof: Proof, target: str, patch: str) -> str:
    """The page as one file that opens without a network.

    Args:
        proof: Carried out.
        target: The script, as the user names it.
        patch: The change of its source; empty where there is none.
    """
    charts = [
        lines(list(_rows(pair)), "step", "loss", by="arm", title=_title(pair))
        for pair in proof.pairs
    ]
    first, *others = (_page(proof, target, patch, charts, each) for each in Language.each())
    return first.render(*others)


def _page(
    proof: Proof, target: str, patch: str, charts: Sequence[Spec], language: Language
) -> Article:
    def say(text: str) -> str:
        return said_in(language.value, text, "prove")

    with speaking(language.value):
        headline, *rest = map(say, of_proof(proof, target))
    page = Article(f"lifesigns prove {target}", language)
    page.paragraph(headline)
    if proof.chosen is not None:
        (finding,) = findings_in(language, [proof.chosen.finding])
        page.heading(say(f"What was found: {finding.rule}"))
        page.paragraph(finding.symptom)
        page.paragraph(finding.why)
    if patch:
        page.heading(say("What was changed"))
        page.code(patch)
    if rest:
        page.heading(say("What was trained"))
        page.code("\n".join(rest), told=True)
    if charts:
        page.heading(say("The loss with and without it, seed by seed"))
        page.paragraph(say(_HEIGHTS), note=True)
        for chart in charts:
            page.figure(chart, say=say)
    return page


_HEIGHTS = (
    "Two losses of different functions cannot be compared by their height; what was compared "
    "stands above."
)


def comparison_page(pair: Pair) -> str:
    """The layers of both arms of a pair side by side, as `lifesigns compare` shows two runs.

    Args:
        pair: One of a proof.
    """
    names = (f"seed {pair.seed}, without", f"seed {pair.seed}, with")
    sides = [
        Side(name, trace, judge(trace)) for name, trace in zip(names, pair.traces, strict=True)
    ]
    documents = [document(side.trace, side.findings) for side in sides]
    return comparison_html(to_json(compare(sides, "step")), documents)


def _title(pair: Pair) -> str:
    return f"Seed {pair.seed}: {pair.shortcoming or 'cured'}"


def _rows(pair: Pair) -> Iterator[dict[str, Any]]:
    for arm, scored in (("without", pair.faulty), ("with", pair.other)):
        for step, value in _thinned(scored.losses):
            yield {"arm": arm, "step": step, "loss": value}


def _thinned(losses: LossCurve) -> Iterator[tuple[int, float | None]]:
    """Means of as many parts as are drawn; None where a part holds what is not finite."""
    count = min(POINTS, len(losses.values))
    if not count:
        return
    parts = zip(
        np.array_split(losses.steps, count), np.array_split(losses.values, count), strict=True
    )
    for steps, values in parts:
        mean = float(np.mean(values))
        yield int(steps[0]), mean if np.isfinite(mean) else None
