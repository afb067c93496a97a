"""What a comparison says, in Chinese: of every place at which two runs may differ."""

import io
from dataclasses import fields, replace

import pytest
from compared_runs import FALLING, rates, run, shot, side, with_loss
from english import english
from made_sides import DYING, HEALTHY

from lifesigns.evidence import Run
from lifesigns.locale.spoken import said_in, speaking
from lifesigns.records import LossReading, Severity, Trace
from lifesigns.report.comparison import compare
from lifesigns.report.comparison.recordings import READ, Difference, Phase
from lifesigns.report.comparison.terminal import print_comparison
from lifesigns.report.comparison.words import SUMS, located
from lifesigns.rules import find_rule
from lifesigns.rules import testing as example

TANH = example.chain("linear", "tanh", "linear", "mse_loss")
DEEP = example.chain(*["linear", "relu"] * 20, "mse_loss")
SHORTER = run(
    shot(0), losses=FALLING[:30], command="train.py --lr 0.1 --wide", rates=rates(0.1, 0.2)
)
INNER = {Phase.FORWARD: "value", Phase.BACKWARD: "output_gradient", Phase.LOSS: "prediction"}


def others():
    """What is compared with a healthy run."""
    yield HEALTHY
    yield replace(DYING, findings=())
    for outcome in ("interrupted", "running", "stopped after 30 steps (--max-steps)"):
        yield side(replace(SHORTER, info=replace(SHORTER.info, outcome=outcome)))
    yield side(run(shot(0, weight=0.5 * (1 + 1e-7))))
    yield side(with_loss(run(), 7, float("nan")))
    yield side(run(shot(0, graph=TANH)))
    yield side(run(shot(0, graph=DEEP)))
    yield side(Trace())


def differences():
    """One for each quantity that is compared."""
    names = [(phase, "0.weight", name) for phase, names in READ.items() for name in names]
    names += [
        (phase, "1:relu#0", f"{part}.{name}") for phase, part in INNER.items() for name in SUMS
    ]
    names += [(Phase.LOSS, "", field.name) for field in fields(LossReading)]
    names += [(Phase.LOSS, "", name) for name in ("trained", "number of steps", "target.shape")]
    names += [(Phase.INPUT, "input", "features.total"), (Phase.NETWORK, "", "site")]
    return [Difference(3, 1, phase, place, name, 4, 0.5, 2.0, 0.75) for phase, place, name in names]


def printed(*sides):
    stream = io.StringIO()
    with speaking("zh"):
        print_comparison(compare(sides, "step"), stream, width=1000)
    return [line for line in stream.getvalue().splitlines() if english(line)]


@pytest.mark.parametrize("number", range(10))
def test_the_text(number):
    assert printed(HEALTHY, [*others()][number]) == []


def test_findings_that_went_and_became_graver():
    rule = find_rule("dead-units")
    case = next(case for case in rule.cases if case.fires)
    (found, *_) = rule.judge(Run(case.trace()))
    graver = replace(found, severity=Severity.ERROR)

    assert printed(side(run(), found), side(run(), graver), side(run())) == []


@pytest.mark.parametrize(
    "names", [("A", "B"), ("one arm", "another"), ("the recorded run", "an arm")]
)
def test_every_place_at_which_runs_may_differ(names):
    said = [said_in("zh", located(each, names), "compare") for each in differences()]

    assert [text for text in said if english(text)] == []
