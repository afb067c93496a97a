"""What several processes saw, put together, is what one would have seen of all batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns
from lifesigns.records import LossCurve, ParameterReading, Snapshot, Trace
from lifesigns.records.graph import Graph
from lifesigns.records.merging import SHARDS, merged

X = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)


def trained(rows):
    """Two steps on some of the samples, without an update."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    with lifesigns.watch(model, every=1) as watcher:
        for _ in range(2):
            F.cross_entropy(model(X[rows]), Y[rows]).backward()
    return watcher.trace


def test_thirds_of_a_batch_make_the_whole():
    parts = [trained(slice(start, start + 16)) for start in (0, 16, 32)]

    whole, together = trained(slice(0, 48)), merged(parts)

    for one, other in zip(whole.snapshots, together.snapshots, strict=True):
        for exact, joined in zip(one.sites, other.sites, strict=True):
            if exact.value is not None:
                for name in ("count", "active", "saturated", "minimum", "maximum"):
                    known = getattr(exact.value, name)
                    assert getattr(joined.value, name).tolist() == known.tolist()
                assert joined.value.total == pytest.approx(exact.value.total, rel=1e-5)
        assert other.batch.features.count.tolist() == [48] * 4
        assert other.loss.target.class_counts.tolist() == torch.bincount(Y).tolist()
        assert other.loss.value == pytest.approx(one.loss.value, rel=1e-5)
    assert together.losses.values == pytest.approx(whole.losses.values, rel=1e-5)


def parameter(values, shards):
    rms = float(np.sqrt(np.mean(values**2)))
    return ParameterReading("w", values.shape, weight_rms=rms, gradient_rms=rms, shards=shards)


def test_shards_of_a_weight_make_the_whole():
    values = np.arange(20.0).reshape(5, 4)
    pieces = [parameter(values[:3], 2), parameter(values[3:], 2)]
    traces = [Trace((Snapshot(0, Graph(), parameters=(p,)),)) for p in pieces]

    (joined,) = merged(traces).snapshots[0].parameters

    whole = parameter(values, 1)
    assert (joined.shape, joined.shards) == (whole.shape, 1)
    assert joined.weight_rms == pytest.approx(whole.weight_rms)
    assert joined.gradient_rms == pytest.approx(whole.gradient_rms)


def test_what_only_one_has_seen_says_who():
    one, other = Trace(unseen=("a", f"{SHARDS} of w")), Trace(unseen=("a", "b"))

    assert merged([one, other]).unseen == ("a", "rank 1: b")
    assert merged([one, other], whole=False).unseen == ("a", f"rank 0: {SHARDS} of w", "rank 1: b")


def test_losses_are_averaged_as_far_as_both_count_the_same_steps():
    steps = np.arange(3)
    long = Trace(losses=LossCurve(steps, np.array([3.0, 2.0, 1.0]), np.zeros(3, int)))
    short = replace(long, losses=LossCurve(steps[:2], np.array([5.0, 4.0]), np.zeros(2, int)))

    assert merged([short, long]).losses.values.tolist() == [4.0, 3.0, 1.0]
