"""Sequences filled up to one length: what the recorder tells of words and padding."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

from lifesigns.record.measure.padding import padding_of

torch.set_num_threads(1)

SIZES = torch.tensor([3, 5, 4, 8, 2, 6, 3, 7])


def texts():
    """Eight texts of up to eight words of 1 to 9, filled up with 0."""
    torch.manual_seed(0)
    return torch.randint(1, 10, (8, 8)) * (torch.arange(8) < SIZES.unsqueeze(1))


# --- which places are padding ---------------------------------------------------------------------
FORMS = {
    "behind the words": lambda x: x,
    "before the words": lambda x: x.flip(1),
    "time first": lambda x: x.t(),
}


@pytest.mark.parametrize("form", FORMS)
def test_padding_is_a_token_that_stands_in_runs_at_one_end(form):
    x = FORMS[form](texts())

    assert torch.equal(padding_of(x), x == 0)


def test_a_token_that_stands_among_words_as_well_is_no_padding():
    x = texts()
    x[:, 0] = 0

    assert padding_of(x) is None


def test_the_sign_at_the_end_of_each_text_is_no_padding():
    x = texts().clamp(min=1)
    x[:, -1] = 0

    assert padding_of(x) is None


# --- what arrives at words ------------------------------------------------------------------------
class Reader(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.last = last
        self.words, self.memory = nn.Embedding(10, 4), nn.RNN(4, 3, batch_first=True)

    def forward(self, x):
        states = self.memory(self.words(x))[0]
        return states[torch.arange(len(x)), self.last]


@pytest.mark.parametrize("last", [-1, SIZES - 1])
def test_the_gradient_at_words_and_at_padding_apart(last):
    x, model = texts(), Reader(last)

    found = snapshot(lambda: model(x).square().sum().backward(), model).loss.details

    looked_up = model.words(x).detach().requires_grad_()
    model.memory(looked_up)[0][torch.arange(8), last].square().sum().backward()
    squares = looked_up.grad.square().mean(-1)
    words, padding = (squares[x > 0].mean().sqrt(), squares[x == 0].mean().sqrt())
    assert found["word_gradient"] == pytest.approx(float(words), rel=1e-4)
    assert found["padding_gradient"] == pytest.approx(float(padding), rel=1e-4)
    assert found["padding_share"] == pytest.approx(float((x == 0).float().mean()))
    assert found["padding_behind"] == pytest.approx(7 / 8)
    assert found["positions"] == 8
    assert found["padding_token"] == 0


def test_the_token_that_fills_up_is_told():
    x, model = texts(), Reader(-1)
    x = torch.where(x == 0, 9, x.clamp(max=8))

    found = snapshot(lambda: model(x).square().sum().backward(), model).loss.details

    assert found["padding_token"] == 9


class Packed(nn.Module):
    def __init__(self, lengths):
        super().__init__()
        self.lengths = lengths
        self.words, self.memory = nn.Embedding(10, 4), nn.GRU(4, 3, batch_first=True)

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(x), self.lengths, batch_first=True, enforce_sorted=False
        )
        return self.memory(packed)[1][-1]


LENGTHS = {
    "their own": (SIZES, 0.0),
    "sorted": (SIZES.sort(descending=True).values, 7 / 8),
    "two exchanged": (SIZES[[1, 0, 2, 3, 4, 5, 6, 7]], 2 / 8),
    "all alike": (torch.full((8,), 8), 0.0),
    "one cut": (SIZES.clamp(max=6), 0.0),
}


@pytest.mark.parametrize("lengths", LENGTHS)
def test_sequences_that_are_read_up_to_the_length_of_others(lengths):
    given, share = LENGTHS[lengths]
    x, model = texts(), Packed(given)

    found = snapshot(lambda: model(x).square().sum().backward(), model).loss.details

    assert found["lengths_exchanged"] == share


def test_the_middle_one_of_the_sequences_is_told_apart_from_a_few_long_ones():
    x, model = texts(), Reader(-1)
    x = torch.cat([x, F.pad(x[:, :3].clamp(min=1), (0, 5))]).clone()
    x[3] = 1  # without padding

    found = snapshot(lambda: model(x).square().sum().backward(), model).loss.details

    looked_up = model.words(x).detach().requires_grad_()
    model.memory(looked_up)[0][:, -1].square().sum().backward()
    squares, words = looked_up.grad.square().mean(-1), x > 0
    ratios = [
        float((s[w].mean() / s[~w].mean()).sqrt()) if not w.all() else float("inf")
        for s, w in zip(squares, words, strict=True)
    ]
    assert found["word_ratio"] == pytest.approx(sorted(ratios)[8], rel=1e-4)
    assert found["word_ratio"] < found["word_gradient"] / found["padding_gradient"]


def test_sequences_with_time_first_are_told_apart_as_well():
    x, model = texts(), Reader(-1)

    def step(time_first):
        words = model.words(x.t()).transpose(0, 1) if time_first else model.words(x)
        model.memory(words)[0][:, -1].square().sum().backward()

    first, second = (snapshot(lambda t=t: step(t), model).loss.details for t in (False, True))

    for word in ("word_ratio", "padding_behind", "positions"):
        assert second[word] == pytest.approx(first[word], rel=1e-4)


def test_nothing_is_told_of_single_sequences_where_no_gradient_comes_to_padding():
    x, model = texts(), Reader(SIZES - 1)

    found = snapshot(lambda: model(x).square().sum().backward(), model).loss.details

    assert "word_ratio" not in found


# --- what attention sees --------------------------------------------------------------------------
class Encoder(nn.Module):
    def __init__(self, wrong, token, layers=1):
        super().__init__()
        self.wrong, self.token = wrong, token
        self.words, self.first = nn.Embedding(10, 8), nn.Parameter(torch.randn(1, 1, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        z, mask = self.words(x), (x != 0) if self.wrong else (x == 0)
        if self.token:
            z, mask = torch.cat([self.first.expand(len(x), 1, 8), z], 1), F.pad(mask, (1, 0))
        return self.head(self.layer(z, src_key_padding_mask=mask).mean(1))


@pytest.mark.parametrize("token", [False, True])
@pytest.mark.parametrize("wrong", [False, True])
def test_attention_that_sees_nothing_but_padding(wrong, token):
    x = texts()
    x[3] = x[0]  # none without padding: its attention would see nothing
    model = Encoder(wrong, token)

    def step():
        F.cross_entropy(model(x), torch.arange(8) % 2).backward()

    found = snapshot(step, model).loss.details

    assert ("seen_alike" in found) is wrong
    if wrong:
        assert (found["seen_alike"], found["hidden"]) == (int((x == 0).sum()), int((x > 0).sum()))


# --- targets at padding ---------------------------------------------------------------------------
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.tags = nn.Embedding(10, 6), nn.Linear(6, 4)

    def forward(self, x):
        return self.tags(self.words(x))


LOSSES = {
    "rows": lambda scores, y, **given: F.cross_entropy(scores.flatten(0, 1), y.flatten(), **given),
    "classes second": lambda scores, y, **given: F.cross_entropy(scores.mT, y, **given),
}


@pytest.mark.parametrize("form", LOSSES)
def test_the_loss_of_words_where_padding_counts(form):
    x, model = texts(), Tagger()
    y = x % 3 + (x > 0)

    found = snapshot(lambda: LOSSES[form](model(x), y).backward(), model).loss.details

    words = x > 0
    apart = F.cross_entropy(model(x)[words], y[words]).item()
    share = torch.bincount(y[words]).float() / words.sum()
    assert (found["word_targets"], found["padding_targets"]) == (words.sum(), (~words).sum())
    assert found["word_loss"] == pytest.approx(apart, rel=1e-5)
    assert found["word_constant"] == pytest.approx(float(torch.special.entr(share).sum()), rel=1e-5)
    assert (found["padding_class"], found["words_alike"]) == (0, 0)


def test_words_of_the_class_of_padding_are_counted():
    x, model = texts(), Tagger()
    y = (x % 3 + 1) * (x > 0) + 3 * (x == 0)

    found = snapshot(lambda: LOSSES["rows"](model(x), y).backward(), model).loss.details

    assert found["padding_class"] == 3
    assert found["words_alike"] == ((y == 3) & (x > 0)).sum() > 0


@pytest.mark.parametrize(
    "given", [{"ignore_index": 0}, {"weight": torch.tensor([0.0, 1.0, 1.0, 1.0])}]
)
def test_padding_that_does_not_count(given):
    x, model = texts(), Tagger()
    y = x % 3 + (x > 0)

    found = snapshot(lambda: LOSSES["rows"](model(x), y, **given).backward(), model).loss.details

    assert "word_loss" not in found


def test_padding_that_a_mask_leaves_out_does_not_count():
    x, model = texts(), Tagger()
    y, words = x % 3 + (x > 0), x > 0

    def step():
        each = LOSSES["rows"](model(x), y, reduction="none")
        ((each * words.flatten()).sum() / words.sum()).backward()

    assert "word_loss" not in snapshot(step, model).loss.details


# --- words whose targets are ignored --------------------------------------------------------------
def ignored(model, x, y, ignore_index=0, form="rows"):
    def step():
        LOSSES[form](model(x), y, ignore_index=ignore_index).backward()

    found = snapshot(step, model).loss.details
    return {k: v for k, v in found.items() if k.startswith(("words_", "kinds_"))}


@pytest.mark.parametrize("form", LOSSES)
def test_words_whose_class_is_ignored_are_counted(form):
    x, model = texts(), Tagger()
    y = torch.where(x > 5, x % 3 + 1, 0)

    assert ignored(model, x, y, form=form) == {
        "words_ignored": ((x > 0) & (x <= 5)).sum(),
        "words_kept": (x > 5).sum(),
        "kinds_ignored": len(x[(x > 0) & (x <= 5)].unique()),
        "kinds_kept": len(x[x > 5].unique()),
    }


@pytest.mark.parametrize("number", [0, -100])
def test_padding_alone_is_no_word_that_is_ignored(number):
    x, model = texts(), Tagger()
    y = torch.where(x > 0, x % 3 + 1, number)

    assert ignored(model, x, y, number) == {}


def test_words_are_left_out_on_purpose_where_words_are_predicted():
    x, model = texts(), Tagger()
    model.tags = nn.Linear(6, 10)
    y = torch.where(x > 5, x, 0)

    assert ignored(model, x, y) == {}
