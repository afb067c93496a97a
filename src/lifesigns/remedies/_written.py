"""How calls of activations, and masks, are rewritten: around what they are called on, which stays.

Only the call's own letters are changed, so calls within one another can be changed together.
"""

from __future__ import annotations

from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst


def called_instead(script: Script, call: cst.Call, operation: str) -> list[Change]:
    """Makes a call of an activation, as function or method, a call of another one.

    Args:
        script: Holds the call.
        call: Further arguments than the first are dropped: they are the old function's own.
        operation: A name in `torch.nn.functional`.
    """
    home = "torch" if operation in ("relu", "tanh", "sigmoid") else "torch.nn.functional"
    function = script.spelled(f"{home}.{operation}")
    start, end = script.span(call)
    if (dot := _dot(script, call)) is not None:
        return [Change(start, start, f"{function}("), Change(dot, end, ")")]
    return [script.replaced(call.func, function), *_others_dropped(script, call)]


def dropped(script: Script, call: cst.Call) -> list[Change]:
    """Leaves of a call of an activation what it is called on.

    Args:
        script: Holds the call.
        call: As function or method.
    """
    start, end = script.span(call)
    if (dot := _dot(script, call)) is not None:
        return [Change(dot, end, "")]
    given = _first(script, call)
    first, last = script.span(given)
    atoms = cst.Name | cst.Attribute | cst.Call | cst.Subscript
    before, after = ("", "") if isinstance(given, atoms) else ("(", ")")
    return [Change(start, first, before), Change(last, end, after)]


def turned(script: Script, mask: cst.BaseExpression) -> list[Change]:
    """Makes a mask its other side, be it of truth values or of numbers that are added.

    Args:
        script: Holds the mask.
        mask: An expression.
    """
    other = script.spelled("torch.logical_not")
    text = script.text(mask)
    return [] if text.startswith(f"{other}(") else [script.replaced(mask, f"{other}({text})")]


def _others_dropped(script: Script, call: cst.Call) -> list[Change]:
    """The arguments behind the first one."""
    if len(call.args) < len(("first", "another")):
        return []
    last = call.args[-1].value
    start = script.span(_first(script, call))[1]
    return [Change(start, script.span(last)[1], "")]


def _first(script: Script, call: cst.Call) -> cst.BaseExpression:
    if not call.args or call.args[0].star or call.args[0].keyword is not None:
        raise Refused(f"line {script.line(call)} names or unpacks what it is called on")
    return call.args[0].value


def _dot(script: Script, call: cst.Call) -> int | None:
    """Where the dot before a method's name is; None of a function, whose dot is a module's."""
    if not isinstance(call.func, cst.Attribute) or script.name(call).startswith("torch."):
        return None
    dot = script.span(call.func.attr)[0] - 1
    if not script.text(call.func).endswith(f".{call.func.attr.value}"):
        raise Refused(f"line {script.line(call)} has blanks around the dot of a method")
    return dot
