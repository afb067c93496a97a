"""Whether images lie as the targets of their pixels do."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def pictures():
    """Eight noisy pictures with a bright corner of unequal sides, and the corners' masks."""
    torch.manual_seed(0)
    masks = torch.zeros(8, 1, 8, 8)
    masks[:, :, 0, :4] = 1
    masks[:, :, 1:3, 0] = 1
    return masks + 0.1 * torch.randn_like(masks), masks


TURNS = [
    lambda x: x.flip(-1),
    lambda x: x.flip(-2),
    lambda x: x.flip(-1, -2),
    lambda x: x.rot90(1, (-2, -1)),
    lambda x: x.rot90(-1, (-2, -1)),
]
"""Of the image: the target fits it turned alike."""


def of_pixels(model, x, masks):
    return F.binary_cross_entropy_with_logits(model(x), masks)


def of_classes(model, x, masks):
    scores = model(x)
    return F.cross_entropy(torch.cat([-scores, scores], 1), masks[:, 0].long())


@pytest.mark.parametrize("loss", [of_pixels, of_classes])
@pytest.mark.parametrize("number", range(len(TURNS)))
def test_images_that_are_turned_without_their_targets(number, loss):
    x, masks = pictures()
    x[:3] = TURNS[number](x[:3])
    model = nn.Conv2d(1, 1, 3, padding=1)

    found = snapshot(lambda: loss(model, x, masks).backward(), model).loss.details

    assert (found["turned_samples"], found["turned_by"]) == (3, number)
    assert (found["upright_samples"], found["samples"]) == (5, 8)


def test_images_that_lie_as_their_targets_do():
    x, masks = pictures()
    model = nn.Conv2d(1, 1, 3, padding=1)

    found = snapshot(lambda: of_pixels(model, x, masks).backward(), model).loss.details

    assert (found["turned_samples"], found["upright_samples"]) == (0, 8)


def test_the_output_tells_where_the_image_does_not():
    _, masks = pictures()
    model = nn.Conv2d(1, 1, 1)
    apart = torch.randn(8, 1, 8, 8)
    scores = TURNS[0](masks) + 0.1 * torch.randn_like(masks)

    def step():
        of_pixels(lambda given: scores + 1e-3 * model(given), apart, masks).backward()

    assert snapshot(step, model).loss.details["turned_samples"] == 8


def test_numbers_that_are_no_images_are_not_turned():
    model, x = nn.Linear(4, 4), torch.randn(8, 4)

    found = snapshot(lambda: F.mse_loss(model(x), x).backward(), model).loss.details

    assert "turned_samples" not in found
