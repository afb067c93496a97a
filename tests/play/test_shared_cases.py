"""The page's findings are the watcher's, and its script repeats its training.

Each case of `cases.json` is trained by the engine, which judges it and writes a script. The script
is run under the watcher, whose rules judge what torch did.
"""

import json
import math
from pathlib import Path

import pytest
from scripted import close, judged, leading

from lifesigns.play.table import RULES

CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
EVERY = 7
RUN = """const { setting, errors } = engine.validated(given);
if (!setting) throw Error(JSON.stringify(errors));
const training = engine.startOf(setting);
training.steps(setting.steps);
return {
    found: engine.findings(training).map((each) => [each.rule, each.severity, each.explainedBy]),
    script: engine.torchScript(training, setting.steps),
    losses: training.losses.subarray(0, training.stepsMade),
    whole: training.loss("train"),
};"""


def causes(findings):
    """What explains each alarm of the page's rules; the page does not know all others."""
    return {
        rule: cause
        for rule, severity, cause in findings
        if rule in RULES and severity != "note" and cause in ("", *RULES)
    }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.sampled(name, tuple(case["found"])))
        for name, case in CASES.items()
    ],
)
def test_page_and_watcher_find_the_same(engine, name):
    case = CASES[name]
    told = engine(RUN, case["setting"])
    left, findings = judged(told["script"], name, EVERY)

    watcher = {rule: grave for rule, grave, _ in findings if rule in RULES}
    assert {rule: grave for rule, grave, _ in told["found"]} == case["found"]
    if case.get("chaotic"):  # how it ends is up to the rounding of the machine
        assert set(watcher) == set(case["found"])
        return
    assert watcher == case["found"]
    assert causes(told["found"]) == causes(findings)
    assert leading(told["found"]) == leading(findings)
    if math.isfinite(left["losses"][-1]):
        assert close(told["losses"][-1], left["losses"][-1])
        assert close(told["whole"], left["training_loss"])


def test_every_rule_of_the_page_has_a_case_that_alarms_and_one_that_does_not():
    for rule in RULES:
        severities = {case["found"].get(rule) for case in CASES.values()}
        assert severities & {"error", "warning"}, rule
        assert None in severities, rule
