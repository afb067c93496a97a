"""Recurrent layers in a script: what is read of them, and which tokens they are given.

Names are followed to the last statement before that defines them, within one function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lifesigns.remedies._called_on import called_on
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Script, argument, cst, receiver_of
from lifesigns.remedies._sites import paired
from lifesigns.remedies._training import scope_of
from lifesigns.remedies.batch_first import POSITIONS

RECURRENT = ("torch.nn.RNN", "torch.nn.GRU", "torch.nn.LSTM")
TABLES = ("torch.nn.Embedding", "torch.nn.Embedding.from_pretrained")
BY_POSITION = ("dropout", "relu", "tanh", "gelu", "linear", "layernorm", "identity")
"""Layers and functions, without underscores, of which each position has its own result."""
KEPT = ("contiguous", "float", "to")
"""Methods that leave axes and numbers as they are."""
EXCHANGES = (("transpose", "0, 1"), ("transpose", "1, 0"), ("permute", "1, 0, 2"))
OF_TOKENS = ("t", "transpose", "permute", "long", "int", "to", "contiguous")
"""Methods that may be called on tokens a second time."""
DEEPEST = 8
OUTPUT = (0,)
"""Where the states at all positions lie in what a recurrent layer gives; the last one is at 1."""


class Tokens(NamedTuple):
    """What a recurrent layer is given, before it was looked up."""

    given: cst.BaseExpression
    """What the layer itself is given."""
    lookup: cst.Call
    text: str
    """Of the expression that is looked up."""
    time: int
    """Which of its axes is time."""


def recurrences(script: Script) -> list[cst.Call]:
    """The calls of recurrent layers."""
    return script.calls(lambda call: _kind(script, call) in RECURRENT)


def time_axis(script: Script, call: cst.Call) -> int:
    """Which axis of what a recurrent layer is given, and gives, is time.

    Args:
        script: Holds the call.
        call: Of `recurrences`.

    Raises:
        Refused: It depends.
    """
    built = _built(script, call)
    said = built and argument(built, "batch_first", POSITIONS[script.name(built)])
    text = script.text(said.value) if said else "False"
    if built is None or any(arg.star for arg in built.args) or text not in ("True", "False"):
        raise Refused(f"line {script.line(built or call)} does not say which axis is time")
    return 1 if text == "True" else 0


def part_of(script: Script, node: cst.CSTNode) -> tuple[cst.Call, tuple[int, ...]] | None:
    """The call of a recurrent layer whose result a node is a part of, and which part.

    Args:
        script: Holds the node.
        node: An expression.

    Returns:
        The part is `OUTPUT`, or others by their places; also where each position goes on alone.
    """
    if isinstance(node, cst.Name):
        found = _definition(script, node)
        whole = part_of(script, found.value) if found else None
        return (whole[0], (*whole[1], *found.place)) if whole and found else None
    if isinstance(node, cst.Subscript):
        whole, place = part_of(script, node.value), _slices(script, node)
        if whole is None or whole[1] == OUTPUT or place not in (["0"], ["1"], ["-1"]):
            return None
        return whole[0], (*whole[1], abs(int(place[0])))
    if not isinstance(node, cst.Call):
        return None
    if _kind(script, node) in RECURRENT:
        return node, ()
    whole = part_of(script, below) if (below := _by_position(script, node)) is not None else None
    return whole if whole and whole[1] == OUTPUT else None


def read_last(script: Script) -> Iterator[tuple[cst.Subscript, cst.Call]]:
    """Where states are read at the last position, as `out[:, -1]`, and whose they are.

    Args:
        script: Any.
    """
    for node in script.of_kind(cst.Subscript):
        slices = _slices(script, node)
        batch_last, time_last = slices[:2] == [":", "-1"], slices[:1] == ["-1"]
        if not batch_last and not (time_last and slices[1:2] in ([], [":"])):
            continue
        found = part_of(script, node.value)
        if found and found[1] == OUTPUT and time_axis(script, found[0]) == batch_last:
            yield node, found[0]


def read_at_the_end(script: Script, call: cst.Call) -> bool:
    """Whether nothing but its last state is read of a recurrent layer.

    Args:
        script: Holds the call.
        call: Of `recurrences`.
    """
    parent = next(script.around(call))
    if isinstance(parent, cst.Subscript):
        return _slices(script, parent) in (["1"], ["-1"])
    if not isinstance(parent, cst.Assign) or len(parent.targets) != 1:
        return False
    target = parent.targets[0].target
    if not isinstance(target, cst.Tuple) or not isinstance(target.elements[0].value, cst.Name):
        return False
    name = target.elements[0].value.value
    return not any(
        node.value == name
        and script.within(node, cst.AssignTarget) is None
        and (found := _definition(script, node)) is not None
        and found.value is call
        for node in script.of_kind(cst.Name, scope_of(script, call))
    )


def tokens_of(script: Script, call: cst.Call) -> Tokens:
    """The tokens that are looked up for a recurrent layer.

    Args:
        script: Holds the call.
        call: Of `recurrences`.

    Raises:
        Refused: It is given something else, or they are computed where they are looked up.
    """
    given, time = _given(call), time_axis(script, call)
    lookup, exchanged = _looked_up(script, call)
    tokens = _given(lookup)
    computed = script.of_kind(cst.Call, tokens) if tokens else []
    if given is None or tokens is None or not all(map(_is_free, computed)):
        raise Refused(f"line {script.line(lookup)} computes the tokens that it looks up")
    return Tokens(given, lookup, script.text(tokens), 1 - time if exchanged else time)


def _given(call: cst.Call) -> cst.BaseExpression | None:
    found = argument(call, "input", 0)
    return found.value if found else None


def _is_free(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value in OF_TOKENS


def _looked_up(script: Script, call: cst.Call) -> tuple[cst.Call, bool]:
    """The lookup, and whether axes are exchanged between it and the recurrent layer."""
    node: cst.CSTNode | None = _given(call)
    exchanged = False
    for _ in range(DEEPEST):
        if isinstance(node, cst.Call) and _kind(script, node) in TABLES:
            return node, exchanged
        exchanged ^= isinstance(node, cst.Call) and _exchanges(script, node)
        node = _before(script, node)
    line = script.line(call)
    raise Refused(f"line {line} gives a recurrence something else than tokens of one table")


def _before(script: Script, node: cst.CSTNode | None) -> cst.CSTNode | None:
    """What has the same tokens at the same places, one step back."""
    if isinstance(node, cst.Name | cst.Subscript) and (found := part_of(script, node)):
        return _given(found[0]) if found[1] == OUTPUT else None
    if isinstance(node, cst.Name):
        defined = _definition(script, node)
        return defined.value if defined and not defined.place else None
    if isinstance(node, cst.BinaryOperation):
        is_scaled = isinstance(node.operator, cst.Multiply | cst.Divide)
        return node.left if is_scaled else None
    if not isinstance(node, cst.Call):
        return None
    if _exchanges(script, node):
        return called_on(script, node)[0]
    kept = (receiver_of(node, name) for name in KEPT)
    return next((each for each in kept if each is not None), _by_position(script, node))


def _exchanges(script: Script, call: cst.Call) -> bool:
    """Whether a method exchanges the first two axes."""
    given = ", ".join(script.text(arg.value) for arg in call.args)
    return any(receiver_of(call, name) and given == axes for name, axes in EXCHANGES)


def _by_position(script: Script, call: cst.Call) -> cst.BaseExpression | None:
    """What a layer or function is given that treats each position by itself."""
    last = _kind(script, call).rpartition(".")[2].lower().replace("_", "")
    return call.args[0].value if last in BY_POSITION and call.args else None


def _kind(script: Script, call: cst.Call) -> str:
    """The class of the layer that a call runs, or the function that it calls; or ``."""
    name = script.name(call)
    if name.startswith("torch."):
        return "" if name.rpartition(".")[2][:1].isupper() else name
    built = _built(script, call)
    return script.name(built) if built else ""


def _built(script: Script, call: cst.Call) -> cst.Call | None:
    """The one expression that builds the layer that a call runs."""
    name, owner = script.text(call.func), script.within(call, cst.ClassDef)
    root = owner if name.startswith("self.") else script.tree
    built = [
        right
        for statement in script.of_kind(cst.Assign, root)
        for target in statement.targets
        for left, right in paired(target.target, statement.value)
        if script.text(left) == name
    ]
    return built[0] if len(built) == 1 and isinstance(built[0], cst.Call) else None


class _Defined(NamedTuple):
    value: cst.BaseExpression
    place: tuple[int, ...]
    """Where the name's value lies in it."""


def _definition(script: Script, name: cst.Name) -> _Defined | None:
    """What defines a name last before it is read, in its function."""
    start, found = script.span(name)[0], None
    for statement in script.of_kind(cst.Assign, scope_of(script, name)):
        if script.span(statement)[1] > start:
            break
        for target in statement.targets:
            for value, place in _places(target.target, statement.value, name.value):
                found = _Defined(value, place)
    return found


def _places(
    target: cst.BaseExpression, value: cst.BaseExpression, name: str
) -> Iterator[tuple[cst.BaseExpression, tuple[int, ...]]]:
    if isinstance(target, cst.Name) and target.value == name:
        yield value, ()
    for index, each in enumerate(target.elements if isinstance(target, cst.Tuple) else ()):
        if isinstance(value, cst.Tuple) and index < len(value.elements):
            yield from _places(each.value, value.elements[index].value, name)
            continue
        for whole, place in _places(each.value, value, name):
            yield whole, (index, *place)


def _slices(script: Script, node: cst.Subscript) -> list[str]:
    return [script.text(each.slice) for each in node.slice]
