"""How calls of activations are written, in the script's own names."""

from __future__ import annotations

from lifesigns.remedies._script import Script, cst


def operand(script: Script, call: cst.Call) -> str:
    """What a function or method is called on, as it is written."""
    if isinstance(call.func, cst.Attribute) and not script.name(call).startswith("torch."):
        return script.text(call.func.value)
    return script.text(call.args[0].value)


def function(script: Script, operation: str) -> str:
    """How the script can call an activation."""
    home = "torch" if operation in ("relu", "tanh", "sigmoid") else "torch.nn.functional"
    return script.spelled(f"{home}.{operation}")
