"""Views that take places for the classes, or for the numbers, of one place."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def details(step, model):
    return snapshot(step, model).loss.details


LAYOUTS = {
    "a view": (lambda scores: scores.view(-1, 3), True),
    "a view of log-probabilities": (lambda scores: scores.log_softmax(1).view(-1, 3), True),
    "of a part by part": (lambda scores: scores.relu().flatten(2).reshape(-1, 3), True),
    "a view of an enlarged map": (
        lambda scores: F.interpolate(scores, scale_factor=2).view(-1, 3),
        True,
    ),
    "moved first": (lambda scores: scores.permute(0, 2, 3, 1).reshape(-1, 3), False),
    "moved twice": (lambda scores: scores.flatten(2).transpose(1, 2).reshape(-1, 3), False),
    "one place": (lambda scores: scores.mean((2, 3), keepdim=True).view(-1, 3), False),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_places_that_are_taken_for_classes(name):
    layout, is_cut = LAYOUTS[name]
    model, x = nn.Conv2d(2, 3, 3, padding=1), torch.randn(4, 2, 6, 6)

    def step():
        rows = layout(model(x))
        F.cross_entropy(rows, torch.arange(len(rows)) % 3).backward()

    assert ("cut_classes" in details(step, model)) is is_cut


def test_an_image_that_is_classified_as_it_is_has_its_classes():
    model, x = nn.Conv2d(2, 3, 3, padding=1), torch.randn(4, 2, 6, 6)

    found = details(lambda: F.cross_entropy(model(x), torch.ones(4, 6, 6).long()).backward(), model)

    assert "cut_classes" not in found


CLASSES_LAST = {
    "a view": (lambda scores: scores.view(4, 3, 6), True),
    "of rows": (lambda scores: scores.reshape(24, 3).view(4, 3, 6), True),
    "behind a vector that is added": (
        lambda scores: (scores + nn.Parameter(torch.zeros(3))).view(4, 3, 6),
        True,
    ),
    "of an image": (lambda scores: scores.view(4, 3, 3, 2), True),
    "exchanged axes": (lambda scores: scores.transpose(1, 2), False),
    "rows": (lambda scores: scores.reshape(24, 3), False),
    "as they are": (lambda scores: scores, False),
}


@pytest.mark.parametrize("name", CLASSES_LAST)
def test_classes_that_a_view_takes_to_dimension_1(name):
    layout, is_torn = CLASSES_LAST[name]
    model, x = nn.Linear(5, 3), torch.randn(4, 6, 5)

    def step():
        scores = layout(model(x))
        labels = torch.zeros(len(scores), *scores.shape[2:]).long()
        F.cross_entropy(scores, labels).backward()

    assert ("exchanged_classes" in details(step, model)) is is_torn


def test_a_linear_layer_that_makes_all_classes_of_a_sample_has_them_where_a_view_puts_them():
    model, x = nn.Linear(5, 18), torch.randn(4, 5)

    def step():
        F.cross_entropy(model(x).view(4, 3, 6), torch.zeros(4, 6).long()).backward()

    assert "exchanged_classes" not in details(step, model)


class Heads(nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.boxes, self.scores, self.layout = nn.Conv2d(2, 8, 1), nn.Conv2d(2, 2, 1), layout

    def forward(self, x):
        return self.layout(self.boxes(x)).reshape(len(x), -1, 4), self.layout(self.scores(x))


BOXES = {
    "beside scores": (lambda maps: maps, 4, True, 4.0),
    "moved before": (lambda maps: maps.permute(0, 2, 3, 1), 4, True, None),
    "all count": (lambda maps: maps, 4, False, None),
    "rows that straddle the lines": (lambda maps: maps, 5, True, 4.0),
}


@pytest.mark.parametrize("name", BOXES)
def test_boxes_that_are_cut_out_of_neighbouring_places(name):
    layout, size, picks, numbers = BOXES[name]
    torch.manual_seed(0)
    model, x = Heads(layout), torch.randn(3, 2, size, size)

    def step():
        boxes, scores = model(x)
        picked = boxes[torch.rand(boxes.shape[:2]) > 0.5] if picks else boxes
        loss = F.binary_cross_entropy_with_logits(scores.reshape(3, -1), torch.ones(3, 2 * size**2))
        (loss + F.smooth_l1_loss(picked, torch.randn_like(picked))).backward()

    (boxes,) = snapshot(step, model).loss.others

    assert boxes.details.get("cut_numbers") == numbers


def test_lines_of_an_image_are_no_boxes():
    model, x = nn.Conv2d(2, 8, 1), torch.randn(3, 2, 4, 4)

    def step():
        lines = model(x).flatten(1, 2)
        picked = lines[torch.arange(96).view(3, 32) % 3 == 0]
        F.mse_loss(picked, torch.zeros_like(picked)).backward()

    assert "cut_numbers" not in details(step, model)
