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


def marks(turn=lambda maps: maps):
    """Noisy pictures of one point each, and maps of where it is, turned before they are drawn."""
    torch.manual_seed(0)
    maps = torch.zeros(16, 2, 12, 12)
    for i, (row, column) in enumerate(torch.randint(2, 10, (16, 2)).tolist()):
        maps[i, i % 2, row - 1 : row + 2, column - 1 : column + 2] = 1
    return maps.sum(1, keepdim=True) + 0.7 * torch.randn(16, 1, 12, 12), turn(maps)


def heatmaps(x, maps, **layer):
    model = nn.Conv2d(1, 2, 3, padding=1, **layer)
    return snapshot(lambda: F.mse_loss(model(x), maps).backward(), model).loss.details


def test_small_marks_that_are_all_turned_alike():
    found = heatmaps(*marks(lambda maps: maps.transpose(-1, -2)))

    assert (found["turned_samples"] >= 12, found["turned_by"]) == (True, 5)


def test_small_marks_as_they_are():
    assert heatmaps(*marks())["turned_samples"] == 0


def test_maps_that_are_smaller_than_their_images():
    x, maps = marks(lambda maps: maps.transpose(-1, -2))

    found = heatmaps(x.repeat_interleave(2, -1).repeat_interleave(2, -2), maps, stride=2)

    assert (found["turned_samples"] >= 12, found["turned_by"]) == (True, 5)


def cells(turn=lambda cells: cells, bright=1.0):
    """Noisy pictures of one object each, and in which cell of a grid its middle is."""
    torch.manual_seed(0)
    x, found = torch.zeros(16, 1, 33, 33), torch.zeros(16, 11, 11)
    for i, (row, column) in enumerate(torch.randint(2, 31, (16, 2)).tolist()):
        x[i, :, row - 2 : row + 3, column - 2 : column + 3] = bright if i % 2 else 1.0
        found[i, row // 3, column // 3] = 1
    return x + 0.2 * torch.randn_like(x), turn(found)


LAYOUTS = {
    "of the first channel": lambda scores, found: (scores[:, 0], found),
    "channels first": lambda scores, found: (scores, torch.stack([found, found], 1)),
    "channels last": lambda scores, found: (
        scores.permute(0, 2, 3, 1),
        torch.stack([found, found], -1),
    ),
}


@pytest.mark.parametrize("bright", [1.0, -1.0])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("is_turned", [True, False])
def test_cells_of_a_grid(layout, is_turned, bright):
    x, found = cells((lambda cells: cells.mT) if is_turned else lambda cells: cells, bright)
    model = nn.Conv2d(1, 2, 3, stride=3)

    def step():
        F.binary_cross_entropy_with_logits(*LAYOUTS[layout](model(x), found)).backward()

    told = snapshot(step, model).loss.details

    assert (told["turned_samples"] >= 12) == is_turned
    assert told["only_convolutions"]
    assert not is_turned or told["turned_by"] == 5


def test_a_layer_that_sees_all_is_told_apart():
    x, found = cells()
    model = nn.Sequential(nn.Conv2d(1, 1, 3, stride=3), nn.Flatten(), nn.Linear(121, 121))

    def step():
        F.binary_cross_entropy_with_logits(model(x).view(16, 11, 11), found).backward()

    assert snapshot(step, model).loss.details["only_convolutions"] == 0


def test_rows_of_a_sequence_are_no_cells():
    model, x = nn.Conv1d(8, 8, 3, padding=1), torch.randn(16, 8, 8)

    found = snapshot(lambda: F.mse_loss(model(x), x.flip(-1)).backward(), model).loss.details

    assert "turned_samples" not in found


def test_what_all_samples_have_in_common_tells_nothing():
    """Bright left halves, and targets in the upper half: neither tells of the other's place."""
    torch.manual_seed(0)
    x, maps = torch.randn(16, 1, 12, 12), torch.rand(16, 2, 12, 12)
    x[..., :6] += 0.7
    maps[..., :6, :] += 0.2

    assert heatmaps(x, maps)["turned_samples"] == 0


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


def test_what_the_pass_made_is_no_target_that_lies_apart():
    """A code is drawn to what an encoder makes, and that to the code."""
    x, _ = pictures()
    model = nn.Conv2d(1, 4, 3, padding=1)

    def step():
        z = model(x)
        q = z.flip(-1)
        (F.mse_loss(q, z.detach()) + F.mse_loss(z, q.detach())).backward()

    assert "turned_samples" not in snapshot(step, model).loss.details
