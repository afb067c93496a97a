"""swap-activation: another activation at some sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import nn
from torch.nn import functional as F

from lifesigns.records import Finding, Site, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._hidden import hidden
from lifesigns.remedies._live import calls_changed, is_module_of, replace_module
from lifesigns.remedies._refusal import Refusal, Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._sites import calls_of, is_call_of
from lifesigns.remedies._torch_names import MODULES, module_name
from lifesigns.remedies._written import called_instead
from lifesigns.remedies.initialise import Initialise, first_start
from lifesigns.remedies.testing import case, site

INSTEAD = {
    "relu": ("leaky_relu", "gelu"),
    "sigmoid": ("tanh", "gelu"),
    "tanh": ("gelu", "relu"),
    "exp": ("tanh", "gelu"),
    "softmax": ("relu", "tanh"),
    "hardtanh": ("relu", "tanh"),
    "softsign": ("gelu", "tanh"),
    "hardsigmoid": ("tanh", "gelu"),
}
"""What to try for an operation, most promising first. Deep and narrow networks decided it: a ReLU
in place of a sigmoid dies there, tanh and GELU learn."""
SMOOTH = ("tanh", "gelu")
"""What to try where second derivatives are trained."""
START = {"relu": "he", "leaky_relu": "he", "gelu": "he", "tanh": "glorot"}
"""How weights start for the new activation. Without it a deep network often fades all the same."""
BUILT = frozenset(map(module_name, MODULES))
"""Full names of the modules that are activations."""


@dataclass(frozen=True)
class SwapActivation(Edit):
    """The activations at `sites` become `to`."""

    name: ClassVar[str] = "swap-activation"
    sites: tuple[Site, ...]
    to: str
    """In the graph's words, e.g. `leaky_relu`."""
    start: Initialise | None = None
    """How weights start for the new activation, where they are not to start as they did."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if self.start is not None and isinstance(refusal := self.start.apply(run), Refusal):
            raise Refused(refusal.reason)
        swapped = [s for s in self.sites if is_module_of(run.model, s)]
        for each in swapped:
            replace_module(run.model, each.module, getattr(nn, MODULES[self.to])())
        called = [s for s in self.sites if s not in swapped]
        function = getattr(F, self.to)
        return calls_changed(run.model, called, function) if called else nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        left = self._left(script, places)
        if (given := _handed_over(script, left)) is not None:
            yield script.replaced(given, script.spelled(module_name(self.to)))
        else:
            for call in calls_of(script, left, places):
                yield from self._written(script, call)
        if self.start is not None:
            yield from self.start.changes(script)

    def _left(self, script: Script, places: Places) -> list[Site]:
        """The sites that are not as they should be."""
        there = [replace(site, operation=self.to) for site in self.sites]
        return [a for a, b in zip(self.sites, there, strict=True) if not has(script, b, places)]

    def _written(self, script: Script, call: cst.Call) -> list[Change]:
        if script.name(call) in BUILT:
            return [script.replaced(call, f"{script.spelled(module_name(self.to))}()")]
        scope = script.within(call, cst.ClassDef) or script.tree
        if script.calls(lambda other: is_call_of(script, other, self.to), scope):
            raise Refused(f"{self.to} is called beside it: which call was changed cannot be told")
        return called_instead(script, call, self.to)


def _handed_over(script: Script, sites: Sequence[Site]) -> cst.CSTNode | None:
    """The one place that names a class, such as `Net(act=nn.ReLU)`, where nothing else runs it."""
    operations = {site.operation for site in sites}
    if len(operations) != 1 or script.calls(lambda c: is_call_of(script, c, min(operations))):
        return None
    wanted = module_name(operations.pop())
    named = [n for kind in (cst.Attribute, cst.Name) for n in script.of_kind(kind)]
    found = [n for n in named if wanted and script.name(n) == wanted and not _imports(script, n)]
    return found[0] if len(found) == 1 else None


def _imports(script: Script, node: cst.CSTNode) -> bool:
    return script.within(node, cst.ImportAlias) is not None


def has(script: Script, site: Site, places: Places) -> bool:
    """Whether a module of this kind is built at the site's path already."""
    try:
        return script.name(calls_of(script, [site], places)[0]) in BUILT
    except Refused:
        return False


def made_for(finding: Finding, trace: Trace) -> Iterator[SwapActivation]:
    """Swaps of all hidden activations that do the same as the one that was found.

    Where the finding names none, one that grows exponentially comes first. Each swap comes with the
    start that fits it, and once more without.
    """
    if "total" in finding.evidence:  # a softmax, where each output is a probability of its own
        yield from (SwapActivation((each,), "sigmoid") for each in _named(finding, trace))
        return
    instead = INSTEAD
    if "second_derivatives" in finding.evidence:
        instead = {each.operation: SMOOTH for each in _named(finding, trace)}
    candidates = [each for each in hidden(trace) if each.operation in instead]
    named = [each.operation for each in candidates if each.name == finding.site]
    others = sorted((each.operation for each in candidates), key=lambda name: name != "exp")
    for operation in dict.fromkeys(named or others):
        sites = tuple(each for each in candidates if each.operation == operation)
        for to in instead[operation]:
            yield SwapActivation(sites, to, first_start(trace, START[to]))
        for to in instead[operation]:
            yield SwapActivation(sites, to)


