"""What a call of torch's works on, where the call is a function or a method of tensors."""

from __future__ import annotations

from torch import Tensor

from lifesigns.remedies._script import Script, cst


def called_on(script: Script, call: cst.Call) -> list[cst.BaseExpression]:
    """What a function of torch is given first, or a method of tensors is called on.

    Args:
        script: Holds the call.
        call: Any.

    Returns:
        One expression; none of another call, such as that of a network.
    """
    if script.name(call).startswith("torch."):
        return [call.args[0].value] if call.args else []
    if isinstance(call.func, cst.Attribute) and hasattr(Tensor, call.func.attr.value):
        return [call.func.value]
    return []
