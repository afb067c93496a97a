"""What is measured is measured in one state, and the run has its own again afterwards."""

import gc

import pytest
import torch

from lifesigns.record.measure.measuring import measuring


def test_nothing_that_is_computed_has_a_graph():
    weight = torch.ones(2, requires_grad=True)
    with measuring():
        inside = weight * 2
    assert not inside.requires_grad
    assert (weight * 2).requires_grad


def test_no_garbage_is_collected_inside():
    with measuring(), measuring():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_rested_rests_on():
    gc.disable()
    try:
        with measuring():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_collector_works_again_after_an_error():
    with pytest.raises(ValueError, match="inside"), measuring():
        raise ValueError("inside")
    assert gc.isenabled()
