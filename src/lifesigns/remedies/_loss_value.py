"""What a script differentiates: the expressions that make the value on which `backward` is called.

Followed are names, functions of the script, sums, choices, differences, factors, and methods such
as `mean`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lifesigns.remedies._script import Script, cst
from lifesigns.remedies._sites import assigned, returned
from lifesigns.remedies._training import KNOWN_LOSSES, backward_called, loss_calls, scope_of

SUMS = (cst.Add, cst.Subtract)
FACTORS = (cst.Multiply, cst.Divide)
PLUS = (cst.AddAssign, cst.SubtractAssign)
DEEPEST = 24
"""How many steps are followed from the call of backward."""


def differentiated(script: Script) -> list[cst.CSTNode]:
    """The expressions behind the value that is differentiated, the outermost first.

    Args:
        script: Calls `backward` in one place, as `loss.backward()` or `accelerator.backward(loss)`.

    Raises:
        Refused: It does not, or in several places.
    """
    call = backward_called(script)
    given = [arg.value for arg in call.args if arg.keyword is None and not arg.star]
    method = call.func
    first = given[0] if given else method.value if isinstance(method, cst.Attribute) else call
    return list(behind(script, first))


def behind(script: Script, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node, and whatever its value is a sum, a multiple or another name of; each once.

    Args:
        script: Holds the node.
        node: An expression.
    """
    seen: list[cst.CSTNode] = []
    queue = [(node, 0)]
    while queue:
        each, depth = queue.pop(0)
        if depth <= DEEPEST and all(each is not known for known in seen):
            seen.append(each)
            yield each
            queue += [(below, depth + 1) for below in _below(script, each)]


def additions(script: Script) -> list[tuple[cst.BaseExpression, cst.BaseExpression]]:
    """Both sides of each plus and minus behind the value that is differentiated.

    Args:
        script: See `differentiated`.

    Raises:
        Refused: See `differentiated`.
    """
    found: list[tuple[cst.BaseExpression, cst.BaseExpression]] = []
    for node in differentiated(script):
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, SUMS):
            found.append((node.left, node.right))
        if isinstance(node, cst.AugAssign) and isinstance(node.target, cst.Name):
            found.append((node.target, node.value))
    return found


def compares(script: Script, node: cst.CSTNode, losses: Iterable[str] = KNOWN_LOSSES) -> bool:
    """Whether a value is made by a loss that compares outputs with targets.

    Args:
        script: Holds the node.
        node: An expression.
        losses: Names in `torch.nn.functional`.
    """
    calls = loss_calls(script, losses)
    made = [c for each in behind(script, node) for c in script.of_kind(cst.Call, each)]
    return any(call is each for call in calls for each in made)


def _below(script: Script, node: cst.CSTNode) -> list[cst.CSTNode]:
    if isinstance(node, cst.Name):
        return [*assigned(script, node), *_unpacked(script, node), *_added(script, node)]
    if isinstance(node, cst.AugAssign):
        return [node.value]
    if isinstance(node, cst.UnaryOperation):
        return [node.expression]
    if isinstance(node, cst.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, cst.BinaryOperation):
        return [node.left, node.right] if isinstance(node.operator, (*SUMS, *FACTORS)) else []
    return _called(script, node) if isinstance(node, cst.Call) else []


def _called(script: Script, call: cst.Call) -> list[cst.CSTNode]:
    """What a function or method of the script returns; else what it is called on or given."""
    found = _given_back(script, call)
    if not found and isinstance(call.func, cst.Attribute):
        found = [call.func.value]
        if call.func.attr.value == "scale":
            found += [arg.value for arg in call.args]
    return found


def _given_back(script: Script, call: cst.Call) -> list[cst.CSTNode]:
    return list(returned(script, call)) or _by_method(script, call)


def _unpacked(script: Script, name: cst.Name) -> list[cst.CSTNode]:
    """What stands for a name in `name, other = function(…)`, where the function returns as many."""
    found: list[cst.CSTNode] = []
    for statement in script.of_kind(cst.Assign, scope_of(script, name)):
        left, call = statement.targets[0].target, statement.value
        if isinstance(left, cst.Tuple) and isinstance(call, cst.Call):
            names = [script.text(each.value) for each in left.elements]
            backs = [b for b in _given_back(script, call) if isinstance(b, cst.Tuple)]
            pairs = [zip(names, b.elements, strict=False) for b in backs]
            found += [e.value for pair in pairs for known, e in pair if known == name.value]
    return found


def _by_method(script: Script, call: cst.Call) -> list[cst.CSTNode]:
    """What the one method of this name returns, whatever it is called on."""
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    named = [each for each in script.of_kind(cst.FunctionDef) if each.name.value == name]
    if len(named) != 1:
        return []
    return [back.value for back in script.of_kind(cst.Return, named[0]) if back.value is not None]


def _added(script: Script, name: cst.Name) -> list[cst.CSTNode]:
    """The statements `name += …` and `name -= …` beside the name."""
    return [
        plus
        for plus in script.of_kind(cst.AugAssign, scope_of(script, name))
        if script.text(plus.target) == name.value and isinstance(plus.operator, PLUS)
    ]
