"""Claims for people: a table in the terminal, a book of pictures in the browser, JSON."""

from __future__ import annotations

import datetime
import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

import lifesigns
from lifesigns.claims._claim import Effort, Verdict
from lifesigns.claims._engine import Done
from lifesigns.claims._textbook import SENTENCES
from lifesigns.report.article import Article

COLOR = {Verdict.REPRODUCED: "green", Verdict.PARTLY: "yellow", Verdict.NOT_HERE: "red"}
ENVIRONMENT = (
    "lifesigns {lifesigns}, torch {torch}, NumPy {numpy}, Python {python} on {machine}, "
    "one thread, {day}"
)


def print_table(done: Sequence[Done], effort: Effort, console: Console) -> None:
    """Prints verdict, name and the first sentence of the explanation of each claim.

    Args:
        done: In the order in which they are shown.
        effort: What they were run with.
        console: Its width decides what is folded.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in done:
        if each.result is None:
            table.add_row(Text("not run", "dim"), Text(f"{each.claim.name}: {each.reason}"))
            continue
        verdict = each.result.verdict
        text = Text(each.claim.name, "bold")
        text.append(f"\n{each.result.explanation}", "not bold")
        if each.claim.correction:
            text.append(f"\nCorrection: {each.claim.correction}", "italic not bold")
        for m in each.result.measurements:
            if not m.holds:
                text.append(
                    f"\nnot met: {m.name}: {m.shown}, expected {m.expected}", "red not bold"
                )
        table.add_row(Text(verdict.value, COLOR[verdict]), text)
    console.print(table)
    console.print()
    console.print(Text(summary(done, effort)))


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
    """The book: one chapter for each claim, self-contained HTML.

    Args:
        done: In the order of the chapters.
        effort: What they were run with.

    Returns:
        HTML that needs no network.
    """
    page = Article("The textbook, executed")
    page.paragraph(summary(done, effort))
    page.paragraph(environment(), note=True)
    page.table(
        [
            {"claim": each.claim.text, "verdict": each.result.verdict.value if each.result
             else "not run", "seeds": str(each.result.seeds or "–") if each.result else "–"}
            for each in done
        ],
        numbers=("seeds",),
    )  # fmt: skip
    for each in done:
        _chapter(page, each)
    return page.render()


def _chapter(page: Article, done: Done) -> None:
    claim, result = done.claim, done.result
    page.heading(f"{claim.text} — {result.verdict.value if result else 'not run'}")
    for key in claim.sentences:
        page.paragraph(f"The textbook: {SENTENCES[key]}", note=True)
    page.paragraph(f"Source: {claim.source}. Published: {claim.published}.", note=True)
    if result is None:
        page.paragraph(done.reason)
        return
    page.paragraph(result.explanation)
    if claim.correction:
        page.paragraph(f"Correction. {claim.correction}")
    for figure in (result.figure, *result.more):
        page.figure(figure)
    page.table(
        [
            {"measured": m.name, "value": m.shown, "expected": m.expected,
             "holds": "yes" if m.holds else "no"}
            for m in result.measurements
        ]
    )  # fmt: skip
    how = f"{result.seeds:,} seeds; 95 % intervals. " if result.seeds else ""
    page.paragraph(f"{claim.kind.value}. {how}{done.seconds:.1f} s.", note=True)


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
