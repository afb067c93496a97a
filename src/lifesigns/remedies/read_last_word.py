"""read-last-word: of a recurrence over padded sequences the state at the last word is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._recurrence import (
    Tokens,
    read_at_the_end,
    read_last,
    recurrences,
    time_axis,
    tokens_of,
)
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import scope_of
from lifesigns.remedies.testing import LOSS_LOOP, case

PACK = "torch.nn.utils.rnn.pack_padded_sequence"
LAST_ALONE = "recurrence of which only the last state is read"
SEQUENCES = 3
"""Dimensions of a batch of sequences."""


@dataclass(frozen=True)
class ReadLastWord(Edit):
    """The token `padding` behind the words of a sequence is not read by a recurrence."""

    name: ClassVar[str] = "read-last-word"
    padding: int

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        held, modules = _Held(self.padding), list(run.model.modules())
        hooks: list[Any] = []
        for each in modules:
            if isinstance(each, nn.Embedding):
                hooks.append(each.register_forward_pre_hook(held.look))
            if isinstance(each, nn.RNNBase):
                hooks.append(each.register_forward_pre_hook(held.pack))
                hooks.append(each.register_forward_hook(held.unpack))
        return until_closed(*hooks)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        calls = recurrences(script)
        readings = dict(read_last(script))
        if not readings and (ends := [each for each in calls if read_at_the_end(script, each)]):
            return self._packed(script, one(ends, LAST_ALONE, script))
        reading = one(list(readings), "state that is read at the last position", script)
        call = readings[reading]
        tokens, name = tokens_of(script, call), _free(script, call, "last_word")
        order = [f"{script.spelled('torch.arange')}(len({name}), device={name}.device)", name]
        if not time_axis(script, call):
            order.reverse()
        first, last = reading.slice[0], reading.slice[min(1, len(reading.slice) - 1)]
        at = Change(script.span(first.slice)[0], script.span(last.slice)[1], ", ".join(order))
        return [at, *script.lines_before(tokens.lookup, f"{name} = {self._words(tokens)} - 1")]

    def _packed(self, script: Script, call: cst.Call) -> list[Change]:
        tokens, name = tokens_of(script, call), _free(script, call, "n_words")
        first = "batch_first=True, " if time_axis(script, call) else ""
        packed = f"{script.spelled(PACK)}({script.text(tokens.given)}, {name}, {first}"
        line = f"{name} = {self._words(tokens)}.clamp(min=1).cpu()"
        at = script.replaced(tokens.given, f"{packed}enforce_sorted=False)")
        return [at, *script.lines_before(tokens.lookup, line)]

    def _words(self, tokens: Tokens) -> str:
        return f"({tokens.text} != {self.padding}).sum({tokens.time})"


def _free(script: Script, call: cst.Call, name: str) -> str:
    """A name that the function around a call has not, or this one with something behind it."""
    taken = {each.value for each in script.of_kind(cst.Name, scope_of(script, call))}
    while name in taken:
        name += "_"
    return name


class _Held:
    """Recurrences leave padding out; behind the last word each sequence keeps its state."""

    def __init__(self, padding: int) -> None:
        self._padding = padding
        self._words: Tensor | None = None
        self._lengths: dict[nn.Module, int] = {}
        """Of what was packed for a layer that runs."""

    def look(self, _table: nn.Module, given: tuple[Any, ...]) -> None:
        """Remembers which of the tokens that are looked up are words."""
        if given and torch.is_tensor(given[0]) and given[0].dim() == SEQUENCES - 1:
            self._words = given[0] != self._padding

    def pack(self, layer: nn.RNNBase, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Packs sequences whose tokens were looked up."""
        words, x = self._words, given[0] if given else None
        if words is None or not torch.is_tensor(x) or x.dim() != SEQUENCES:
            return None
        words = words if words.shape == x.shape[:2] else words.t()
        if words.shape != x.shape[:2]:
            return None
        lengths = words.sum(1 if layer.batch_first else 0).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            x, lengths, batch_first=layer.batch_first, enforce_sorted=False
        )
        self._lengths[layer] = x.shape[1 if layer.batch_first else 0]
        return (packed, *given[1:])

    def unpack(self, layer: nn.RNNBase, _given: Any, result: Any) -> Any:
        """Gives the states of sequences that were packed here their places again."""
        length = self._lengths.pop(layer, 0)
        if not length:
            return None
        states, words = pad_packed_sequence(result[0], batch_first=True)
        at = torch.minimum(torch.arange(length), words.unsqueeze(1) - 1).to(states.device)
        states = states.gather(1, at.unsqueeze(2).expand(-1, -1, states.shape[2]))
        return (states if layer.batch_first else states.transpose(0, 1), *result[1:])


