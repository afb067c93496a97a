"""Targets that are places on a circle, and the inputs that show it."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

G = torch.Generator().manual_seed(0)
PLACE = torch.rand(256, 1, generator=G)
ANGLE = 2 * math.pi * PLACE
CIRCLE = torch.cat([ANGLE.sin(), ANGLE.cos(), torch.randn(256, 2, generator=G)], 1)


def details(x=CIRCLE, y=PLACE, loss=F.mse_loss, model=None):
    torch.manual_seed(0)
    model = nn.Linear(x.shape[1], 1) if model is None else model
    found = snapshot(lambda: loss(model(x), y).backward(), model).loss.details
    return {word.removeprefix("circle_"): v for word, v in found.items() if "circle_" in word}


def absolute(a, b):
    return (a - b).abs().mean()


@pytest.mark.parametrize("scaled", [PLACE, 360 * PLACE, ANGLE, 2 * PLACE - 1])
@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, absolute])
def test_places_on_a_circle(scaled, loss):
    found = details(y=scaled, loss=loss)
    assert found["place"] == pytest.approx(6 / math.pi**2, abs=0.06)
    assert min(found["sine"], found["cosine"]) > 0.99


def test_the_shares_and_errors_are_those_of_least_squares():
    found = details()
    rows = torch.cat([CIRCLE, torch.ones(256, 1)], 1).double()
    left = PLACE.double() - rows @ torch.linalg.lstsq(rows, PLACE.double()).solution
    share = 1 - left.square().sum() / (PLACE - PLACE.mean()).square().sum() * 255 / 251
    assert found["place"] == pytest.approx(share.item(), rel=1e-4)

    torch.manual_seed(0)
    span = PLACE.max() - PLACE.min()
    places = (PLACE - PLACE.min()) / span
    errors = ((nn.Linear(4, 1)(CIRCLE).detach() - PLACE) / span).square()
    for word, where in (
        ("low_error", places < 0.1),
        ("high_error", places > 0.9),
        ("inside_error", (places > 0.2) & (places < 0.8)),
    ):
        assert found[word] == pytest.approx(errors[where].mean().item(), rel=1e-4)
    shares = [(places < 0.1).float().mean(), (places > 0.9).float().mean()]
    assert found["ends"] == pytest.approx(min(shares).item())


def test_random_networks_are_no_circles():
    for seed in range(40):
        torch.manual_seed(seed)
        x = torch.randn(256, 4)
        teacher = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        nn.init.normal_(teacher[0].weight, std=1 + seed % 3)
        found = details(x, teacher(x).detach())
        assert min(found["sine"], found["cosine"]) < max(0.4, 1.2 * found["place"])


@pytest.mark.parametrize("share", [0.5, 0.75, 0.85])
def test_an_open_arc_is_none(share):
    angle = share * ANGLE
    found = details(torch.cat([angle.sin(), angle.cos()], 1))
    assert min(found["sine"], found["cosine"]) < 1.2 * found["place"]


def round_it(a, b):
    away = (a - b).abs()
    return torch.minimum(away, 1 - away).square().mean()


def by_cosine(a, b):
    return (1 - (2 * math.pi * (a - b)).cos()).mean()


def remainder(a, b):
    return ((a - b + 0.5).remainder(1) - 0.5).square().mean()


def wrapped(a, b):
    away = 2 * math.pi * (a - b)
    return torch.atan2(away.sin(), away.cos()).square().mean()


@pytest.mark.parametrize("loss", [round_it, by_cosine, remainder, wrapped])
def test_errors_round_the_circle_are_left_alone(loss):
    assert details(loss=loss) == {}


OTHERS = {
    "two outputs": {"y": CIRCLE[:, :2], "model": nn.Linear(4, 2)},
    "few rows": {"x": CIRCLE[:24], "y": PLACE[:24]},
    "many columns": {"x": CIRCLE.repeat(1, 30)},
    "equal targets": {"y": torch.ones(256, 1)},
    "pictures": {
        "x": CIRCLE.reshape(256, 1, 2, 2),
        "model": nn.Sequential(nn.Flatten(), nn.Linear(4, 1)),
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_tell_nothing(name):
    assert details(**OTHERS[name]) == {}


def test_columns_that_are_alike_or_constant_do_no_harm():
    found = details(torch.cat([CIRCLE, CIRCLE[:, :1], torch.ones(256, 1)], 1))
    assert found["sine"] == pytest.approx(1, abs=1e-3)
