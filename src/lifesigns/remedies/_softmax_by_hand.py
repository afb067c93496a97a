"""A softmax that the source writes by hand, of which a logarithm is taken: torch's log-softmax."""

from __future__ import annotations

from collections.abc import Iterator

from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._sites import assigned, is_call_of
from lifesigns.remedies._training import scope_of
from lifesigns.remedies._written import dropped


def as_log_softmax(script: Script) -> Iterator[Change]:
    """Writes `p = torch.log_softmax(z, 1)` for `p = z.exp() / z.exp().sum(1, …)`, and no `p.log()`.

    Args:
        script: Where exactly one is written so, whose logarithm is all that is used of it.

    Raises:
        Refused: There is none, or it is used otherwise.
    """
    found = [each for each in script.of_kind(cst.BinaryOperation) if _dim(script, each) is not None]
    ratio = one(found, "softmax by hand", script)
    scores, dim = _scores(script, ratio.left), _dim(script, ratio)
    if scores is None or dim is None:
        raise Refused("which scores the softmax is made of cannot be told")
    function = script.spelled("torch.log_softmax")
    yield script.replaced(ratio, f"{function}({script.text(scores)}, {script.text(dim)})")
    for use in _uses(script, ratio):
        if not _is_of_largest(script, use):
            yield from dropped(script, _logarithm(script, use))


def _scores(script: Script, node: cst.CSTNode) -> cst.CSTNode | None:
    """What an exponential, or the name of one, is taken of."""
    if isinstance(node, cst.Name):
        values = assigned(script, node)
        node = values[0] if len(values) == 1 else node
    if not isinstance(node, cst.Call) or not is_call_of(script, node, "exp"):
        return None
    if script.name(node).startswith("torch."):
        return node.args[0].value if node.args else None
    return node.func.value if isinstance(node.func, cst.Attribute) else None


def _dim(script: Script, node: cst.BinaryOperation) -> cst.CSTNode | None:
    """Over which dimension exponentials are divided by their sum; None if something else is."""
    below = node.right
    if not isinstance(node.operator, cst.Divide) or not isinstance(below, cst.Call):
        return None
    if script.name(below) == "torch.sum":
        summed, position = below.args[0].value if below.args else None, 1
    elif isinstance(below.func, cst.Attribute) and below.func.attr.value == "sum":
        summed, position = below.func.value, 0
    else:
        return None
    above, other = _scores(script, node.left), summed and _scores(script, summed)
    dim = argument(below, "dim", position)
    if above is None or not other or dim is None:
        return None
    return dim.value if script.text(above) == script.text(other) else None


def _uses(script: Script, ratio: cst.BinaryOperation) -> list[cst.CSTNode]:
    """Where it is used: itself, or its name wherever that is read."""
    statement = next(script.around(ratio), None)
    if not isinstance(statement, cst.Assign):
        return [ratio]
    target = statement.targets[0].target
    if len(statement.targets) > 1 or not isinstance(target, cst.Name):
        raise Refused("the softmax is not assigned to one name")
    names = script.of_kind(cst.Name, scope_of(script, ratio))
    return [each for each in names if each.value == target.value and each is not target]


def _chain(script: Script, node: cst.CSTNode) -> Iterator[cst.Call]:
    """The methods that are called on a node, on what the first one gives, and so on."""
    for around in script.around(node):
        if isinstance(around, cst.Call):
            if around.func is not node and not script.name(around).startswith("torch."):
                return
            yield around
        elif not (isinstance(around, cst.Attribute | cst.Subscript | cst.Arg)):
            return
        node = around


def _is_of_largest(script: Script, use: cst.CSTNode) -> bool:
    """Whether only the place of the largest is asked for, which a logarithm leaves where it is."""
    called = next(_chain(script, use), None)
    method = called.func if called is not None else None
    return isinstance(method, cst.Attribute) and method.attr.value == "argmax"


def _logarithm(script: Script, use: cst.CSTNode) -> cst.Call:
    found = next((call for call in _chain(script, use) if is_call_of(script, call, "log")), None)
    if found is None:
        raise Refused(f"line {script.line(use)} uses the softmax without its logarithm")
    return found
