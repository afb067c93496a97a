"""Whether pictures of 8 bits were calculated with in 8 bits."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd


def read(recording, pictures):
    model = nn.Conv2d(pictures.shape[1], 2, 3)
    recorder, optimizer = recording(every=1), sgd(model)
    model(pictures).square().mean().backward()
    optimizer.step()
    recorder.stop()
    details = recorder.trace().snapshots[0].loss.details
    return tuple(details.get(name) for name in ("jumps", "round_circle", "jump_size"))


def clouds(channels=1):
    """Smooth pictures with some noise, 8 bits."""
    torch.manual_seed(0)
    smooth = F.interpolate(torch.randn(16, channels, 6, 6), size=32, mode="bicubic")
    return (128 + 60 * smooth + 8 * torch.randn_like(smooth)).clamp(0, 255).byte()


def scaled(levels):
    x = levels.float() / 255
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_that_wrapped_round_are_smoother_on_a_circle(recording, channels):
    x = clouds(channels)

    jumps, circle, size = read(recording, scaled(x - x.float().mean(0).byte()))

    assert jumps > 0.05
    assert circle < 0.6
    assert size < 3


def test_bytes_against_the_slow_way(recording):
    x = clouds() - 100
    levels, pairs = x.long(), []
    for picture in levels[:, 0].tolist():
        rows = [*picture, *(list(column) for column in zip(*picture, strict=True))]
        pairs += [(a, b) for row in rows for a, b in itertools.pairwise(row)]
    pairs = [abs(a - b) for a, b in pairs if min(a, b) > 0 and max(a, b) < 255]
    around = [min(d, 256 - d) for d in pairs]

    jumps, circle, _ = read(recording, x.float() / 128)

    assert jumps == pytest.approx(sum(d > 128 for d in pairs) / len(pairs))
    assert circle == pytest.approx(sum(around) / sum(pairs))


def black_on_white():
    return (255 * (torch.rand(16, 1, 16, 16) < 0.5)).byte()


@pytest.mark.parametrize("make", [clouds, black_on_white])
def test_whole_pictures_have_no_jumps(recording, make):
    jumps, _, _ = read(recording, scaled(make()))

    assert not jumps


@pytest.mark.parametrize(
    "pictures",
    [torch.rand(16, 1, 16, 16), torch.randn(16, 3, 16, 16), torch.zeros(16, 1, 16, 16)],
)
def test_other_numbers_have_no_levels(recording, pictures):
    assert read(recording, pictures) == (None, None, None)


def test_pictures_with_values_that_are_not_finite_tell_nothing(recording):
    x = scaled(clouds() - 100)
    x[0, 0, 0, 0] = float("nan")

    assert read(recording, x) == (None, None, None)
