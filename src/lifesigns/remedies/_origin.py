"""Where a tensor of the training comes from: the one statement that defines the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Script, cst, one, receiver_of
from lifesigns.remedies._sites import assigned

DEEPEST = 8
LOADER = "torch.utils.data.DataLoader"
DATASET = "torch.utils.data.TensorDataset"
SPLIT = "sklearn.model_selection.train_test_split"
CONVERSIONS = ("torch.tensor", "torch.as_tensor", "torch.from_numpy", "torch.FloatTensor")
RESHAPES = ("reshape", "view", "unsqueeze", "squeeze", "flatten", "ravel", "float", "to", "astype")
"""Methods that give the same numbers in another shape or type."""
SCALING = (cst.Subtract, cst.Divide)
PAIR = 2
"""Names that a function gives: inputs and targets."""


class Whole(NamedTuple):
    """All the data that something in a loop is a part of."""

    name: str
    statement: cst.Assign
    """The last one that defines it."""
    is_tensor: bool
    """Whether nothing on the way makes a tensor of it: then it is one itself."""


def defined(script: Script, node: cst.CSTNode) -> Whole:
    """The whole that a node is a part of, and the statement that defines it.

    Followed are names, parts such as `y[order]`, loops over a `DataLoader` of a `TensorDataset`,
    conversions such as `torch.tensor(y).float()`, and scikit-learn's `train_test_split`.

    Args:
        script: Holds the node.
        node: An expression in the loop.

    Raises:
        Refused: It leads elsewhere, or the name is defined in several blocks or beside others.
    """
    is_tensor = True
    for _ in range(DEEPEST):
        before = node
        node = _step(script, node)
        if node is before:
            is_tensor = is_tensor and not _converts(script, node)
            node = _unconverted(script, node)
        if node is before:
            break
    if not isinstance(node, cst.Name):
        raise Refused(f"where {script.text(node)} is defined cannot be told")
    statement = _last_definition(script, node)
    if not _is_alone(script, statement):
        raise Refused(f"{node.value} is defined together with other names")
    return Whole(node.value, statement, is_tensor)


def _converts(script: Script, node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Call) and script.name(node) in CONVERSIONS


def _unconverted(script: Script, node: cst.CSTNode) -> cst.CSTNode:
    """What has the same numbers before a conversion, or before the data were split."""
    if isinstance(node, cst.Call):
        if _converts(script, node) and node.args:
            return node.args[0].value
        below = (receiver_of(node, method) for method in RESHAPES)
        return next((each for each in below if each is not None), node)
    if not isinstance(node, cst.Name):
        return node
    values = assigned(script, node)
    if len(values) == 1 and _unconverted(script, values[0]) is not values[0]:
        return values[0]
    return next(_before_split(script, node.value), node)


def _before_split(script: Script, name: str) -> Iterator[cst.CSTNode]:
    """What `train_test_split` was given for a name among what it gives back."""
    for statement in script.of_kind(cst.Assign):
        names, call = list(_names(statement.targets[0].target)), statement.value
        if name in names and isinstance(call, cst.Call) and script.name(call) == SPLIT:
            given = [arg.value for arg in call.args if arg.keyword is None]
            if len(names) == len(("train", "test")) * len(given):
                yield given[names.index(name) // 2]


def _last_definition(script: Script, name: cst.Name) -> cst.Assign:
    """The last of several in one block, the only one otherwise."""
    found = _definitions(script, name)
    blocks = {id(next(script.around(script.statement(each)))) for each in found}
    return found[-1] if len(blocks) == 1 else one(found, f"definition of {name.value}", script)


def _is_alone(script: Script, statement: cst.Assign) -> bool:
    """Whether no other name holds a part of the same; a function may give inputs and targets."""
    names, call = list(_names(statement.targets[0].target)), statement.value
    function = script.text(call.func) if isinstance(call, cst.Call) else ""
    is_plain = function.replace(".", "").isidentifier() and "split" not in function
    return len(names) == 1 or (len(names) == PAIR and is_plain)


def whole_of(script: Script, node: cst.CSTNode) -> cst.CSTNode:
    """The tensor that a node is a part of, as it was before it was shifted and scaled.

    Args:
        script: Holds the node.
        node: An expression in the loop.

    Raises:
        Refused: A loop goes over what is no `DataLoader` of a `TensorDataset`.
    """
    for _ in range(DEEPEST):
        before = node
        node = _step(script, node)
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, SCALING):
            node = node.left
        elif node is before and isinstance(node, cst.Name):
            values = [v for v in assigned(script, node) if not is_scaled(v, node.value)]
            parts = [v for v in values if isinstance(v, cst.Subscript | cst.BinaryOperation)]
            node = parts[0] if len(parts) == len(values) == 1 else node
        if node is before:
            break
    return node


def is_scaled(value: cst.CSTNode, name: str) -> bool:
    """Whether it is `(name - …) / …`.

    Args:
        value: Of an assignment.
        name: Any.
    """
    while isinstance(value, cst.BinaryOperation) and isinstance(value.operator, SCALING):
        value = value.left
    return isinstance(value, cst.Name) and value.value == name


def _step(script: Script, node: cst.CSTNode) -> cst.CSTNode:
    """One step back; the node itself where it ends."""
    if isinstance(node, cst.Subscript):
        return node.value
    if not isinstance(node, cst.Name):
        return node
    for loop in script.around(node):
        if isinstance(loop, cst.For) and (position := _position(loop.target, node.value)) >= 0:
            return _handed_out(script, loop, position)
    values = assigned(script, node)
    if len(values) == 1 and isinstance(values[0], cst.Subscript | cst.Name):
        return values[0]
    return node


def _definitions(script: Script, name: cst.Name) -> list[cst.Assign]:
    """The statements that assign to the name, those that standardise it already left out."""
    return [
        statement
        for statement in script.of_kind(cst.Assign)
        if any(name.value in _names(each.target) for each in statement.targets)
        and not _is_of_itself(script, statement, name.value)
    ]


def _is_of_itself(script: Script, statement: cst.Assign, name: str) -> bool:
    return script.text(statement.value).startswith(f"({name} - {name}.mean()) / ")


def _names(target: cst.CSTNode) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Tuple):
        for each in target.elements:
            yield from _names(each.value)


def _position(target: cst.CSTNode, name: str) -> int:
    """Where a name stands in the target of a loop, -1 if it does not."""
    elements = target.elements if isinstance(target, cst.Tuple) else ()
    names = [e.value.value if isinstance(e.value, cst.Name) else "" for e in elements]
    return names.index(name) if name in names else -1


def _handed_out(script: Script, loop: cst.For, position: int) -> cst.CSTNode:
    """What a loader's data set has at a position."""
    node: cst.CSTNode = loop.iter
    for wanted in (LOADER, DATASET):
        if isinstance(node, cst.Name):
            node = one(assigned(script, node), f"definition of {node.value}", script)
        if not isinstance(node, cst.Call) or script.name(node) != wanted or not node.args:
            raise Refused(f"the loop goes over {script.text(loop.iter)}, whose data are not seen")
        node = node.args[position if wanted == DATASET else 0].value
    return node
