"""The rule fires on the cases that say so, and leaves at most a note on the others."""

import pytest
from lifesigns_setbacks.loss_thrown_back import RULE

from lifesigns.evidence import Run
from lifesigns.records import Severity


@pytest.mark.parametrize("case", RULE.cases, ids=lambda case: case.name)
def test_the_rule_fires_exactly_on_the_cases_that_say_so(case):
    alarms = [f.severity for f in RULE.judge(Run(case.trace())) if f.severity is not Severity.NOTE]

    assert alarms == ([case.fires] if case.fires else [])
