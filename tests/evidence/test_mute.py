"""Classes whose output is 0 whatever comes in."""

import numpy as np

from lifesigns.evidence.mute import mute
from lifesigns.rules import testing as example


def _shots(named, samples=40, classes=4):
    """Four recorded steps; the units listed are positive for every sample."""
    graph = example.chain("linear", "relu", "nll_loss", units=classes, batch=samples)
    values = np.tile(np.isin(np.arange(classes), named), (samples, 1))
    wanted = example.target(np.arange(samples) % 3, classes=classes)
    trace = example.fitting(
        graph,
        [1.0] * 60,
        values,
        wanted,
        sites=[example.SiteReading(1, example.sums(values))],
        kind="cross_entropy",
    )
    return trace.snapshots


def test_a_class_that_occurs_and_whose_unit_stays_0_is_mute():
    found = mute(_shots([0, 1]), "1:relu#0")

    assert found.classes == (2,)  # the fourth never occurs
    assert (found.samples, found.missed) == (80, 26)
    assert found.matters
    assert "1 class (2) is 0 in all 80 samples" in str(found)


def test_what_names_all_classes_or_was_not_seen_is_not_mute():
    assert mute(_shots([0, 1, 2]), "1:relu#0") is None
    assert mute(_shots([0]), "no such site") is None


def test_a_handful_of_samples_does_not_matter():
    assert not mute(_shots([0], samples=20), "1:relu#0").matters
