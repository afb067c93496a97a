"""Formulas of the catalogue, read by calling them with a symbol instead of numbers.

The catalogue's functions are written with NumPy. A `Symbol` answers NumPy's operations by noting
them, so what comes back is the formula itself, which `written` prints in JavaScript, or for
PyTorch. So an activation that is new in the catalogue is in the page as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from lifesigns._errors import UsageError


@dataclass(frozen=True)
class Symbol(NDArrayOperatorsMixin):
    """The unknown `x` (without parts), or an operation and what it was given."""

    operation: str = "x"
    parts: tuple[Symbol | float, ...] = field(default=())

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *given: Any, **rest: Any) -> Symbol:
        """Notes the operation; how NumPy would store the result does not matter."""
        name = ufunc.__name__.partition(" ")[0]
        if method != "__call__":
            raise UsageError(f"A formula uses np.{name}.{method}, which is not elementwise.")
        return Symbol(name, tuple(_part(each) for each in given))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, given: Any, rest: Any
    ) -> Symbol | float:
        """The same for what NumPy calls functions."""
        if function is np.ones_like:
            return Symbol("ones_like", (self,))
        if function in (np.where, np.clip):
            return Symbol(function.__name__, tuple(_part(each) for each in given))
        raise UsageError(f"A formula uses np.{function.__name__}, which cannot be read.")


def _part(given: Any) -> Symbol | float:
    return given if isinstance(given, Symbol) else float(given)


def read(function: Callable[[Any], Any]) -> Symbol | float:
    """The formula of a function of the catalogue.

    Args:
        function: Made of NumPy's elementwise operations.

    Raises:
        UsageError: It calls something else; the message says what to do.

    Example:
        >>> read(lambda x: np.maximum(x, 0))
        Symbol(operation='maximum', parts=(Symbol(operation='x', parts=()), 0.0))
    """
    try:
        formula: Symbol | float = function(Symbol())
    except TypeError as error:
        raise UsageError(
            f"A formula calls what is no operation of NumPy ({error}), so the playground cannot "
            "read it. Make a ufunc of it, np.frompyfunc(f, 1, 1), and name that in the printers."
        ) from error
    return formula


Printer = Mapping[str, Callable[..., str]]
"""Writes an operation, from its parts as text."""


def written(formula: Symbol | float, printer: Printer, bind: str) -> tuple[list[str], str]:
    """Statements that name what occurs more than once, and the expression that follows them.

    Args:
        formula: What a function of the catalogue returned for a `Symbol`.
        printer: A text for each operation.
        bind: How a name is given, with `{name}` and `{value}`.

    Raises:
        UsageError: The formula uses an operation that the printer does not know.
    """
    uses = Counter(_inner(formula))
    names: dict[Symbol, str] = {}
    lines: list[str] = []

    def text(part: Symbol | float) -> str:
        if not isinstance(part, Symbol):
            return repr(int(part) if part.is_integer() else part)
        if not part.parts:
            return "x"
        if part not in names:
            if part.operation not in printer:
                raise UsageError(f"A formula uses np.{part.operation}, which cannot be written.")
            own = printer[part.operation](*map(text, part.parts))
            if uses[part] < 2:
                return own
            names[part] = f"t{len(names) + 1}"
            lines.append(bind.format(name=names[part], value=own))
        return names[part]

    expression = text(formula)
    return lines, expression


def _inner(formula: Symbol | float) -> Iterator[Symbol]:
    """Every operation as often as it is used, but the parts of a repeated one only once."""
    seen: set[Symbol] = set()
    waiting = [formula]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Symbol) and part.parts:
            yield part
            if part not in seen:
                seen.add(part)
                waiting.extend(part.parts * (2 if part.operation == "power" else 1))


def _infix(sign: str) -> Callable[[str, str], str]:
    return lambda a, b: f"({a} {sign} {b})"


def _call(name: str) -> Callable[..., str]:
    return lambda *parts: f"{name}({', '.join(parts)})"


def _repeated(base: str, exponent: str) -> str:
    """A whole power as products; `base` is a name or is computed anew."""
    return f"({' * '.join([base] * int(exponent))})"


_SHARED: dict[str, Callable[..., str]] = {
    "add": _infix("+"),
    "subtract": _infix("-"),
    "multiply": _infix("*"),
    "divide": _infix("/"),
    "true_divide": _infix("/"),
    "greater": _infix(">"),
    "less": _infix("<"),
    "greater_equal": _infix(">="),
    "less_equal": _infix("<="),
    "negative": lambda a: f"(-{a})",
}

JAVASCRIPT: Printer = {
    **_SHARED,
    "bitwise_and": _infix("&&"),
    "bitwise_or": _infix("||"),
    "where": lambda condition, a, b: f"({condition} ? {a} : {b})",
    "clip": lambda a, low, high: f"Math.min({high}, Math.max({low}, {a}))",
    "minimum": _call("Math.min"),
    "maximum": _call("Math.max"),
    "power": _repeated,
    "square": lambda a: f"({a} * {a})",
    "ones_like": lambda a: "1",
    "sign": _call("Math.sign"),
    "absolute": _call("Math.abs"),
    "sqrt": _call("Math.sqrt"),
    "hypot": _call("Math.hypot"),
    "exp": _call("Math.exp"),
    "expm1": _call("Math.expm1"),
    "log": _call("Math.log"),
    "log1p": _call("Math.log1p"),
    "tanh": _call("Math.tanh"),
    "sin": _call("Math.sin"),
    "cos": _call("Math.cos"),
    "arctan": _call("Math.atan"),
    "logaddexp": _call("logaddexp"),
    "erf": _call("erf"),
    "erfc": _call("erfc"),
}
"""Of an expression in `x`."""

TORCH: Printer = {
    **_SHARED,
    "bitwise_and": _infix("&"),
    "bitwise_or": _infix("|"),
    "where": _call("torch.where"),
    "clip": _call("torch.clamp"),
    "minimum": lambda a, b: f"torch.clamp({a}, max={b})",
    "maximum": lambda a, b: f"torch.clamp({a}, min={b})",
    "power": _infix("**"),
    "square": lambda a: f"{a} ** 2",
    "ones_like": _call("torch.ones_like"),
    "sign": _call("torch.sign"),
    "absolute": _call("torch.abs"),
    "sqrt": _call("torch.sqrt"),
    "hypot": lambda a, b: f"torch.hypot({a}, torch.full_like({a}, {b}))",
    "exp": _call("torch.exp"),
    "expm1": _call("torch.expm1"),
    "log": _call("torch.log"),
    "log1p": _call("torch.log1p"),
    "tanh": _call("torch.tanh"),
    "sin": _call("torch.sin"),
    "cos": _call("torch.cos"),
    "arctan": _call("torch.atan"),
    "logaddexp": lambda a, b: f"torch.logaddexp(torch.full_like({b}, {a}), {b})",
    "erf": _call("torch.erf"),
    "erfc": _call("torch.erfc"),
}
"""The same of a tensor `x`."""
