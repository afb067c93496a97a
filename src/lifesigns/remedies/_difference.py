"""The difference of output and target in a loss that is written by hand."""

from __future__ import annotations

from lifesigns.remedies._loss_value import behind
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Script, cst, one
from lifesigns.remedies._training import model_name, trained

METHODS = ("abs", "pow", "square")
"""What makes an error of a difference, as methods and as functions of torch."""
FUNCTIONS = tuple(f"torch.{name}" for name in METHODS)


def target_side(script: Script) -> cst.BaseExpression:
    """The target in the one difference that is squared, or whose size is taken.

    Args:
        script: Trains by such a loss.

    Raises:
        Refused: There is none or there are several, or which side is the network's cannot be told.
    """
    found = [node for node in script.of_kind(cst.BinaryOperation) if _is_error(script, node)]
    difference = one(trained(script, found), "difference of output and target", script)
    model = model_name(script)
    sides = (difference.left, difference.right)
    others = [side for side in sides if not _is_made_by(script, side, model)]
    if len(others) != 1:
        raise Refused(f"which side of {script.text(difference)} is the target cannot be told")
    return others[0]


def _is_error(script: Script, node: cst.BinaryOperation) -> bool:
    if not isinstance(node.operator, cst.Subtract):
        return False
    statement = next(script.around(node))
    named: list[cst.CSTNode] = [node]
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        text = script.text(statement.targets[0].target)
        named += [each for each in script.of_kind(cst.Name) if each.value == text]
    return any(_is_measured(script, each) for each in named)


def _is_measured(script: Script, node: cst.CSTNode) -> bool:
    """Whether a node is squared, or its absolute value taken, right where it stands."""
    above = next(script.around(node))
    if isinstance(above, cst.BinaryOperation):
        return isinstance(above.operator, cst.Power) and above.left is node
    if isinstance(above, cst.Attribute):
        return above.attr.value in METHODS
    call = next(script.around(above), None) if isinstance(above, cst.Arg) else None
    return isinstance(call, cst.Call) and script.name(call) in FUNCTIONS


def _is_made_by(script: Script, node: cst.CSTNode, model: str) -> bool:
    """Whether a call of the model lies behind a value."""
    calls = [call for each in behind(script, node) for call in script.of_kind(cst.Call, each)]
    return any(script.text(call.func) == model for call in calls)
