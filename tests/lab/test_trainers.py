import pytest
import torch

from lifesigns.lab.training.trainers import FEW, lengths


@pytest.mark.parametrize("members", [1, FEW, 3 * FEW - 1])
def test_the_length_of_a_member_is_over_tensors_of_every_shape(members):
    scalar, matrix = torch.full((members,), 2.0), torch.ones(members, 3, 4)

    found = lengths([scalar, matrix, torch.zeros(members, 5)])

    assert found.dtype == torch.float64
    assert found.tolist() == [4.0] * members


def test_what_single_precision_cannot_square_has_a_length():
    tiny, huge = 1e-30, 1e30

    assert lengths([torch.tensor([[tiny], [huge]])]).tolist() == pytest.approx([tiny, huge])
