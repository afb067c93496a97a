"""Claims for people: a table in the terminal, a book of pictures in the browser, JSON."""

from __future__ import annotations

import datetime
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

import lifesigns
from lifesigns.claims._claim import Effort, Verdict
from lifesigns.claims._engine import Done
from lifesigns.claims._textbook import SENTENCES
from lifesigns.claims._words import Words
from lifesigns.locale.spoken import said, said_in
from lifesigns.report.article import Article
from lifesigns.report.language import Language
from lifesigns.report.terminal import INDENT, prose, write

INTERVAL = " ({low} to {high})"
COLOR = {Verdict.REPRODUCED: "green", Verdict.PARTLY: "yellow", Verdict.NOT_HERE: "red"}
ENVIRONMENT = (
    "lifesigns {lifesigns}, torch {torch}, NumPy {numpy}, Python {python} on {machine}, "
    "one thread, {day}"
)


def print_table(done: Sequence[Done], effort: Effort, console: Console) -> None:
    """Prints verdict, name and the explanation of each claim.

    Args:
        done: In the order in which they are shown.
        effort: What they were run with.
        console: Its width decides what is folded.
    """
    write(console, lambda: _print_table(done, effort, console))


def _print_table(done: Sequence[Done], effort: Effort, console: Console) -> None:
    for each in done:
        verdict = each.result.verdict.value if each.result else "not run"
        style = COLOR[each.result.verdict] if each.result else "dim"
        words = Words(Language.spoken(), each.claim.name)
        head = Text.assemble((words.said(verdict), style), "  ", (each.claim.name, "bold"))
        console.print(head)
        for line, line_style in _lines(each, words):
            shown = prose(console, line, INDENT)
            console.print(Padding(Text(shown.plain, line_style), (0, 0, 0, INDENT)))
        console.print()
    console.print(prose(console, Words(Language.spoken()).said(summary(done, effort))))


def _lines(done: Done, words: Words) -> Iterator[tuple[str, str]]:
    """What is printed beneath a claim's name, each with its style."""
    result = done.result
    if result is None:
        yield said(done.reason, "errors"), ""
        return
    yield words.said(result.explanation), ""
    if done.claim.correction:
        yield _correction(done, words), "italic"
    for m in result.measurements:
        if not m.holds:
            number = m.written(words.said(INTERVAL))
            met = f"{words.said('not met')}: {words.said(m.name)}: {number}"
            yield f"{met}; {words.said('expected')}: {words.said(m.expected)}", "red"


def _correction(done: Done, words: Words) -> str:
    return f"{words.said('Correction')}: {words.said(done.claim.correction)}"


def summary(done: Sequence[Done], effort: Effort) -> str:
    """How many of each verdict, how long it took, and whether it was a quick run.

    Args:
        done: Those that could not be run are counted as such.
        effort: What they were run with.
    """
    counts = Counter(d.result.verdict.value if d.result else "not run" for d in done)
    seconds = sum(d.seconds for d in done)
    kept = sum(d.cached for d in done)
    text = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    text += f" of {len(done)} claims; {seconds:.0f} s of experiments"
    if kept:
        text += f", {kept} of them from earlier runs of the same code"
    if effort.quick:
        text += ". A quick run: fewer seeds and steps, so intervals are wide"
    return text + "."


def as_json(done: Sequence[Done], effort: Effort) -> dict[str, Any]:
    """Everything but the pictures, as plain values.

    Args:
        done: In the order in which they are listed.
        effort: What they were run with.

    Returns:
        Values that `json.dumps` takes.
    """
    return {
        "environment": environment(),
        "quick": effort.quick,
        "claims": [_one_as_json(each) for each in done],
    }


def _one_as_json(done: Done) -> dict[str, Any]:
    claim, result = done.claim, done.result
    head = {"name": claim.name, "claim": claim.text, "source": claim.source,
            "published": claim.published, "kind": claim.kind.value}  # fmt: skip
    if result is None:
        return {**head, "verdict": "not run", "reason": done.reason}
    return {
        **head,
        "verdict": result.verdict.value,
        "seeds": result.seeds,
        "seconds": round(done.seconds, 2),
        "explanation": result.explanation,
        "correction": claim.correction,
        "measurements": [
            {"name": m.name, "value": _finite(m.value), "low": _finite(m.low),
             "high": _finite(m.high), "expected": m.expected, "holds": m.holds}
            for m in result.measurements
        ],
    }  # fmt: skip


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def markdown(done: Sequence[Done], effort: Effort) -> str:
    """The verdicts as a page of the documentation, with the numbers behind them.

    Args:
        done: In the order of the page.
        effort: What they were run with.
    """
    lines = [
        "# The textbook, executed",
        "Written by `lifesigns claims --out DIR`; the pictures are in the book beside it.",
        f"{summary(done, effort)} {environment()}.",
        "| Claim | Verdict | Seeds | Time |\n| --- | --- | ---: | ---: |\n"
        + "\n".join(_row(each) for each in done),
    ]
    for each in done:
        lines += _section(each)
    return "\n\n".join(lines) + "\n"


