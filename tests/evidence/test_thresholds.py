"""Numbers that say what they mean."""

import pickle

import pytest

from lifesigns.evidence import Threshold, thresholds

SHARED = {name: value for name, value in vars(thresholds).items() if isinstance(value, Threshold)}


def test_a_threshold_compares_and_is_written_like_its_number():
    limit = Threshold(0.4, "share of a layer", "CS231n")

    assert limit < 0.5
    assert f"{limit:.0%}" == "40%"
    assert (limit.meaning, limit.source) == ("share of a layer", "CS231n")


def test_a_threshold_survives_storage_with_its_source():
    limit = Threshold(0.4, "share of a layer", "CS231n")

    kept = pickle.loads(pickle.dumps(limit))

    assert (kept, kept.meaning, kept.source) == (limit, limit.meaning, limit.source)


@pytest.mark.parametrize("name", SHARED)
def test_each_shared_number_has_a_meaning_and_a_source(name):
    assert len(SHARED[name].meaning) > 10
    assert SHARED[name].source
