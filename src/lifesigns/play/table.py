"""What the page knows of the catalogue and of the rules, made from them: the module `table.js`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lifesigns.functions import ACTIVATIONS, INITIALISERS, Activation
from lifesigns.functions.gains import LEAKY
from lifesigns.locale import translated
from lifesigns.play.expression import JAVASCRIPT, TORCH, Symbol, read, written
from lifesigns.rules import Rule, all_rules

RULES = (
    "symmetric-units",
    "dead-from-birth",
    "dead-units",
    "saturated-units",
    "vanishing-gradient",
    "linear-collapse",
    "doubled-softmax",
    "squared-error-on-saturated-output",
    "rate-too-high",
    "loss-diverges",
    "one-sided-inputs",
    "unscaled-input",
    "gain-mismatch",
    "signal-fades",
    "signal-blows-up",
    "stacked-squashing",
    "output-cannot-reach-target",
    "rate-too-low",
    "loss-flat",
    "constant-features",
)
"""Those that the page judges by."""
_EXACT = {"softplus": "nn.Softplus(threshold=40)"}
"""torch's softplus leaves its formula above 20, where doubles still tell the difference."""
_COMPOSED = frozenset({"tanhshrink", "softsign"})
"""Modules of torch that are made of several operations, so that the watcher sees those."""
_PARAMETRIC = "negative"
"""The word for the learned or chosen slope below 0 in a formula."""


def elementwise() -> list[Activation]:
    """The activations that can stand behind a layer of the page, but for maxout."""
    return [entry for entry in ACTIVATIONS.values() if entry.elementwise]


def source() -> str:
    """The text of `table.js`."""
    return "\n".join(
        [
            "// Made by lifesigns.play.table from the catalogue and the rules; not to be edited.",
            'import { elementwise, erf, erfc, logaddexp } from "./special.js";',
            "",
            "/** By name: facts, and value and derivative of a number and of whole arrays. */",
            "export const ACTIVATIONS = {",
            *map(_activation, elementwise()),
            "};",
            _constant("INITIALISERS", {i.name: _initialiser(i) for i in INITIALISERS.values()
                                       if i.name not in ("lsuv", "identity_recurrent")}),
            _constant("RULES", {rule.name: _rule(rule) for rule in all_rules()
                                if rule.name in RULES}),
            _constant("THRESHOLDS", _thresholds()),
            "",
        ]
    )  # fmt: skip


def torch_code(entry: Activation) -> dict[str, Any]:
    """How a script writes it: a module of torch's own, or else the formula, line by line.

    Args:
        entry: An elementwise activation.
    """
    if entry.code.startswith("nn.") and entry.name not in LEAKY:
        return {"module": _EXACT.get(entry.name, entry.code)}
    if entry.name in LEAKY:
        return {"module": f"nn.{'PReLU' if entry.name == 'prelu' else 'LeakyReLU'}"}
    assert entry.value is not None
    lines, result = written(read(entry.value), TORCH, "{name} = {value}")
    return {"lines": [*lines, f"return {result}"]}


def _activation(entry: Activation) -> str:
    assert entry.value is not None
    assert entry.derivative is not None
    value, slope = (_body(read(f), entry) for f in (entry.value, entry.derivative))
    facts = {
        "formula": entry.formula,
        "slope": _slope(entry),
        "learned": entry.name == "prelu",
        "gain": _known(entry.facts.forward_gain),
        "steepest": _known(entry.max_derivative),
        "flat": _known(entry.flat_slope),
        "flatBelow": _known(entry.facts.flat_below),
        "flatAbove": _known(entry.facts.flat_above),
        "saturates": entry.saturates,
        "squashes": entry.saturates_low and entry.saturates_high,
        "low": _known(entry.low),
        "high": _known(entry.high),
        "silent": entry.silent_side,
        "rectifier": entry.silent_side == "low" and entry.facts.zero_gradient >= 0.5,
        "linear": entry.name in ("identity", "clamp"),
        "whole": _is_whole(entry),
        "torch": torch_code(entry),
        "lab": bool(entry.code) and entry.name != "rrelu",
    }
    described = json.dumps(facts, ensure_ascii=False)
    loops = ", ".join(
        f"(z, a, n, negative) => {{ for (let i = 0; i < n; i++) {{ const x = z[i]; {body} }} }}"
        for body in (value, slope)
    )
    return f"  {entry.name}: elementwise({described}, {loops}),"


def _is_whole(entry: Activation) -> bool:
    """Whether torch computes it in one operation, which the watcher knows by name."""
    own = entry.code.startswith("nn.") and entry.name not in _COMPOSED
    return own or entry.name in ("sin", "exp")


def _body(formula: Symbol | float, entry: Activation) -> str:
    lines, expression = written(formula, JAVASCRIPT, "const {name} = {value};")
    if entry.name in LEAKY:
        expression = expression.replace(repr(_slope(entry)), _PARAMETRIC)
    return " ".join([*lines, f"a[i] = {expression};"])


def _slope(entry: Activation) -> float | None:
    """Below 0, of a leaky rectifier."""
    if entry.name not in LEAKY:
        return None
    assert entry.derivative is not None
    return float(entry.derivative(np.array([-1.0]))[0])


def _initialiser(entry: Any) -> dict[str, Any]:
    """How it fills, by which law its spread follows, and the gain or constant of that law."""
    law = getattr(entry.of_fans, "func", entry.of_fans)
    constant = entry.of_fans.args[0] if hasattr(entry.of_fans, "args") else entry.gain
    return {
        "fill": entry.fill.__name__.strip("_"),
        "law": law.__name__.strip("_"),
        "constant": constant,
        "formula": entry.formula,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    """Its numbers, and its title and reason in both languages."""
    chinese = translated("zh", "rules", rule.name) or {}
    if chinese.get("translates") != rule.fingerprint:
        chinese = {}
    return {
        "code": rule.code,
        "thresholds": rule.thresholds,
        "explains": rule.explains,
        "title": {"en": rule.title, "zh": chinese.get("title", rule.title)},
        "why": {"en": rule.why, "zh": chinese.get("why", rule.why)},
    }


def _thresholds() -> dict[str, float]:
    """Those that several rules share, by their names."""
    from lifesigns.evidence import course, destination, misfit, signal, sites, suspects, thresholds

    found: dict[str, float] = {}
    for module in (thresholds, course, destination, misfit, signal, sites, suspects):
        for name, value in vars(module).items():
            if isinstance(value, thresholds.Threshold):
                found.setdefault(name, float(value))
    return found


def _constant(name: str, value: Any) -> str:
    return f"export const {name} = {json.dumps(value, ensure_ascii=False)};"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
