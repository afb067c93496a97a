from dataclasses import replace

import numpy as np
import pytest
from compared_runs import FALLING, run, shot
from hypothesis import given
from hypothesis import strategies as st

from lifesigns._errors import UsageError
from lifesigns.records import LossCurve
from lifesigns.report.comparison.curves import WINDOWS, curves


def of(losses, **rest):
    return run(losses=tuple(losses), **rest)


def test_losses_are_compared_in_stretches_up_to_the_end_of_the_shorter_run():
    (pair,) = curves(of(np.arange(80.0)), of(np.arange(40.0) + 1), "step")

    assert len(pair.windows) == WINDOWS
    assert [(w.start, w.end) for w in pair.windows[:2]] == [(0, 2), (2, 4)]
    assert [(w.first, w.other) for w in pair.windows[:2]] == [(0.5, 1.5), (2.5, 3.5)]
    assert pair.windows[-1].end == 40


def test_twice_the_batch_is_at_the_same_samples_after_half_the_steps():
    one = of([4.0, 3.0, 2.0, 1.0], rates=run().rates)
    large = run(shot(0, batch=16), losses=(4.0, 2.0))

    (pair,) = curves(one, large, "samples")

    assert [(w.start, w.end, w.first, w.other) for w in pair.windows] == [
        (0, 16, 3.5, 4.0),
        (16, 32, 1.5, 2.0),
    ]


def test_a_batch_that_changes_counts_from_the_step_that_showed_it():
    changing = run(shot(0, batch=1), shot(2, batch=10), losses=(1.0, 1.0, 1.0, 1.0))

    (pair,) = curves(changing, changing, "samples")

    assert pair.windows[-1].end == 1 + 1 + 10 + 10
    assert pair.samples[0] == ((0, 1), (1, 2), (3, 22))


def test_samples_need_a_recorded_batch():
    blind = run(replace(shot(0), batch=None))

    with pytest.raises(UsageError, match="--align step"):
        curves(run(), blind, "samples")


def test_only_losses_that_both_runs_have_are_compared():
    two = LossCurve(np.arange(40) // 2, np.array(FALLING), np.arange(40) % 2)

    assert [p.stream for p in curves(run(), replace(run(), losses=two), "step")] == [0]


@given(st.lists(st.floats(), min_size=1, max_size=60), st.lists(st.floats(), min_size=1))
def test_the_stretches_are_those_of_the_other_way_round(ours, theirs):
    (there,), (back,) = (
        curves(of(one), of(another), "step") for one, another in ((ours, theirs), (theirs, ours))
    )

    assert len(there.windows) == min(WINDOWS, len(ours), len(theirs))
    np.testing.assert_equal(
        [(w.start, w.end, w.first, w.other) for w in there.windows],
        [(w.start, w.end, w.other, w.first) for w in back.windows],
    )
