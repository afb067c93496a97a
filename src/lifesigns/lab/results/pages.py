"""The results of a design for people: a table in the terminal, a page in the browser."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
import torch
from rich.console import Console
from rich.text import Text

import lifesigns
from lifesigns.lab.design.design import Design
from lifesigns.lab.engines.c import arithmetic
from lifesigns.lab.results.ranking import Ranking
from lifesigns.lab.results.tables import curve_rows, effect_rows, ranking_rows, tuning_rows
from lifesigns.lab.run import Outcome, Plan
from lifesigns.locale.spoken import said, said_in
from lifesigns.report.article import Article
from lifesigns.report.figures import Spec, intervals, lines
from lifesigns.report.language import Language
from lifesigns.report.tables import print_table
from lifesigns.report.terminal import prose, write

SHOWN = 8
"""Cells drawn at most in one chart: more lines cannot be told apart."""


def print_ranking(ranking: Ranking, console: Console) -> None:
    """Prints the advice, the table of cells and the caveats.

    Args:
        ranking: Cells that are not as good as the best are dimmed.
        console: Its width decides what is folded.
    """
    write(console, lambda: _print_ranking(ranking, console))


def _print_ranking(ranking: Ranking, console: Console) -> None:
    console.print(prose(console, said(ranking.advice, "lab")))
    console.print()
    heads = [said(head, "lab") for head in _HEADS[:7]]
    print_table(
        console,
        heads,
        [[said(cell, "lab") for cell in _cells(row)[:7]] for row in ranking_rows(ranking)],
        numbers=heads[1:],
        styles=["" if place.as_good_as_best else "dim" for place in ranking.places],
    )
    legend = _LEGEND.format(level=ranking.level, score=said(ranking.score, "lab"))
    console.print(prose(console, said(legend, "lab")), style="dim")
    console.print()
    if ranking.effects:
        heads = [said(head, "lab") for head in _EFFECT_HEADS]
        cells = [[said(cell, "lab") for cell in _effect_cells(row)] for row in effect_rows(ranking)]
        print_table(console, heads, cells, numbers=heads[2:])
        console.print()
    for caveat in ranking.caveats:
        console.print(Text("- ", "dim") + prose(console, said(caveat, "lab"), 2), style="dim")


def html_page(outcome: Outcome, ranking: Ranking) -> str:
    """The whole outcome as one self-contained HTML file, in every language.

    Args:
        outcome: What was trained; at most `SHOWN` cells are drawn in one chart.
        ranking: Of the same outcome.

    Returns:
        HTML that needs no network; the language that was asked for is shown first.
    """
    first, *others = (_page(outcome, ranking, language) for language in Language.each())
    return first.render(*others)


def _page(outcome: Outcome, ranking: Ranking, language: Language) -> Article:
    def say(text: str) -> str:
        return said_in(language.value, text, "lab")

    design = outcome.design
    data = design.data if isinstance(design, Design) else "these data"
    page = Article(say(f"Which one learns {data} best?"), language)
    page.paragraph(say(ranking.advice))
    same = "; ".join(say(each) for each in _same_for_all(design))
    page.paragraph(f"{say('The same for all')}: {same}.", note=True)
    page.figure(_score_chart(ranking), say(_SCORES.format(seeds=design.seeds)), say=say)
    page.heading(say("All cells"))
    heads = [say(head) for head in _HEADS]
    cells = ([say(cell) for cell in _cells(row)] for row in ranking_rows(ranking))
    page.table([dict(zip(heads, row, strict=True)) for row in cells], numbers=heads[1:])
    page.paragraph(say(_STEPS.format(level=ranking.level, score=say(ranking.score))), note=True)
    if ranking.effects:
        page.heading(say("What each choice does by itself"))
        heads = [say(head) for head in _EFFECT_HEADS]
        cells = ([say(cell) for cell in _effect_cells(row)] for row in effect_rows(ranking))
        page.table([dict(zip(heads, row, strict=True)) for row in cells], numbers=heads[2:])
        page.paragraph(say(_EFFECTS), note=True)
    for heading, spec, caption in _charts(outcome, ranking):
        page.heading(say(heading))
        page.figure(spec, say(caption), say=say)
    page.heading(say("What this does not say"))
    page.items([say(caveat) for caveat in ranking.caveats])
    page.heading(say("How to repeat it"))
    if isinstance(design, Design):
        page.paragraph(say("Save this as design.toml and run: lifesigns lab design.toml"))
        page.code(as_toml(design))
    else:
        again = "Call lifesigns.lab.compare with the same functions, data and settings."
        page.paragraph(say(again))
    page.paragraph(say(_environment()), note=True)
    return page


def _same_for_all(design: Plan) -> Iterator[str]:
    if isinstance(design, Design):
        yield f"hidden layers {'-'.join(map(str, design.hidden)) or 'none'}"
        yield from _fixed(design)
    else:
        (cell, *_) = design.cells()
        yield f"loss {cell.loss}"
        yield f"optimizer {cell.optimizer}"
    yield f"{design.steps} steps"
    yield f"batches of {design.batch_size}"


def _fixed(design: Design) -> list[str]:
    return [
        f"{kind} {levels[0]}"
        for kind, levels in (
            ("activation", design.activations),
            ("initialiser", design.initialisers),
            ("loss", design.losses),
            ("optimizer", design.optimizers),
        )
        if len(levels) == 1
    ]


def as_toml(design: Design) -> str:
    """The design as a TOML file that `lifesigns lab` reads.

    Args:
        design: Settings of None are left out, as TOML has no word for it.
    """
    settings = {key: value for key, value in design.as_dict().items() if value is not None}
    return "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items())


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):  # TOML wants this one control character escaped, unlike JSON
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


_SCORES = (
    "Mean of {seeds} seeds with its 95 % confidence interval (Student's t), on samples that were "
    "neither trained on nor used to tune the rate."
)
_STEPS = (
    "Steps: until the {score} reaches {level:.3f}, mean over the seeds. p: paired t-test against "
    "the first row, Holm's correction. Best: how often it leads when the seeds are drawn anew."
)
_LEGEND = (
    "Steps: until the {score} reaches {level:.3f}. p: against the first row. Dead: share of units."
)
"""Beneath the table on a terminal, which has fewer columns."""
_EFFECTS = (
    "Mean over all cells with that level, and its difference from the best level of the same "
    "factor: paired by seed, 95 % interval, Holm's correction over all factors. A factor may still "
    "work differently beside another one; the table of cells shows that."
)
_EFFECT_HEADS = ("factor", "level", "score", "difference", "95 % interval", "p")
_TUNING = (
    "Mean of the tuning seeds on samples held out of the training set; the band is their range. A "
    "rate at which a seed diverged is left out."
)
_CURVES = "Mean over the seeds on the test samples, with 95 % confidence intervals."
_HEADS = ("cell", "rate", "score", "95 % interval", "p", "steps", "dead", "best", "diverged")


def _charts(outcome: Outcome, ranking: Ranking) -> Iterator[tuple[str, Spec, str]]:
    shown = {place.label for place in islice(ranking.places, SHOWN)}
    said = f"the {len(shown)} best cells" if len(ranking.places) > SHOWN else ""
    tuning = [_named(row, outcome.score) for row in tuning_rows(outcome) if row["cell"] in shown]
    if len(outcome.design.rates) > 1 and tuning:
        spec = lines(
            [{**row, "learning rate": row["rate"]} for row in tuning],
            "learning rate", outcome.score, by="cell", low="low", high="high",
            title="Learning rate of each cell", subtitle=said, logarithmic_x=True, points=True,
        )  # fmt: skip
        yield "The rate decides first", spec, _TUNING
    for measure, heading in ((outcome.score, "Learning curves"), ("dead_fraction", "Dead units")):
        rows = [
            _named(row, measure) for row in curve_rows(outcome, measure) if row["cell"] in shown
        ]
        if any(row[measure] != 0 for row in rows):
            title = f"{measure.replace('_', ' ')} over the steps"
            yield heading, lines(rows, "step", measure, by="cell", low="low", high="high",
                                 title=title, subtitle=said), _CURVES  # fmt: skip


def _score_chart(ranking: Ranking) -> Spec:
    rows = [
        {"cell": place.label, ranking.score: place.score.mean,
         "low": max(place.score.low, -1.0), "high": place.score.high,
         "told apart from the first": "no" if place.as_good_as_best else "yes"}
        for place in ranking.places[:40] if np.isfinite(place.score.mean)
    ]  # fmt: skip
    title = f"{ranking.score} of each cell"
    by = "told apart from the first"
    return intervals(rows, ranking.score, "low", "high", label="cell", by=by, title=title)


def _named(row: Mapping[str, object], score: str) -> dict[str, object]:
    return {**row, score: row["mean"]}


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    number = {key: value for key, value in row.items() if isinstance(value, (int, float))}
    return (
        str(row["cell"]),
        f"{number['rate']:g}",
        f"{number['score']:.3f}",
        f"{number['low']:.3f} … {number['high']:.3f}",
        _p(number["adjusted_p"]),
        f"{number['steps_to_level']:.0f}" if math.isfinite(number["steps_to_level"]) else "never",
        f"{number['dead_fraction']:.0%}" if math.isfinite(number["dead_fraction"]) else "–",
        f"{number['chance_best']:.0%}",
        f"{number['diverged']:.0f}",
    )


def _effect_cells(row: Mapping[str, object]) -> tuple[str, ...]:
    number = {key: value for key, value in row.items() if isinstance(value, (int, float))}
    names = str(row["factor"]), str(row["level"]), f"{number['score']:.3f}"
    if not number["difference"]:
        return (*names, "–", "–", "–")
    between = f"{number['low']:+.3f} … {number['high']:+.3f}"
    return (*names, f"{number['difference']:+.3f}", between, _p(number["adjusted_p"]))


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1"


def _environment() -> str:
    return (
        f"lifesigns {lifesigns.__version__}, torch {torch.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()} on {platform.machine()}, single precision by "
        f"{arithmetic()}. Tuning seeds count from 0, compared seeds from 1000."
    )
