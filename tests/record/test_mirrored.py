"""Whether coordinates lie as their images do."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)

NAMES = ("turned_samples", "upright_samples", "turned_by")


def plates(count=32):
    """Noisy pictures of a bright plate each, and its left, upper, right and lower edges."""
    torch.manual_seed(0)
    x, boxes = 0.2 * torch.randn(count, 1, 24, 24), torch.zeros(count, 4)
    for i, (left, top, width, height) in enumerate(torch.randint(5, 11, (count, 4)).tolist()):
        left, top = (left - 5) * (24 - width) // 5, (top - 5) * (24 - height) // 5
        x[i, 0, top : top + height, left : left + width] += 1
        boxes[i] = torch.tensor([left, top, left + width, top + height]) / 24
    return x, boxes


def details(x, boxes, loss=F.smooth_l1_loss):
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=4), nn.Flatten(), nn.LazyLinear(boxes.shape[1]))
    model(x)
    return snapshot(lambda: loss(model(x), boxes).backward(), model).loss.details


@pytest.mark.parametrize("loss", [F.mse_loss, F.smooth_l1_loss, F.huber_loss])
def test_coordinates_that_lie_as_their_images_do(loss):
    found = details(*plates(), loss)

    assert found["turned_samples"] == 0
    assert found["upright_samples"] >= 18
    assert found["targets_are_places"] == 1


@pytest.mark.parametrize("dim", [-1, -2])
def test_some_images_that_are_flipped_by_themselves(dim):
    x, boxes = plates()
    x[::3] = x[::3].flip(dim)

    turned, upright, by = (details(x, boxes)[name] for name in NAMES)

    assert 6 <= turned <= 11
    assert upright >= 11
    assert by == -1 - dim


def test_images_that_are_flipped_with_their_coordinates():
    x, boxes = plates()
    x[::3] = x[::3].flip(-1)
    boxes[::3, 0], boxes[::3, 2] = 1 - boxes[::3, 2], 1 - boxes[::3, 0]

    assert details(x, boxes)["turned_samples"] == 0


@pytest.mark.parametrize("apart", [False, True])
def test_one_number_for_each_image(apart):
    x, boxes = plates()
    centres = boxes[:, 0] + boxes[:, 2] - 1
    x[::3] = x[::3].flip(-1)
    centres[::3] *= 1 if apart else -1
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=4), nn.Flatten(), nn.LazyLinear(1))
    model(x)
    shot = snapshot(lambda: F.mse_loss(model(x).squeeze(1), centres).backward(), model)

    assert shot.coverage.failures == ()
    found = shot.loss.details
    assert (found["turned_samples"] >= 5) is apart
    assert found["turned_samples"] > 0 or found["upright_samples"] >= 15


def test_a_term_of_a_sum():
    x, boxes = plates()
    x[::3] = x[::3].flip(-1)
    classes = torch.arange(len(x)) % 2

    def loss(out, boxes):
        return F.cross_entropy(out[:, :2], classes) + 5 * F.smooth_l1_loss(out[:, 2:], boxes)

    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=4), nn.Flatten(), nn.LazyLinear(6))
    model(x)
    whole = snapshot(lambda: loss(model(x), boxes).backward(), model).loss

    assert "turned_samples" not in whole.details
    assert whole.others[0].details["turned_samples"] >= 6


@pytest.mark.parametrize(
    "make",
    [
        lambda x, boxes: (x, torch.randn(len(x), 3)),
        lambda x, boxes: (x, torch.randint(0, 2, (len(x), 1)).float()),
        lambda x, boxes: (x, boxes[:, :1].sub(boxes[:, :1].mean()).sign()),
        lambda x, boxes: (x, (boxes[:, :1] - 0.4).abs()),
        lambda x, boxes: (torch.randn_like(x), boxes),
        lambda x, boxes: (torch.zeros_like(x), boxes),
        lambda x, boxes: (x, torch.zeros_like(boxes)),
        lambda x, boxes: (x[:8], boxes[:8]),
    ],
    ids=["unrelated", "classes", "sides", "distances", "noise", "dark", "one place", "few"],
)
def test_targets_that_are_no_places_of_what_stands_out(make):
    assert details(*make(*plates())).get("turned_samples", 0) == 0
