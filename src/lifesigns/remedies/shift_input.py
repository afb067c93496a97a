"""shift-input: a network that reads from left to right is not given the token it is to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Kind, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import KNOWN_LOSSES, loss_calls, scope_of, trained
from lifesigns.remedies.testing import case

FROM_SECOND = re.compile(r"(\w+)\[(:\s*,\s*)?1:\]")
"""All tokens but the first, with the batch first or not."""
LIBRARIES = ("torch.", "builtins.", "numpy.")
FLAT = ("view", "reshape", "flatten", "long", "to")


@dataclass(frozen=True)
class ShiftInput(Edit):
    """The input ends one token before the target does, the target begins one token later."""

    name: ClassVar[str] = "shift-input"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("which of the tokens are input and which target is written in the source")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        targets = [a.value for c in loss_calls(script, KNOWN_LOSSES) if (a := _target(c))]
        target = one(targets, "target of a loss", script)
        if parts := _same_parts(script, target):
            part = one(parts, "input like the target", script)
            match = FROM_SECOND.fullmatch(script.text(part))
            name, batch = match.groups() if match else ("", "")
            yield script.replaced(part, f"{name}[{batch or ''}:-1]")
            return
        if twins := _twins(script):
            yield _one_later(script, one(twins, "target made like the input", script))
            return
        tokens = _flattened(target)
        if not isinstance(tokens, cst.Name):
            raise Refused("the target is no tensor with a name of its own")
        yield from self._apart(script, target, tokens)

    def _apart(self, script: Script, target: cst.CSTNode, tokens: cst.Name) -> Iterator[Change]:
        """A model that is given the very tokens that are its target."""
        fed = [
            call.args[0].value
            for call in trained(script, script.of_kind(cst.Call))
            if _is_given(script, call, tokens)
        ]
        yield script.replaced(one(fed, "input like the target", script), f"{tokens.value}[:, :-1]")
        yield script.replaced(tokens, f"{tokens.value}[:, 1:]")
        for call in script.method_calls("view", target):
            if isinstance(call.func, cst.Attribute):
                yield script.replaced(call.func.attr, "reshape")


def _target(call: cst.Call) -> cst.Arg | None:
    return argument(call, "target", 1)


def _is_given(script: Script, call: cst.Call, tokens: cst.Name) -> bool:
    """Whether something of the script's own, such as a model, is called with the tokens alone."""
    alone = len(call.args) == 1 and script.text(call.args[0].value) == tokens.value
    alone = alone and scope_of(script, call) is scope_of(script, tokens)
    return alone and not script.name(call).startswith(LIBRARIES)


def _flattened(node: cst.BaseExpression) -> cst.BaseExpression:
    """What was flattened or converted."""
    while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        if node.func.attr.value not in FLAT:
            break
        node = node.func.value
    return node


def _twins(script: Script) -> list[cst.Slice]:
    """The slices `[a:b]` in the second of two names that are given the same part of a text."""
    seen, twins = set[tuple[int, str]](), list[cst.Slice]()
    for assign in script.of_kind(cst.Assign):
        bounds = [s for s in script.of_kind(cst.Slice, assign.value) if s.lower and s.upper]
        scope = script.within(assign, cst.FunctionDef)
        key = (id(scope), script.text(assign.value))
        if len(bounds) == 1 and key in seen:
            twins += bounds
        seen.add(key)
    return twins


def _one_later(script: Script, part: cst.Slice) -> Change:
    lower, upper = (script.text(bound) for bound in (part.lower, part.upper) if bound)
    return script.replaced(part, f"{lower} + 1:{upper} + 1")


def _same_parts(script: Script, target: cst.BaseExpression) -> list[cst.Subscript]:
    """Other expressions that take the same part of the tokens as the target does."""
    name = _flattened(target)
    parts = [
        part
        for part in trained(script, script.of_kind(cst.Subscript))
        if FROM_SECOND.fullmatch(script.text(part))
    ]
    own = [p for p in parts if p is name or _named(script, p) == script.text(name)]
    if len(own) != 1:
        return []
    return [p for p in parts if p is not own[0] and script.text(p) == script.text(own[0])]


def _named(script: Script, part: cst.Subscript) -> str:
    """The name that a part is given, by itself or beside others."""
    around = next(script.around(part))
    assign = script.within(part, cst.Assign)
    if assign is None:
        return ""
    left = assign.targets[0].target
    if around is assign:
        return script.text(left)
    pairs = isinstance(left, cst.Tuple) and isinstance(assign.value, cst.Tuple)
    if not pairs or not isinstance(around, cst.Element) or not isinstance(left, cst.Tuple):
        return ""
    values = list(assign.value.elements) if isinstance(assign.value, cst.Tuple) else []
    return script.text(left.elements[values.index(around)].value) if around in values else ""


def made_for(finding: Finding, trace: Trace) -> Iterator[ShiftInput]:
    """One, where tokens are read; what an autoencoder is given is its target by right."""
    graphs = [shot.graph for shot in trace.snapshots[:1]]
    reads_tokens = any(graph.of_kind(Kind.EMBEDDING) for graph in graphs)
    if finding.rule == "told-the-answer" or reads_tokens:
        yield ShiftInput()


# --- cases ----------------------------------------------------------------------------------------
_MODEL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(5, 8), nn.GRU(8, 8, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


model, tokens = Net(), torch.arange(64).view(8, 8) % 5
"""
_PAIR = """
for step in range(20):
    given, wanted = {}, tokens[:, 1:]
    loss = F.cross_entropy(model(given).flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_SAME = """
for step in range(20):
    logits = model({})
    loss = F.cross_entropy(logits.reshape(-1, 5), {}(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


_DRAWN = """
text = tokens.flatten()
for step in range(20):
    starts = torch.randint(0, 56, (8,))
    given = torch.stack([text[begin:begin + 6] for begin in starts])
    wanted = torch.stack([text[{}] for begin in starts])
    loss = F.cross_entropy(model(given).flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, ShiftInput(), "loop", before, after, model=_MODEL)


MANUAL = Manual(
    name=ShiftInput.name,
    title="The next token as the target",
    changes="Which tokens are input and which are target: the input ends one token before the "
    "target does.",
    unsafe="Where the network is to repeat its input, as an autoencoder is, or does not read from "
    "left to right.",
    references=("Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning, section 2",),
    made_for=made_for,
    cases=(
        _case("twice the same part", _PAIR.format("tokens[:, 1:]"), _PAIR.format("tokens[:, :-1]")),
        _case(
            "the very same tokens",
            _SAME.format("tokens", "tokens.view"),
            _SAME.format("tokens[:, :-1]", "tokens[:, 1:].reshape"),
        ),
        _case(
            "two names for one part of a text",
            _DRAWN.format("begin:begin + 6"),
            _DRAWN.format("begin + 1:begin + 6 + 1"),
        ),
        _case("refused: another input", _SAME.format("tokens.flip(1)", "tokens.view"), None),
    ),
)