def _named(finding: Finding, trace: Trace) -> list[Site]:
    sites = trace.snapshots[0].graph.sites if trace.snapshots else ()
    return [each for each in sites if each.name == finding.site]


# --- cases ----------------------------------------------------------------------------------------
_LEAKY = SwapActivation((site("1:relu#0"),), "leaky_relu")
_PLAIN = "model = nn.Sequential(nn.Linear(4, 8), {}, nn.Linear(8, 1))\n"
_FUNCTIONAL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        x = {}  # bends
        return torch.sigmoid(self.last(x))


model = Net()
"""
_DEEP = """
layers = []
for width in (4, 8, 8):
    layers += [nn.Linear(width, 8), {}]
model = nn.Sequential(*layers, nn.Linear(8, 1))
"""
_IN_A_CLASS = """
class Block(nn.Module):
    def __init__(self, act=None):
        super().__init__()
        self.fc = nn.Linear(4, 1)
        self.act = {}

    def forward(self, x): return self.act(self.fc(x))


model = nn.Sequential(Block())
"""
_HANDED = """
class Net(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(4, 1), act())

    def forward(self, x): return self.fc(x)


model = Net(act={})
"""
MANUAL = Manual(
    name=SwapActivation.name,
    title="Another activation at the sites that do harm",
    changes="The activation functions at the sites of the finding, and those of the same kind in "
    "other hidden layers. Weights, their names and the output stay.",
    unsafe="Where the values are used as what they are: a sigmoid that gates, a softmax that "
    "weighs. Weights that were initialised for the old function may not fit the new one.",
    references=(
        "Glorot, Bordes & Bengio 2011, Deep Sparse Rectifier Neural Networks",
        "Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    ),
    made_for=made_for,
    cases=(
        case(
            "a class that is handed over",
            SwapActivation((site("fc.1:relu#0"),), "tanh"),
            "model",
            _HANDED.format("nn.ReLU"),
            _HANDED.format("nn.Tanh"),
        ),
        case(
            "a position in a Sequential",
            _LEAKY,
            "model",
            "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))",
            "model = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 1))",
        ),
        case(
            "weights that start for the new activation",
            SwapActivation((site("1:sigmoid#0"),), "relu", Initialise("he")),
            "model",
            _PLAIN.format("nn.Sigmoid()"),
            _PLAIN.format("nn.ReLU()")
            + "for layer in model.modules():\n"
            + "    if isinstance(layer, nn.Linear):\n"
            + '        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n'
            + "        if layer.bias is not None:\n"
            + "            nn.init.zeros_(layer.bias)\n",
        ),
        case(
            "a function in forward",
            SwapActivation((site(":sigmoid#0"),), "relu"),
            "model",
            _FUNCTIONAL.format("torch.sigmoid( self.first(x) )"),
            _FUNCTIONAL.format("torch.relu( self.first(x) )"),
        ),
        case(
            "a method in forward",
            SwapActivation((site(":tanh#0"),), "gelu"),
            "model",
            _FUNCTIONAL.format("self.first(x).tanh()"),
            _FUNCTIONAL.format("F.gelu(self.first(x))"),
        ),
        case(
            "functions within one another, one with a setting of its own",
            SwapActivation((site(":leaky_relu#0"), site(":leaky_relu#1")), "gelu"),
            "model",
            _FUNCTIONAL.format("F.leaky_relu(F.leaky_relu(self.first(x)) + (x.sum()), 0.3)"),
            _FUNCTIONAL.format("F.gelu(F.gelu(self.first(x)) + (x.sum()))"),
        ),
        case(
            "one expression builds the layers of a loop",
            SwapActivation((site("1:sigmoid#0"), site("3:sigmoid#0")), "tanh"),
            "model",
            _DEEP.format("nn.Sigmoid()"),
            _DEEP.format("nn.Tanh()"),
        ),
        case(
            "an attribute of a class",
            SwapActivation((site("0.act:relu#0"),), "gelu"),
            "model",
            _IN_A_CLASS.format("nn.ReLU(inplace=True)"),
            _IN_A_CLASS.format("nn.GELU()"),
        ),
        case(
            "the default of a class that may be handed over",
            SwapActivation((site("0.act:relu#0"),), "gelu"),
            "model",
            _IN_A_CLASS.format("(nn.ReLU if act is None else act)()"),
            _IN_A_CLASS.format("(nn.GELU if act is None else act)()"),
        ),
        case(
            "refused: the class is named in two places",
            SwapActivation((site("0.act:relu#0"),), "gelu"),
            "model",
            _IN_A_CLASS.format("(nn.ReLU if act is None else act or nn.ReLU)()"),
            None,
        ),
        case(
            "refused: the new function is called beside the old",
            SwapActivation((site(":tanh#0"),), "sigmoid"),
            "model",
            _FUNCTIONAL.format("self.first(x).tanh()"),
            None,
        ),
    ),
)
