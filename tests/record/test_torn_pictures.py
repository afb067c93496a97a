"""Whether pictures are smoother with their channels read last."""

import pytest
import torch
from torch import nn
from training_steps import sgd


def pictures(count=8, size=24, channels=3):
    """Smooth ones, with the channels last."""
    coarse = torch.randn(count, channels, size // 4, size // 4)
    fine = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return fine.permute(0, 2, 3, 1).contiguous()


def details(recording, x):
    model = nn.Sequential(nn.Conv2d(x.shape[1], 4, 3), nn.ReLU())
    recorder, optimizer = recording(every=1), sgd(model)
    model(x).square().mean().backward()
    optimizer.step()
    recorder.stop()
    return recorder.trace().snapshots[0].loss.details


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_torn_pictures_are_smoother_in_their_old_order(recording, channels):
    x = pictures(channels=channels)

    torn = details(recording, x.view(8, channels, 24, 24))
    whole = details(recording, x.permute(0, 3, 1, 2))

    assert torn["pictures_at"] == 0
    assert max(torn["smoother_down"], torn["smoother_along"]) < 0.6
    assert min(whole["smoother_down"], whole["smoother_along"]) > 1


def test_pictures_of_one_colour_tell_nothing_and_hide_no_others(recording):
    x = pictures()
    x[0] = 1.0

    assert details(recording, x.view(8, 3, 24, 24))["smoother_down"] < 0.5
    assert details(recording, torch.ones(8, 3, 24, 24))["smoother_down"] != 0


def test_stripes_as_wide_as_there_are_channels_are_not_smooth_where_channels_end(recording):
    stripes = (torch.arange(24) % 3 == 0).float().view(1, 1, 24, 1)
    colours = torch.rand(8, 3, 1, 1)

    seen = details(recording, (stripes * colours).expand(8, 3, 24, 24).contiguous())

    assert max(seen["smoother_down"], seen["smoother_along"]) > 0.7


@pytest.mark.parametrize("shape", [(8, 1, 24, 24), (8, 3, 4, 4), (4, 3, 24, 24)])
def test_what_is_small_or_has_one_channel_is_not_looked_at(recording, shape):
    assert "pictures_at" not in details(recording, torch.randn(shape))
