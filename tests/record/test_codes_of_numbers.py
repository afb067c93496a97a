"""What is added to sequences of numbers behind a linear map, by their place in the batch."""

import pytest
import torch
from oracles.recorded import record
from torch import nn

torch.set_num_threads(1)

ROWS, PLACES, WIDTH, LONGEST = 16, 10, 8, 40
WAVES = torch.randn(LONGEST, 1, WIDTH, generator=torch.Generator().manual_seed(1))


class Forecaster(nn.Module):
    """Numbers, a linear map, something that is added, a dropout, and an encoder's layer."""

    def __init__(self, added, *, norm_first=False, dropped=0.0, scale=1.0, first=True, swap=False):
        super().__init__()
        self.map, self.added, self.scale, self.swap = nn.Linear(2, WIDTH), added, scale, swap
        self.learned = nn.Parameter(torch.randn(LONGEST, 1, WIDTH))
        self.dropped = nn.Dropout(dropped)
        self.layer = nn.TransformerEncoderLayer(
            WIDTH, 2, 16, dropout=0.0, batch_first=first, norm_first=norm_first
        )
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x):
        x = self.map(x)
        x = x * self.scale if self.scale != 1 else x
        x = self.added(self, x) + x if self.swap else x + self.added(self, x)
        return self.head(self.layer(self.dropped(x)))


def details(added, *, steps=4, same=False, size=(ROWS, PLACES), **options):
    torch.manual_seed(0)
    model = Forecaster(added, **options)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    given = [torch.randn(*size, 2) for _ in range(steps)]
    batches = iter(given[:1] * steps if same else given)

    def step():
        x = next(batches)
        loss = (model(x) - x.roll(1, 1)[..., :1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    trace = record(step, model, [optimizer], steps=steps)
    assert all(shot.coverage.failures == () for shot in trace.snapshots)
    return [shot.loss.details for shot in trace.snapshots]


def apart(found):
    return [{k: v for k, v in one.items() if k.startswith("codes_apart_")} for one in found]


def by_row(model, x):
    return WAVES[: x.shape[0]]


def by_second(model, x):
    return WAVES[: x.shape[1], 0]


def sliced(model, x):
    return model.learned[: x.shape[0]]


def by_sample(model, x):
    return torch.randn(x.shape[0], 1, WIDTH)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("options", [{}, {"scale": 2.5}, {"dropped": 0.2}, {"swap": True}])
def test_what_two_places_of_the_batch_get_is_the_same_in_all_steps(norm_first, options):
    found = details(by_row, norm_first=norm_first, **options)

    first, *others = apart(found)
    wanted = (WAVES[0] - WAVES[1]).square().mean().sqrt() / (1 - options.get("dropped", 0))
    assert first["codes_apart_01"] == pytest.approx(float(wanted), rel=1e-4)
    for other in others:
        assert other == pytest.approx(first, rel=1e-4)
    assert all("codes_of_numbers" in one and "codes_by_slice" not in one for one in found)
    assert len({one["codes_tokens"] for one in found}) == len(found)


def test_sequences_whose_places_come_first():
    found = details(by_second, size=(PLACES, ROWS), first=False)

    assert apart(found)[0]["codes_apart_01"] > 0


def test_weights_that_are_sliced_by_the_size_of_the_batch():
    assert all("codes_by_slice" in one for one in details(sliced))


def test_data_that_come_again_have_the_same_number():
    assert len({one["codes_tokens"] for one in details(by_row, same=True)}) == 1


@pytest.mark.parametrize("norm_first", [False, True])
def test_what_belongs_to_a_sample_is_another_in_each_step(norm_first):
    first, other, *_ = apart(details(by_sample, norm_first=norm_first))

    assert first["codes_apart_01"] != pytest.approx(other["codes_apart_01"], rel=1e-2)


OTHERS = {
    "positions": (by_second, {}),
    "positions that come first": (by_row, {"size": (PLACES, ROWS), "first": False}),
    "nothing": (lambda model, x: 0.0, {}),
    "one vector": (lambda model, x: WAVES[0, 0], {}),
    "both": (lambda model, x: WAVES[: len(x)] + WAVES[: x.shape[1], 0], {}),
    "as many sequences as places": (by_row, {"size": (PLACES, PLACES)}),
    "three sequences": (by_row, {"size": (3, PLACES)}),
}


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("name", OTHERS)
def test_positions_and_other_things_tell_nothing_of_the_batch(name, norm_first):
    added, options = OTHERS[name]

    assert apart(details(added, norm_first=norm_first, **options)) == [{}] * 4
