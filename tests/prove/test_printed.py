"""The number by which a script that nobody has told about judges itself."""

from dataclasses import replace

import made
import pytest

from lifesigns.prove.printed import printed_measure
from lifesigns.prove.proving import measured
from lifesigns.prove.scores import Measure

REPORT = "\nlifesigns 1.0 · train.py\nthe loss gained 0.5 accuracy: 0.1"


@pytest.mark.parametrize(
    ("output", "score", "lower"),
    [
        ("epoch 1 loss 2.0\nTest accuracy: 0.93", 0.93, False),
        ("epoch 9 loss 0.3 validation loss 0.4 accuracy 0.875", 0.875, False),
        ("R2: -0.25", -0.25, False),
        ("accuracy = 93.5%", 0.935, False),
        ("micro f1: 1e-2\ndone", 0.01, False),
        ("max error: 0.5", 0.5, True),
        ('{"loss": 0.1, "val_rmse": 3.0}', 3.0, True),
        ('{"metric": "accuracy", "score": 0.75}', 0.75, False),
        ('{"metric": "mean distance", "score": 0.75}', 0.75, True),
    ],
)
def test_the_last_number_behind_a_known_word_counts(output, score, lower):
    measure = printed_measure(output + REPORT, Measure(margin=0.1))

    assert (measure.lower_is_better, measure.margin) == (lower, 0.1)
    assert measure.name in output
    assert measure.score(made.arm(0.0, output=output + REPORT)) == score


@pytest.mark.parametrize(
    "output",
    ["", "loss 0.1", "step 7", "minus the error: 3", "accuracy and error: 3", "accuracy", "[1, 2]"],
)
def test_a_loss_or_what_may_be_either_counts_nothing(output):
    assert printed_measure(output, Measure()) is None


def test_it_is_used_where_prediction_and_target_tell_nothing():
    output = "accuracy: 0.7"
    fitted, poor = (made.arm(skill, output=output) for skill in (0.4, 0.2))
    unread = replace(poor, trace=replace(poor.trace, snapshots=()))

    assert measured(Measure(), [unread])[1].score == 0.7
    assert measured(Measure(), [fitted])[1].score == 0.7
    assert measured(Measure(), [poor])[1].score == pytest.approx(0.2)