def _row(done: Done) -> str:
    name = done.claim.name
    if done.result is None:
        return f"| [{name}](#{name}) | not run | – | – |"
    seeds = f"{done.result.seeds:,}" if done.result.seeds else "–"
    return f"| [{name}](#{name}) | {done.result.verdict.value} | {seeds} | {done.seconds:.1f} s |"


def _section(done: Done) -> list[str]:
    claim, result = done.claim, done.result
    head = [f"## {claim.name}", f"*{claim.text}* ({claim.source}; published: {claim.published})"]
    if result is None:
        return [*head, f"Not run: {done.reason}"]
    measured = "\n".join(
        f"- {m.name}: {m.shown} (expected {m.expected}{'' if m.holds else '; **not met**'})"
        for m in result.measurements
    )
    correction = [f"Correction: {claim.correction}"] if claim.correction else []
    return [*head, result.explanation, *correction, measured]


def book(done: Sequence[Done], effort: Effort) -> str:
    """The book: one chapter for each claim, self-contained HTML, in every language.

    Args:
        done: In the order of the chapters.
        effort: What they were run with.

    Returns:
        HTML that needs no network; the language that was asked for is shown first.
    """
    first, *others = (_book(done, effort, language) for language in Language.each())
    return first.render(*others)


def _book(done: Sequence[Done], effort: Effort, language: Language) -> Article:
    words = Words(language)
    page = Article(words.said("The textbook, executed"), language)
    page.paragraph(words.said(summary(done, effort)))
    page.paragraph(words.said(environment()), note=True)
    heads = [words.said(head) for head in ("claim", "verdict", "seeds")]
    rows = ((Words(language, each.claim.name).said(each.claim.text), words.said(_verdict(each)),
             str((each.result and each.result.seeds) or "–")) for each in done)  # fmt: skip
    page.table([dict(zip(heads, row, strict=True)) for row in rows], numbers=heads[2:])
    for each in done:
        _chapter(page, each, Words(language, each.claim.name))
    return page


def _verdict(done: Done) -> str:
    return done.result.verdict.value if done.result else "not run"


def _chapter(page: Article, done: Done, words: Words) -> None:
    claim, result, say = done.claim, done.result, words.said
    page.heading(f"{say(claim.text)} — {say(_verdict(done))}")
    for key in claim.sentences:
        page.paragraph(f"{say('The textbook')}: {say(SENTENCES[key])}", note=True)
    page.paragraph(
        f"{say('Source')}: {say(claim.source)}. {say('Published')}: {say(claim.published)}.",
        note=True,
    )
    if result is None:
        page.paragraph(said_in(words.language.value, done.reason, "errors"))
        return
    page.paragraph(say(result.explanation))
    if claim.correction:
        page.paragraph(_correction(done, words))
    for figure in (result.figure, *result.more):
        page.figure(figure, say=say)
    heads = [say(head) for head in ("measured", "value", "expected", "holds")]
    rows = (
        (say(m.name), m.written(say(INTERVAL)), say(m.expected), say("yes" if m.holds else "no"))
        for m in result.measurements
    )
    page.table([dict(zip(heads, row, strict=True)) for row in rows])
    how = f"{result.seeds:,} seeds; 95 % intervals. " if result.seeds else ""
    page.paragraph(f"{say(claim.kind.value)}. {say(how)}{done.seconds:.1f} s.", note=True)


def environment(form: str = ENVIRONMENT) -> str:
    """Versions, machine and date, in one line of this form.

    Args:
        form: May name `{lifesigns}`, `{torch}`, `{numpy}`, `{python}`, `{machine}` and `{day}`; the
            day is that of Greenwich.
    """
    return form.format(
        lifesigns=lifesigns.__version__,
        torch=torch.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
        machine=f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()})",
        day=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    )
