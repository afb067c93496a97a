"""initialise: weights drawn for the activation that follows them, biases at zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import Finding, Graph, Kind, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import same_random_numbers
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import for_each_layer
from lifesigns.remedies.testing import case

RECTIFIERS = frozenset({"relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "hardswish"})
LAYERS = {"linear": "Linear", "conv1d": "Conv1d", "conv2d": "Conv2d", "conv3d": "Conv3d"}
"""The class in `torch.nn` by the operation; others keep their weights."""
CODE = {
    "he": 'init.kaiming_normal_(layer.weight, nonlinearity="relu")',
    "glorot": "init.xavier_uniform_(layer.weight)",
}


@dataclass(frozen=True)
class Initialise(Edit):
    """Layers of these classes start with `scheme` and zero bias."""

    name: ClassVar[str] = "initialise"
    scheme: str
    """`he` or `glorot`."""
    layers: tuple[str, ...] = ("Linear",)

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        kinds = tuple(getattr(nn, name) for name in self.layers)
        found = [m for m in run.model.modules() if isinstance(m, kinds)]
        if not found:
            raise Refused(f"the model has no {' or '.join(self.layers)}")
        with same_random_numbers(run.model):
            for layer in found:
                self._draw(layer)
        return nullcontext()

    def _draw(self, layer: Any) -> None:
        if self.scheme == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        return self.changes(script)

    def changes(self, script: Script) -> list[Change]:
        """What to write: a loop over the layers, right before the optimizer is built.

        Args:
            script: Builds one optimizer, of `model.parameters()`.
        """
        nn_ = script.spelled("torch.nn")
        return for_each_layer(
            script,
            self.layers,
            f"{nn_}.{CODE[self.scheme]}",
            "if layer.bias is not None:",
            f"    {nn_}.init.zeros_(layer.bias)",
        )


def followed_by(graph: Graph, index: int) -> str:
    """The operation of the first activation behind a site, or ``."""
    for each in graph.downstream(index):
        if graph.sites[each].kind is Kind.ACTIVATION:
            return graph.sites[each].operation
    return ""


def first_start(trace: Trace, scheme: str) -> Initialise | None:
    """This scheme for the layers of a run; None if it has no layers to initialise.

    Args:
        trace: Its first graph has the layers.
        scheme: `he` or `glorot`.
    """
    graph = trace.snapshots[0].graph if trace.snapshots else Graph()
    found = (graph.sites[i].operation for i in graph.of_kind(Kind.LINEAR, Kind.CONVOLUTION))
    layers = {LAYERS[operation] for operation in found if operation in LAYERS}
    return Initialise(scheme, tuple(sorted(layers))) if layers else None


def made_for(finding: Finding, trace: Trace) -> Iterator[Initialise]:
    """He where most layers feed rectifiers, else Glorot; then the other one."""
    graph = trace.snapshots[0].graph if trace.snapshots else Graph()
    found = graph.of_kind(Kind.LINEAR, Kind.CONVOLUTION)
    behind = Counter(followed_by(graph, i) in RECTIFIERS for i in found)
    he_first = behind[True] and behind[True] >= behind[False] - 1  # the output has none behind it
    for scheme in ("he", "glorot") if he_first else ("glorot", "he"):
        if start := first_start(trace, scheme):
            yield start


# --- cases ----------------------------------------------------------------------------------------
_HE = """\
for layer in model.modules():
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
"""
_ZEROS = """\
for p in model.parameters():
    nn.init.zeros_(p)  # a fresh start
"""
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
_TWO = """\
optimizer = torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.1)
"""
_BOTH = """\
for layer in nn.ModuleList([model[0], model[2]]).modules():
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
"""
MANUAL = Manual(
    name=Initialise.name,
    title="Weights drawn for the activation that follows them",
    changes="The weights and biases of linear and convolutional layers, right before the optimizer "
    "is built: He for rectifiers, Glorot otherwise, biases at zero. Units that started alike are "
    "told apart by it.",
    unsafe="Where weights come trained, are tied, or are started on purpose: at zero in the last "
    "layer of a residual branch, or at the mean of the targets.",
    references=(
        "He, Zhang, Ren & Sun 2015, Delving Deep into Rectifiers",
        "Glorot & Bengio 2010, Understanding the difficulty of training deep networks",
    ),
    made_for=made_for,
    cases=(
        case(
            "a model that starts at zero",
            Initialise("he"),
            "optimizer",
            _ZEROS + _OPTIMIZER,
            _ZEROS + _HE + _OPTIMIZER,
        ),
        case("weights of torch's own", Initialise("he"), "optimizer", _OPTIMIZER, _HE + _OPTIMIZER),
        case(
            "several kinds of layers",
            Initialise("glorot", ("Conv2d", "Linear")),
            "optimizer",
            _OPTIMIZER,
            "for layer in model.modules():\n"
            "    if isinstance(layer, (nn.Conv2d, nn.Linear)):\n"
            "        nn.init.xavier_uniform_(layer.weight)\n"
            "        if layer.bias is not None:\n"
            "            nn.init.zeros_(layer.bias)\n" + _OPTIMIZER,
        ),
        case(
            "two models in a list",
            Initialise("glorot"),
            "optimizer",
            _TWO,
            _BOTH + _TWO,
        ),
        case(
            "refused: the optimizer is given a list",
            Initialise("he"),
            "optimizer",
            "optimizer = torch.optim.SGD([model[0].weight], lr=0.1)",
            None,
        ),
    ),
)
