"""The edit read-last-word: which states are read, live, and where the source is changed."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lifesigns.records import Trace
from lifesigns.remedies import LiveRun, Refusal, find_manual
from lifesigns.remedies._choice import UNDIAGNOSED
from lifesigns.remedies.read_last_word import ReadLastWord
from lifesigns.remedies.testing import script

SIZES = torch.tensor([3, 5, 4, 8, 2, 6])
WORDS = torch.arange(1, 49).view(6, 8) % 9 + 1
TEXTS = WORDS * (torch.arange(8) < SIZES.unsqueeze(1))


# --- live -----------------------------------------------------------------------------------------
class Reader(nn.Module):
    def __init__(self, kind, first, way):
        super().__init__()
        self.first, self.way = first, way
        self.words = nn.Embedding(10, 4)
        self.lower = nn.GRU(4, 3, batch_first=first)
        self.memory = kind(3, 3, batch_first=first)

    def forward(self, x, lengths=None):
        z = self.words(x) if self.first else self.words(x.t())
        z = self.lower(z)[0]
        if lengths is not None:
            z = pack_padded_sequence(z, lengths, batch_first=self.first, enforce_sorted=False)
        states, last = self.memory(z)
        if self.way == "position":
            return states[:, -1] if self.first else states[-1]
        return (last[0] if isinstance(last, tuple) else last)[-1]


@pytest.mark.parametrize("way", ["position", "state"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_state_at_the_last_word_is_read(kind, first, way):
    torch.manual_seed(0)
    model = Reader(kind, first, way)
    alone = [model(TEXTS[i : i + 1, :size])[0] for i, size in enumerate(SIZES)]
    before = model(TEXTS)

    with ReadLastWord(0).apply(LiveRun(model)):
        found = model(TEXTS)

    assert torch.allclose(found, torch.stack(alone), atol=1e-6)
    assert not torch.allclose(found, before, atol=1e-3)
    assert torch.equal(model(TEXTS), before)


def test_sequences_that_are_packed_already_and_other_data_stay():
    torch.manual_seed(0)
    model, other = Reader(nn.GRU, True, "state"), nn.LSTM(5, 2)
    model.add_module("other", other)
    x = torch.randn(7, 2, 5)
    packed, plain = model(TEXTS, SIZES), other(x)[0]

    with ReadLastWord(0).apply(LiveRun(model)):
        assert torch.allclose(model(TEXTS, SIZES), packed, atol=1e-6)
        assert torch.equal(other(x)[0], plain)


def test_the_finding_tells_which_token_fills_up():
    manual, found = find_manual("read-last-word"), replace(UNDIAGNOSED, evidence={"token": 3.0})

    assert [*manual.made_for(found, Trace())] == [ReadLastWord(3)]
    assert not [*manual.made_for(UNDIAGNOSED, Trace())]


# --- in the source --------------------------------------------------------------------------------
NET = """
class Net(nn.Module):
    def __init__(self, size=9, early=True):
        super().__init__()
        self.words = nn.Embedding(size, 8)
        self.memory = nn.{}
        self.more, self.norm = nn.GRU(8, 8, batch_first=True), nn.LayerNorm(8)
        self.filter = nn.Conv1d(8, 8, 1)

    def forward(self, x):
{}


model = Net()
"""
GRU = "GRU(8, 8, batch_first=True)"


def rewritten(*lines, layer=GRU):
    body = "\n".join(f"        {line}" for line in lines)
    found = ReadLastWord(3).rewrite(script(model=NET.format(layer, body)))
    if isinstance(found, Refusal):
        return found.reason
    return [
        line.strip()
        for line in found.partition("forward(self, x):\n")[2].split("\n\n")[0].split("\n")
    ]


AT = "torch.arange(len(last_word), device=last_word.device), last_word"
READINGS = {
    "all that is given back": ("h = self.memory(self.words(x))", "return h[0][:, -1]"),
    "two layers": (
        "z, _ = self.memory(self.norm(self.words(x) * 2.0))",
        "z, (h, c) = self.more(torch.relu(z))",
        "return self.norm(z)[:, -1, :4]",
    ),
    "a name that is taken": (
        "last_word = x[:, 0]",
        "return self.memory(self.words(x.long()))[0][:, -1]",
    ),
}


@pytest.mark.parametrize("name", READINGS)
def test_states_at_the_last_position_are_found(name):
    lines = READINGS[name]

    found = rewritten(*lines)

    new = [line for line in found if line not in lines]
    assert len(found) == len(lines) + 1
    assert any(
        "(x != 3).sum(1) - 1" in line or "(x.long() != 3).sum(1) - 1" in line for line in new
    )
    assert any("last_word" in line and "[:, -1" not in line for line in new)


def test_time_is_the_first_axis_of_the_tokens_where_it_is_that_of_the_layer():
    found = rewritten("return self.memory(self.words(x))[0][-1, :, :4]", layer="LSTM(8, 8)")

    order = ", ".join(reversed(AT.rsplit(", ", 1)))
    assert found == [
        "last_word = (x != 3).sum(0) - 1",
        f"return self.memory(self.words(x))[0][{order}, :4]",
    ]


@pytest.mark.parametrize("state", ["[1][0]", "[-1].squeeze(0)"])
def test_sequences_of_which_the_last_state_is_read_are_packed(state):
    packed = "nn.utils.rnn.pack_padded_sequence(self.words(x), n_words, enforce_sorted=False)"

    assert rewritten(f"return self.memory(self.words(x)){state}", layer="GRU(8, 8)") == [
        "n_words = (x != 3).sum(0).clamp(min=1).cpu()",
        f"return self.memory({packed}){state}",
    ]


REFUSED = {
    "something else than tokens": (
        "z = self.filter(self.words(x).transpose(1, 2)).transpose(1, 2)",
        "return self.memory(z)[0][:, -1]",
    ),
    "computes the tokens": ("return self.memory(self.words(torch.abs(x)))[0][:, -1]",),
    "2 places": ("z, _ = self.memory(self.words(x))", "return z[:, -1] + z[:, -1]"),
    "no state": ("out, h = self.memory(self.words(x))", "return out.mean(1) + h[0]"),
    "no state that": ("out = self.memory(self.words(x))", "return out[0].mean(1)"),
    "no state that is": ("z = self.words(x)", "return z[:, -1]"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_certain_is_refused(reason):
    assert reason in rewritten(*REFUSED[reason])


def test_an_axis_that_depends_is_refused():
    lines = ("out, _ = self.memory(self.words(x))", "return out[:, -1]")

    assert "which axis is time" in rewritten(*lines, layer="GRU(8, 8, batch_first=early)")
