"""Whether a sequence that a network is given holds the targets at their own places."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
PAST, KNOWN, AHEAD = 16, 4, 8
SERIES = torch.randn(10, PAST + AHEAD, generator=torch.Generator().manual_seed(0))
WAVE = torch.sin(torch.arange(PAST + AHEAD) * 2 * torch.pi / AHEAD + torch.arange(10)[:, None])


class Forecaster(nn.Module):
    """An encoder of the past, and a decoder of places of which the last are to be said."""

    def __init__(self, columns=1, convolves=False, cuts=True):
        super().__init__()
        self.past = nn.Linear(1, 8)
        self.given = nn.Conv1d(columns, 8, 3) if convolves else nn.Linear(columns, 8)
        self.out, self.cuts = nn.Linear(8, 1), cuts

    def forward(self, past, given):
        memory = self.past(past[..., None]).tanh().mean(1, keepdim=True)
        if isinstance(self.given, nn.Conv1d):
            wide = F.pad(given.transpose(1, 2), (1, 1), mode="circular")
            h = self.given(wide).transpose(1, 2)
        else:
            h = self.given(given)
        out = self.out(memory + h.tanh()).squeeze(-1)
        return out[:, -AHEAD:] if self.cuts else out


def parts(series):
    """The past, what a decoder reads if it is told all, and the future."""
    return series[:, :PAST], series[:, PAST - KNOWN :], series[:, PAST:]


def blank(given):
    return torch.cat([given[:, :KNOWN], torch.zeros_like(given[:, KNOWN:])], 1)


def details(given, model=None, loss=F.mse_loss, series=SERIES):
    torch.manual_seed(0)
    past, _, target = parts(series)
    model = model or Forecaster(given.shape[-1])
    return snapshot(lambda: loss(model(past, given), target).backward(), model).loss.details


def by_hand(output, target):
    return (output - target).pow(2).mean()


TOLD = parts(SERIES)[1][..., None]
MARKS = torch.randn(10, KNOWN + AHEAD, 3)


@pytest.mark.parametrize("loss", [F.mse_loss, by_hand])
@pytest.mark.parametrize(
    "given",
    [TOLD, torch.cat([MARKS, TOLD], -1), TOLD[:, KNOWN:]],
    ids=["alone", "beside marks", "future alone"],
)
def test_a_decoder_that_is_told_the_future(given, loss):
    assert details(given.contiguous(), loss=loss).get("told_in_place") == 1


def test_an_embedding_that_convolves():
    assert details(TOLD, Forecaster(convolves=True)).get("told_in_place") == 1


def test_outputs_that_the_loss_cuts():
    def loss(output, target):
        return F.mse_loss(output[:, -AHEAD:], target)

    assert details(TOLD, Forecaster(cuts=False), loss).get("told_in_place") == 1


OTHERS = {
    "zeros": blank(TOLD),
    "moved by one": TOLD.roll(1, 1),
    "the past": SERIES[:, PAST - KNOWN - AHEAD : PAST, None],
    "noisy": TOLD + 0.01 * torch.randn_like(TOLD),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("loss", [F.mse_loss, by_hand])
def test_a_decoder_that_is_not(name, loss):
    assert "told_in_place" not in details(OTHERS[name].contiguous(), loss=loss)


def test_a_signal_that_repeats_holds_its_future():
    given = parts(WAVE)[1].roll(AHEAD, 1)[..., None]

    assert "told_in_place" not in details(given.contiguous(), loss=by_hand, series=WAVE)
    assert "told_in_place" not in details(parts(WAVE)[1][..., None], series=WAVE)


def test_a_sequence_that_is_to_be_given_back():
    model, x = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 3)), torch.randn(10, 8, 3)

    found = snapshot(lambda: F.mse_loss(model(x.clone()), x).backward(), model).loss.details

    assert "told_in_place" not in found


def test_a_window_of_channels_that_repeats():
    """Each channel is a row of times, and its next value is the first."""
    wave = WAVE[:, None, : AHEAD + 1] * torch.rand(10, 5, 1)
    model = nn.Linear(AHEAD, 1)

    def step():
        by_hand(model(wave[..., :AHEAD]), wave[..., AHEAD:]).backward()

    assert "told_in_place" not in snapshot(step, model).loss.details


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.past, self.given = kind(1, 8, batch_first=True), kind(1, 8, batch_first=True)
        self.out = nn.Linear(8, 1)

    def forward(self, past, given):
        _, state = self.past(past[..., None])
        return self.out(self.given(given, state)[0])[:, -AHEAD:, 0]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_decoders(kind):
    assert details(TOLD, Recurrent(kind)).get("told_in_place") == 1
    assert "told_in_place" not in details(TOLD.roll(1, 1), Recurrent(kind))
    assert "told_in_place" not in details(blank(TOLD), Recurrent(kind))
