"""Where rows of tokens end, and whether the loss asks for it."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)

END, START, WORDS = 0, 1, 12
"""The token that ends a text, the one that starts it, and how many there are."""


def texts(*, end=True, start=True, equal=False, rows=16):
    """Rows of two to six words, padded with the end, and where each has its last token."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 7, (rows, 1), generator=generator)
    lengths[0] = 6
    lengths = lengths.fill_(6) if equal else lengths
    words = torch.randint(2, WORDS, (rows, 8), generator=generator)
    words[:, 0] = START if start else words[:, 0]
    at = torch.arange(8)
    return words.masked_fill(at > lengths, END), lengths + int(end)


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.state = nn.Embedding(WORDS, 8), nn.GRU(8, 8, batch_first=True)
        self.out = nn.Linear(8, WORDS)

    def forward(self, ids):
        return self.out(self.state(self.words(ids))[0])


def details(ids, labels, layout="cut"):
    """Targets moved by one: the inputs cut, the outputs cut, or the places first."""
    model = Writer()

    def step():
        if layout == "inputs":
            out, wanted = model(ids[:, :-1]), labels[:, 1:]
        elif layout == "moved":
            out, wanted = model(ids), F.pad(labels, (0, 1), value=-100)[:, 1:]
        else:
            out, wanted = model(ids)[:, :-1], labels[:, 1:]
        if layout == "dense":
            F.cross_entropy(out.transpose(1, 2), wanted).backward()
        else:
            F.cross_entropy(out.flatten(0, 1), wanted.flatten()).backward()

    return snapshot(step, model).loss.details


@pytest.mark.parametrize("layout", ["cut", "inputs", "moved", "dense"])
def test_ends_that_are_ignored_as_the_padding_is(layout):
    ids, _ = texts()
    found = details(ids, ids.masked_fill(ids == END, -100), layout)

    assert found["rows_ended"] > 10
    assert found["ended_inside"] == found["rows_ended"]
    assert found["ended_alike"] <= found["rows_ended"] / 2


@pytest.mark.parametrize("layout", ["cut", "inputs", "moved", "dense"])
def test_ends_that_are_asked_for(layout):
    ids, last = texts()
    found = details(ids, ids.masked_fill(torch.arange(8) > last, -100), layout)

    assert found["ended_inside"] == 0
    assert found["ended_alike"] == found["rows_ended"] > 5


def test_an_index_that_is_ignored():
    ids, _ = texts()
    model = Writer()

    def step():
        out = model(ids)[:, :-1].flatten(0, 1)
        F.cross_entropy(out, ids[:, 1:].flatten(), ignore_index=END).backward()

    found = snapshot(step, model).loss.details
    assert found["ended_inside"] == found["rows_ended"] > 10


def test_answers_of_one_or_two_words_that_stand_in_their_prompts():
    ids, _ = texts()
    last = (ids != END).sum(1, keepdim=True) - 1
    first = last - (torch.arange(len(ids)) % 2)[:, None]
    at = torch.arange(8)
    found = details(ids, ids.masked_fill((at < first) | (at > last), -100))

    assert found["ended_inside"] < found["ended_within"] == found["rows_ended"]


def test_places_first():
    ids, _ = texts()
    model = Writer()
    model.state.batch_first = False
    labels = ids.masked_fill(ids == END, -100)

    def step():
        out, wanted = model(ids.t())[:-1], labels.t()[1:]
        F.cross_entropy(out.flatten(0, 1), wanted.flatten()).backward()

    found = snapshot(step, model).loss.details
    assert found["ended_inside"] == found["rows_ended"] > 10


def test_a_prompt_stands_for_a_first_token_in_common():
    ids, _ = texts(start=False)
    labels = ids.masked_fill(ids == END, -100)

    assert "rows_ended" not in details(ids, labels)
    labels[:, :2] = -100
    assert details(ids, labels)["rows_ended"] > 10


def test_rows_of_one_length_and_windows_have_no_ends_to_be_told():
    ids, _ = texts(equal=True)
    whole = torch.randint(2, WORDS, (16, 8))

    assert "rows_ended" not in details(ids, ids.masked_fill(ids == END, -100))
    assert "rows_ended" not in details(whole, whole)


def test_targets_of_another_kind():
    ids, _ = texts()
    tags = (ids * 5 % WORDS).masked_fill(ids == END, -100)

    assert "rows_ended" not in details(ids, tags)
    assert "rows_ended" not in details(ids, ids.roll(-1, 1).masked_fill(ids == END, -100), "moved")


def test_words_behind_the_last_target_are_no_padding():
    ids, _ = texts()
    labels = ids.masked_fill(ids == END, -100)
    ids = torch.where(ids == END, torch.randint(2, WORDS, ids.shape), ids)

    assert "rows_ended" not in details(ids, labels)