def made_for(finding: Finding, trace: Trace) -> Iterator[ReadLastWord]:
    """The token that fills sequences up."""
    if (padding := finding.evidence.get("token", -1)) >= 0:
        yield ReadLastWord(int(padding))


# --- cases ----------------------------------------------------------------------------------------
_WORDS = "words = torch.randint(1, 9, (64, 4)) * (torch.arange(4) < torch.randint(1, 5, (64, 1)))"
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(9, 8, padding_idx=0), nn.Embedding(9, 8)
        self.memory = nn.GRU(8, 8, batch_first=True)
        self.over_time, self.drop = nn.LSTM(8, 8), nn.Dropout(0.1)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
{}


model = Net()
"""
_LOOP = LOSS_LOOP.format("F.mse_loss(model(words), y)")
_COUNT, _TIMES = "last_word = (x != 0).sum(1) - 1", "n_words = (x != 0).sum(1).clamp(min=1).cpu()"
_AT = "torch.arange(len(last_word), device=last_word.device)"
_OUT, _SAME = "out, _ = self.memory(self.words(x))", "x, _ = self.memory(self.drop(x))"
_TURNED = "out = self.over_time(self.words(x).transpose(0, 1))[0]"
_PACKED = "nn.utils.rnn.pack_padded_sequence(z, n_words, batch_first=True, enforce_sorted=False)"
_READ = "return self.head({})"


def _case(name: str, before: tuple[str, ...], *after: str) -> Any:
    """The lines of `forward`, before and after."""
    texts = ["".join(f"        {line}\n" for line in lines).rstrip() for lines in (before, after)]
    edit, parts = ReadLastWord(0), {"data": _WORDS, "loop": _LOOP}
    return case(name, edit, "model", texts[0], texts[1] or None, frame=_NET, **parts)


MANUAL = Manual(
    name=ReadLastWord.name,
    title="The state at the last word",
    changes="Where the state of a recurrent layer is read at the last position, as `out[:, -1]`: "
    "it is read at the last token that is no padding. Where its last hidden state alone is used, "
    "the sequences are packed. The tokens are those that are looked up for the layer.",
    unsafe="Where the token that fills sequences up also stands among the words, or in front of "
    "them. A layer in both directions still reads the padding on its way back to the last word.",
    references=("PyTorch documentation, torch.nn.utils.rnn.pack_padded_sequence",),
    made_for=made_for,
    cases=(
        _case(
            "the last position",
            (_OUT, _READ.format("out[:, -1]")),
            *(_COUNT, _OUT, _READ.format(f"out[{_AT}, last_word]")),
        ),
        _case(
            "a name that is given again, and all units",
            ("x = self.words(x)", _SAME, _READ.format("x[:, -1, :]")),
            *(_COUNT, "x = self.words(x)", _SAME, _READ.format(f"x[{_AT}, last_word, :]")),
        ),
        _case(
            "in one line",
            (_READ.format("self.memory(self.words(x))[0][:, -1]"),),
            *(_COUNT, _READ.format(f"self.memory(self.words(x))[0][{_AT}, last_word]")),
        ),
        _case(
            "time first",
            (_TURNED, "return self.head(out)[-1]"),
            *(_COUNT, _TURNED, f"return self.head(out)[last_word, {_AT}]"),
        ),
        _case(
            "the last hidden state",
            ("z = self.words(x)", "_, h = self.memory(z)", _READ.format("h[-1]")),
            *(_TIMES, "z = self.words(x)", f"_, h = self.memory({_PACKED})"),
            _READ.format("h[-1]"),
        ),
        _case("refused: the mean of all states", (_OUT, _READ.format("out.mean(1)"))),
        _case(
            "refused: places are added to the words",
            (
                "z = self.words(x) + self.places(torch.arange(x.shape[1]))",
                _READ.format("self.memory(z)[1][0]"),
            ),
        ),
    ),
)
