"""What is added to the tokens of a sequence, by its place in the batch."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

torch.set_num_threads(1)

ROWS, PLACES, WIDTH = 16, 10, 8
LONGEST = 40


class Encoder(nn.Module):
    """Tokens, something that is added to them, a dropout, and an encoder's layer."""

    def __init__(
        self, added, *, norm_first=False, dropped=0.0, scale=1.0, table=0, normed=False, mask=None
    ):
        super().__init__()
        self.tokens, self.scale, self.added = nn.Embedding(5, WIDTH), scale, added
        self.table = nn.Embedding(table, WIDTH) if table else None
        self.learned = nn.Parameter(torch.randn(LONGEST, 1, WIDTH))
        self.dropped = nn.Dropout(dropped)
        self.normed, self.mask = nn.LayerNorm(WIDTH) if normed else nn.Identity(), mask
        self.layer = nn.TransformerEncoderLayer(
            WIDTH, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, ids):
        x = self.tokens(ids) * self.scale
        x = self.dropped(self.normed(x + self.added(self, x)))
        return self.head(self.layer(x, src_mask=self.mask))


def details(added, *, steps=4, same=False, rate=0.1, **options):
    """Of each step: what was recorded of it, of other tokens unless they are the same."""
    torch.manual_seed(0)
    model = Encoder(added, **options)
    optimizer = torch.optim.SGD(model.parameters(), rate)
    given = iter([torch.randint(5, (ROWS, PLACES)) for _ in range(steps)])
    first = torch.randint(5, (ROWS, PLACES))

    def step():
        ids = first if same else next(given)
        loss = F.cross_entropy(model(ids).flatten(0, 1), ids.flip(1).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    trace = record(step, model, [optimizer], steps=steps)
    assert all(shot.coverage.failures == () for shot in trace.snapshots)
    return [shot.loss.details for shot in trace.snapshots]


def apart(found):
    return [{k: v for k, v in one.items() if k.startswith("codes_apart_")} for one in found]


WAVES = torch.randn(LONGEST, 1, WIDTH, generator=torch.Generator().manual_seed(1))


def by_row(model, x):
    return WAVES[: x.shape[0]]


def by_place(model, x):
    return WAVES[: x.shape[1], 0]


def by_sample(model, x):
    return torch.randn(x.shape[0], 1, WIDTH)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(("dropped", "scale"), [(0.0, 1.0), (0.0, 2.5), (0.2, 1.0)])
def test_what_two_places_of_the_batch_get_is_the_same_in_all_steps(norm_first, dropped, scale):
    found = details(by_row, norm_first=norm_first, dropped=dropped, scale=scale)

    first, *others = apart(found)
    assert len(first) == 6 or dropped  # which may leave no token that tells of some unit
    wanted = (WAVES[0] - WAVES[1]).square().mean().sqrt() / (1 - dropped)
    assert first["codes_apart_01"] == pytest.approx(float(wanted), rel=1e-4)
    for other in others:
        both = first.keys() & other.keys()
        assert len(both) >= 3
        assert {k: other[k] for k in both} == pytest.approx({k: first[k] for k in both}, rel=1e-4)
    assert len({one["codes_tokens"] for one in found}) == len(found)
    assert "codes_by_slice" not in found[0]


CAUSAL = nn.Transformer.generate_square_subsequent_mask(PLACES)


@pytest.mark.parametrize("options", [{"normed": True, "dropped": 0.2}, {"mask": CAUSAL}])
def test_behind_a_norm_and_a_mask_as_well(options):
    first, other, *_ = apart(details(by_row, **options))

    wanted = (WAVES[0] - WAVES[1]).square().mean().sqrt()
    assert first["codes_apart_01"] == pytest.approx(float(wanted), rel=1e-4)
    assert other == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("norm_first", [False, True])
def test_what_belongs_to_a_sample_is_another_in_each_step(norm_first):
    first, other, *_ = apart(details(by_sample, norm_first=norm_first))

    assert first["codes_apart_01"] != pytest.approx(other["codes_apart_01"], rel=1e-2)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("added", [by_place, lambda model, x: 0.0])
def test_positions_and_none_at_all_tell_nothing_of_the_batch(added, norm_first):
    assert apart(details(added, norm_first=norm_first)) == [{}] * 4


def sliced(model, x):
    return model.learned[: x.shape[0]]


def looked_up(model, x):
    return model.table(torch.arange(len(x)))[:, None]


@pytest.mark.parametrize("added", [sliced, looked_up])
@pytest.mark.parametrize("norm_first", [False, True])
def test_weights_that_are_taken_by_the_place_in_the_batch(added, norm_first):
    found = details(added, norm_first=norm_first, table=LONGEST * (added is looked_up))

    assert all("codes_by_slice" in one for one in found)


def test_a_table_with_one_row_for_each_sample_may_name_them():
    found = details(looked_up, table=ROWS)

    assert all(apart(found))
    assert not any("codes_by_slice" in one for one in found)


def test_a_class_that_is_looked_up_is_not_taken_by_the_place():
    def of_class(model, x):
        return model.table(torch.randint(LONGEST, (len(x), 1)))

    found = details(of_class, table=LONGEST)

    assert all(apart(found))
    assert not any("codes_by_slice" in one for one in found)


def test_tokens_that_come_again_have_the_same_number():
    assert len({one["codes_tokens"] for one in details(by_row, same=True)}) == 1


def test_attention_along_the_batch_compares_no_sequences():
    class Crossed(Encoder):
        def forward(self, ids):
            x = self.tokens(ids) + WAVES[: ids.shape[1], 0]
            return self.head(self.layer(x.transpose(0, 1)).transpose(0, 1))

    torch.manual_seed(0)
    model = Crossed(by_row)
    ids = torch.randint(5, (ROWS, PLACES))

    def step():
        F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()

    (shot,) = record(step, model).snapshots
    assert apart([shot.loss.details]) == [{}]
