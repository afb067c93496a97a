"""Whether a layer is given the memory of the batch with its sizes exchanged."""

import numpy as np
import pytest
import torch
from torch import nn
from training_steps import sgd


class Behind(nn.Module):
    """A layer that is given something made of the batch."""

    def __init__(self, made, layer):
        super().__init__()
        self.made, self.layer = made, layer

    def forward(self, x):
        return self.layer(self.made(x))


def numpys(shape):
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def view(*shape):
    return lambda x: x.view(shape)


def signal():
    return nn.Conv1d(6, 4, 3)


def image():
    return nn.Conv2d(3, 4, 3)


TORN = [
    ((8, 64, 6), view(8, 6, 64), signal),
    ((8, 16, 20, 3), view(8, 3, 16, 20), image),
    ((8, 16, 16, 3), view(8, 3, 16, 16), image),
    ((2, 5, 16, 16, 3), view(10, 3, 16, 16), image),
    ((8, 6, 64), view(8, 64, 6), lambda: nn.Linear(6, 4)),
]
WHOLE = [
    ((8, 64, 6), lambda x: x.permute(0, 2, 1), signal),
    ((8, 64, 6), lambda x: x.permute(0, 2, 1).contiguous(), signal),
    ((8, 16, 20, 3), lambda x: x.permute(0, 3, 1, 2), image),
    ((2, 5, 3, 16, 16), view(10, 3, 16, 16), image),
    ((8, 16, 20), lambda x: x.unsqueeze(1), lambda: nn.Conv2d(1, 4, 3)),
    ((8, 320), view(8, 1, 16, 20), lambda: nn.Conv2d(1, 4, 3)),
    ((8, 6, 6), view(8, 6, 6), signal),
    ((8, 6, 64), lambda x: x, lambda: nn.Linear(64, 4)),
    ((8, 6, 64), lambda x: x.transpose(1, 2), lambda: nn.Linear(6, 4)),
    ((8, 64, 6), view(8, 16, 24), lambda: nn.Linear(24, 4)),
    ((8, 64, 16), view(8, 16, 64), lambda: nn.Linear(64, 4)),  # 16 patches of 4 steps
    ((8, 64, 6), lambda x: x.flatten(1), lambda: nn.Linear(384, 4)),
]


@pytest.mark.parametrize("make", [torch.randn, numpys])
@pytest.mark.parametrize(
    ("shape", "made", "layer", "torn"),
    [(*one, torn) for torn, those in ((True, TORN), (False, WHOLE)) for one in those],
)
def test_a_view_that_exchanges_sizes_is_told_from_one_that_does_not(
    recording, shape, made, layer, torn, make
):
    model = Behind(made, layer())
    recorder, optimizer = recording(every=1), sgd(model)

    for _ in range(2):
        optimizer.zero_grad()
        model(make(shape)).square().mean().backward()
        optimizer.step()
    recorder.stop()

    shots = recorder.trace().snapshots
    at = [shot.loss.details.get("dealt_out_at") for shot in shots]
    assert at == ([0.0, 0.0] if torn else [None, None])
    assert shots[0].graph.sites[0].module == "layer"


def test_numbers_that_are_all_alike_tell_nothing(recording):
    model = Behind(lambda x: x.permute(0, 2, 1).contiguous(), signal())
    recorder, optimizer = recording(every=1), sgd(model)

    model(torch.zeros(8, 64, 6)).square().mean().backward()
    optimizer.step()
    recorder.stop()

    assert "dealt_out_at" not in recorder.trace().snapshots[0].loss.details


# --- samples and time -----------------------------------------------------------------------------
class Recurrent(nn.Module):
    """A recurrent layer that is given something made of the batch, and read at its end."""

    def __init__(self, made, layer):
        super().__init__()
        self.made, self.layer = made, layer

    def forward(self, x):
        return self.layer(self.made(x))[0][-1]


def details(recording, model, *batches):
    recorder, optimizer = recording(every=1), sgd(model)
    for x in batches:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    recorder.stop()
    return [shot.loss.details for shot in recorder.trace().snapshots]


LAYERS = [nn.GRU, nn.RNN, nn.LSTM]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("made", "torn"),
    [
        (view(20, 8, 6), True),
        (lambda x: x.permute(1, 0, 2), False),
        (lambda x: x.permute(1, 0, 2).contiguous(), False),
        (lambda x: x, False),
    ],
)
def test_a_view_that_exchanges_samples_and_time_is_seen(recording, layer, made, torn):
    (found,) = details(recording, Recurrent(made, layer(6, 4)), torch.randn(8, 20, 6))

    assert ("dealt_out_at" in found) is ("by_samples" in found) is torn


def waves(samples, steps):
    """Signals of three channels, whose phases differ from sample to sample."""
    time = torch.arange(steps) / 5
    return torch.sin(time[:, None] + 6 * torch.rand(samples, 1, 3))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_that_runs_over_as_many_samples_as_steps_is_seen_by_sight(recording, layer):
    x = waves(12, 12)
    (found,) = details(recording, Recurrent(view(12, 12, 3), layer(3, 4)), x)

    along, across = (x.diff(dim=d).abs().mean((0, 1)) for d in (1, 0))
    assert found["smoother_across"] == pytest.approx(float((along / across).median()))
    assert found["smoother_across"] < 0.5
    assert found["run_over_at"] == 0


@pytest.mark.parametrize(
    ("made", "layer", "x"),
    [
        (lambda x: x.permute(1, 0, 2), nn.GRU(3, 4), waves(12, 12)),
        (lambda x: x, nn.GRU(3, 4, batch_first=True), waves(12, 12)),
        (lambda x: x, nn.LSTM(3, 4, batch_first=True), waves(12, 12)),
        (lambda x: x, nn.GRU(3, 4), waves(12, 20)),
    ],
    ids=["exchanged", "samples first", "samples first, one node", "more steps"],
)
def test_signals_whose_layer_runs_over_time_are_not_looked_at(recording, made, layer, x):
    (found,) = details(recording, Recurrent(made, layer), x)

    assert "run_over_at" not in found


def test_signals_that_are_given_with_time_first_are_smooth_along_it(recording):
    x = waves(12, 12).permute(1, 0, 2).contiguous()

    (found,) = details(recording, Recurrent(lambda x: x, nn.GRU(3, 4)), x)

    assert found["smoother_across"] > 2
