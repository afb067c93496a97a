"""The view of a run that rules are handed."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence import Run, Stream
from lifesigns.records import POOLED, BatchReading, LossCurve, LossReading
from lifesigns.report.curve import curves
from lifesigns.rules import testing as example


def test_latest_is_the_last_quarter_and_never_empty():
    graph = example.chain("linear")
    trace = example.trace(*(example.snapshot(graph, step=i) for i in range(8)))

    assert [s.step for s in Stream(trace).latest] == [6, 7]
    assert len(Stream(example.trace(example.snapshot(graph))).latest) == 1


def test_since_is_the_start_of_the_unbroken_end():
    graph = example.chain("linear")
    shots = [example.snapshot(graph, step=i) for i in range(6)]

    assert Stream(example.trace(*shots)).since(lambda s: s.step in (0, 1, 3, 4, 5)) == 3


def test_targets_are_those_of_the_latest_kind_of_loss():
    graph = example.chain("linear", "mse_loss")
    classes = LossReading(1.0, "cross_entropy", target=example.target([[0.0], [4.0]]))
    domains = LossReading(0.7, "binary_cross_entropy", target=example.target([[0.0], [1.0]]))
    shots = (example.snapshot(graph, step=i, loss=(classes, domains)[i % 2]) for i in range(6))

    assert Stream(example.trace(*shots)).targets.maximum.max() == 1


def two_losses():
    """Two losses in turn, of which the second was never recorded."""
    graph = example.chain("linear", "mse_loss")
    known = example.trace(example.snapshot(graph), losses=np.arange(40.0))
    curve = LossCurve(np.arange(40), np.arange(40.0), np.arange(40) % 2)
    return replace(known, losses=curve)


def test_pooled_losses_are_neither_judged_nor_shown():
    graph = example.chain("linear", "mse_loss")
    shot = example.snapshot(graph)
    shots = shot, replace(shot, step=1, stream=POOLED)
    curve = LossCurve(np.arange(2), np.arange(2.0), np.array([0, POOLED]))
    trace = replace(example.trace(*shots), losses=curve)

    run = Run(trace)

    assert [stream.number for stream in run.streams] == [0]
    assert [stream.number for stream in run.losses] == [0]
    assert [curve.stream for curve in curves(trace)] == [0]


def test_rules_are_asked_for_recorded_losses_and_the_report_for_all():
    run = Run(two_losses())

    assert [stream.number for stream in run.streams] == [0]
    assert [stream.number for stream in run.losses] == [0, 1]
    assert run.streams[0] is run.losses[0]


def test_a_stream_sees_its_own_losses_with_their_steps():
    stream = Run(two_losses()).stream(1)

    assert stream.losses.tolist() == stream.steps.tolist() == list(range(1, 40, 2))
    assert not stream.is_alone


def test_a_course_is_computed_once():
    stream = Run(two_losses()).streams[0]

    assert stream.course is stream.course


def updated(*ratios):
    graph = example.chain("linear", "linear", units=4)
    shots = [
        example.snapshot(
            graph,
            step=10 * i,
            parameters=example.weights(graph, weight_rms=2.0, update_rms=2.0 * ratio),
            batch=BatchReading((8, 4), example.sums(np.full((8, 4), 40.0))),
        )
        for i, ratio in enumerate(ratios)
    ]
    return Stream(example.trace(*shots, losses=np.ones(31)))


def test_the_way_of_the_weights_is_interpolated_between_recorded_steps():
    stream = updated(0.1, 0.1, 0.1, 0.1)

    assert stream.travel == pytest.approx(3.1)
    assert updated(0.0, 0.2, 0.0, 0.0).largest_update == pytest.approx(0.2)


def test_scales_are_those_of_the_first_step_and_of_the_input():
    stream = updated(0.1)

    assert stream.weight_scale == pytest.approx(4.0)  # 2 times the root of 4 inputs
    assert not stream.has_large_weights
    assert stream.input_rms == pytest.approx(40.0)
    assert stream.is_raw


def test_what_was_not_measured_is_not_known():
    stream = Stream(example.unread(updated(0.1).trace))

    assert np.isnan([stream.travel, stream.largest_update, stream.weight_scale]).all()
    assert np.isnan(stream.input_rms)
    assert not stream.is_raw


def test_of_trainings_one_after_the_other_each_is_alone_and_goes_its_own_way():
    first = example.regression([1.0] * 50, update=0.01)
    later = [replace(s, step=s.step + 50, stream=1) for s in first.snapshots]
    curve = LossCurve(np.arange(100), np.ones(100), np.repeat([0, 1], 50))
    both = replace(first, snapshots=(*first.snapshots, *later), losses=curve, steps=100)

    streams = Run(both).streams

    assert [stream.is_alone for stream in streams] == [True, True]
    assert [stream.travel for stream in streams] == pytest.approx([0.5, 0.5])
