"""What stands beside a loss that was still falling at the end."""

import numpy as np

from lifesigns.rules import judge
from lifesigns.rules import testing as example


def test_a_loss_that_ran_away_and_falls_again_is_told_once():
    """`rose from 1.2 to 12` and `stopped while it still fell` read as a contradiction."""
    losses = [1.2] * 20 + list(np.geomspace(900, 9, 60))

    found = {f.rule: f for f in judge(example.regression(losses, update=1e-2, correlation=0.5))}

    assert "stopped-early" not in found
    assert found["loss-diverges"].symptom.endswith(", though it falls again at the end")


def test_a_fall_is_mentioned_only_where_it_is_a_good_part_of_all_there_was_to_learn():
    """A tenth of the little that is left is off the loss of any network that is still trained."""
    early, late = np.geomspace(1, 0.3, 100), np.geomspace(0.1, 0.01, 100)

    found = [
        {f.rule for f in judge(example.regression(list(x), update=1e-2))} for x in (early, late)
    ]

    assert ["stopped-early" in rules for rules in found] == [True, False]
