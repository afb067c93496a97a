"""A feature is called constant for ever only where every step was seen."""

from __future__ import annotations

import numpy as np

from lifesigns.evidence import Run
from lifesigns.evidence.shares import at_most
from lifesigns.records import BatchReading, Finding
from lifesigns.rules import find_rule
from lifesigns.rules import testing as example


def _finding(steps: list[int], of: int) -> Finding:
    batch = BatchReading((2, 2), example.sums(np.array([[1.0, 2.0], [1.0, 3.0]])))
    graph = example.chain("linear", "mse_loss")
    shots = [example.snapshot(graph, step=step, batch=batch) for step in steps]
    known = example.trace(*shots, losses=[1.0] * of)
    (found,) = find_rule("constant-features").judge(Run.of(known))
    return found


def test_where_every_step_was_recorded_a_feature_never_changes() -> None:
    found = _finding([0, 1, 2], of=3)

    assert "never change" in found.symptom
    assert found.certainty.startswith("exact")


def test_from_a_part_of_the_steps_it_is_said_how_many_there_were() -> None:
    found = _finding([0, 1], of=30)

    assert "have one value in the recorded steps (2 of 30 steps)" in found.symptom
    assert found.measured == "one value in all 4 recorded samples in feature 0"
    assert found.certainty.startswith("such a feature differs in at most 60 % of all samples")


def test_one_batch_alone_does_not_tell_what_never_changes() -> None:
    found = _finding([0], of=1)

    assert "have one value in the recorded steps (the only step)" in found.symptom


def test_how_often_it_may_differ_all_the_same_is_a_number_of_the_report() -> None:
    sampled, whole = _finding([0, 1], of=30), _finding([0, 1], of=2)

    assert sampled.intervals == {"differing": (0, at_most(4, among=2))}
    assert whole.intervals == {}
