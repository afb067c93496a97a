"""Assertions on networks and on trainings; their messages name rule, place and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lifesigns.locale.spoken import said, shown_in, speaking, spoken

if TYPE_CHECKING:
    from torch import nn

    from lifesigns.check import LossFunction
    from lifesigns.records import Finding
    from lifesigns.report import Report

TEXT = 14
"""Columns in front of what stands beside a label."""


def assert_can_learn(
    model: nn.Module,
    batch: tuple[Any, Any],
    loss_fn: LossFunction,
    *,
    select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
) -> None:
    """Fails if one forward and one backward pass show that a network cannot learn, or learns badly.

    Model, gradients, buffers and random numbers are as before afterwards, as with
    `lifesigns.check`. What is not given is taken from `[tool.lifesigns]` of the project.

    Args:
        model: The network.
        batch: Inputs and targets; several inputs as a tuple, named ones as a dictionary.
        loss_fn: Called with the model's output and the targets; returns a scalar.
        select: Rules to ask, by name, code or family (`ACT`).
        ignore: Rules not to ask.

    Raises:
        AssertionError: Something alarming was found; the message says what, where, and what to do.
        UsageError: A rule is unknown, `batch` is not a pair, or `loss_fn` returns no scalar tensor.

    Example:
        >>> import torch
        >>> from lifesigns.testing import assert_can_learn
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(1))
        >>> batch = torch.randn(8, 4), torch.randint(0, 3, (8,))
        >>> assert_can_learn(net, batch, torch.nn.functional.cross_entropy)
        Traceback (most recent call last):
        AssertionError: may not learn as it stands: 1 warning...
    """
    __tracebackhide__ = True
    from lifesigns._watching.project import settings_here
    from lifesigns.check import checked

    chosen = settings_here().selection(select, ignore)
    assert_no_alarm(checked(model, batch, loss_fn, chosen))


def assert_no_alarm(report: Report) -> None:
    """Fails if a report holds an error or a warning.

    Args:
        report: Of `lifesigns.check`, or of a watcher.

    Raises:
        AssertionError: It does; the message says what, where, and what to do.
    """
    __tracebackhide__ = True
    if not report.ok:
        with speaking(shown_in(spoken())[0], spoken()):
            raise AssertionError("\n".join(_message(report)))


def _message(report: Report) -> Iterator[str]:
    from lifesigns.report.sentences import spoken_findings
    from lifesigns.report.verdict import alarms

    yield said(report.verdict, "verdict")
    for finding in spoken_findings(alarms(report.findings)):
        yield ""
        yield from _lines(finding)


def _lines(finding: Finding) -> Iterator[str]:
    severity = said(finding.severity.value, "report")
    yield f"{severity} {finding.code} {finding.rule}: {finding.symptom}"
    place = f"{finding.site or 'the whole run'}, step {finding.step}"
    yield _labelled("where", said(place, "report"))
    yield _labelled("measured", finding.measured)
    yield _labelled("expected", finding.expected)
    for remedy in finding.remedies[:1]:
        yield _labelled("do first", remedy.text)
        yield from (f"{'':{TEXT}}{line}" for line in remedy.code.splitlines())
    yield _labelled("more", f"lifesigns explain {finding.rule}")


def _labelled(label: str, text: str) -> str:
    """A line; signs of Chinese are two columns wide."""
    word = said(label, "report")
    wide = sum(not sign.isascii() for sign in word)
    return f"    {word:<{TEXT - 4 - wide}}{text}"
