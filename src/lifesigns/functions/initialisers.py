"""Initialisers: what fills a weight matrix before training, and how far its entries spread.

Nothing here imports torch, not even late, because rules may import facts about initialisers: what
fills a tensor calls the tensor's own methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Fans(NamedTuple):
    """How a weight connects."""

    fan_in: int
    """Inputs of a unit: columns of the weight, times the size of a kernel."""
    fan_out: int
    """Units that an input reaches: rows of the weight, times the size of a kernel."""
    units: int
    """Rows of the weight."""


Spread = Callable[[Fans, float], float]
Fill = Callable[["Tensor", float, "torch.Generator | None"], None]
"""Fills a tensor in place, given the spread."""

NARROW = 0.05
"""Half-width of `uniform` and spread of `normal`. Source: keras.initializers, their defaults."""


@dataclass(frozen=True)
class Initialiser:
    """One way to fill the weights of a layer; biases start at 0.

    Example:
        >>> he = INITIALISERS["he_normal"]
        >>> round(he.spread(200, 100), 3)
        0.1
    """

    name: str
    formula: str
    """Of the spread, the root mean square of the entries."""
    about: str
    source: str
    of_fans: Spread
    """The spread, from fans and gain."""
    fill: Fill
    gain: float = 1.0
    """Of the activation it was made for: √2 for ReLU."""

    def spread(self, fan_in: int, fan_out: int, gain: float | None = None) -> float:
        """Root mean square of the entries of a weight of these fans.

        Args:
            fan_in: Inputs of a unit.
            fan_out: Units that an input reaches; also the rows of the weight, without a kernel.
            gain: That of the activation behind the layer, `functions.gain`; by default that of the
                activation which the initialiser was made for.
        """
        return self._spread(Fans(fan_in, fan_out, fan_out), gain)

    def __call__(
        self,
        weight: Tensor,
        generator: torch.Generator | None = None,
        *,
        gain: float | None = None,
    ) -> Tensor:
        """Fills `weight` in place and returns it.

        Args:
            weight: Shape `[fan_out, fan_in, *kernel]`, as torch's layers have it.
            generator: Source of randomness; torch's global one by default.
            gain: As in `spread`.

        Raises:
            ValueError: The weight has fewer than two dimensions.
        """
        self.fill(weight.detach(), self._spread(fans(tuple(weight.shape)), gain), generator)
        return weight

    def _spread(self, shape: Fans, gain: float | None) -> float:
        return self.of_fans(shape, self.gain if gain is None else gain)


def fans(shape: tuple[int, ...]) -> Fans:
    """The fans of a weight of shape `[outputs, inputs, *kernel]`.

    Args:
        shape: As in `nn.Linear.weight` and `nn.ConvNd.weight`; groups are not taken into account.

    Raises:
        ValueError: The shape has fewer than two dimensions, as that of a bias.

    Example:
        >>> fans((16, 3, 5, 5))
        Fans(fan_in=75, fan_out=400, units=16)
    """
    if len(shape) < 2:
        raise ValueError(
            f"A tensor of shape {shape} has no fan-in and fan-out; only weights of at least two "
            "dimensions are initialised, biases start at 0."
        )
    kernel = math.prod(shape[2:])
    return Fans(shape[1] * kernel, shape[0] * kernel, shape[0])


def _constant(weight: Tensor, spread: float, generator: torch.Generator | None) -> None:
    weight.fill_(spread)


def _normal(weight: Tensor, spread: float, generator: torch.Generator | None) -> None:
    weight.normal_(0, spread, generator=generator)


def _uniform(weight: Tensor, spread: float, generator: torch.Generator | None) -> None:
    bound = math.sqrt(3) * spread
    weight.uniform_(-bound, bound, generator=generator)


def _orthogonal(weight: Tensor, spread: float, generator: torch.Generator | None) -> None:
    rows, columns = weight.shape[0], weight[0].numel()
    random = weight.new_empty(rows, columns).normal_(0, 1, generator=generator)
    factored, reflections = (random.T if rows < columns else random).geqrf()
    # Signs as if R had a positive diagonal: only then is every rotation equally likely.
    q = factored.orgqr(reflections) * factored.diagonal().sign()
    gain = spread * math.sqrt(max(rows, columns))
    weight.copy_(gain * (q.T if rows < columns else q).reshape(weight.shape))


def _identity(weight: Tensor, spread: float, generator: torch.Generator | None) -> None:
    if weight.dim() != 2:
        raise ValueError(
            f"identity_recurrent fills the hidden-to-hidden matrix of an RNN, not a tensor of "
            f"shape {tuple(weight.shape)}."
        )
    weight.zero_().fill_diagonal_(spread * math.sqrt(max(weight.shape)))


def _glorot(fans: Fans, gain: float) -> float:
    return gain * math.sqrt(2 / (fans.fan_in + fans.fan_out))


def _by_fan_in(fans: Fans, gain: float) -> float:
    return gain / math.sqrt(fans.fan_in)


def _by_longest(fans: Fans, gain: float) -> float:
    return gain / math.sqrt(max(fans.fan_in, fans.units))


def _fixed(value: float, fans: Fans, gain: float) -> float:
    return value


_GLOROT, _HE = "Glorot & Bengio 2010", "He et al. 2015"
_ORTHOGONAL = "Saxe et al. 2014"
_ROOT_2 = math.sqrt(2)

_REGISTRY = (
    Initialiser(
        "zeros", "0", "Right for biases and for a model without hidden layers; else symmetric.",
        "-", partial(_fixed, 0.0), _constant,
    ),
    Initialiser(
        "constant", "|c|, c = 0.05", "All units of a layer stay equal: as bad as zeros.",
        "keras.initializers.Constant", partial(_fixed, NARROW), _constant,
    ),
    Initialiser(
        "uniform", "c/√3, c = 0.05", "Blind to the layer's width: fades or explodes with depth.",
        "keras.initializers.RandomUniform", partial(_fixed, NARROW / math.sqrt(3)), _uniform,
    ),
    Initialiser(
        "normal", "σ = 0.05", "Blind to the layer's width: fades or explodes with depth.",
        "keras.initializers.RandomNormal", partial(_fixed, NARROW), _normal,
    ),
    Initialiser(
        "standard_normal", "1", "Far too large for a layer of any width: saturates at once.",
        "torch.nn.init.normal_", partial(_fixed, 1.0), _normal,
    ),
    Initialiser(
        "glorot_uniform", "gain √(2/(fan_in + fan_out))",
        "Between keeping the signal and keeping the gradient; for tanh and sigmoid.",
        _GLOROT, _glorot, _uniform,
    ),
    Initialiser(
        "glorot_normal", "gain √(2/(fan_in + fan_out))", "As glorot_uniform, but normal.",
        _GLOROT, _glorot, _normal,
    ),
    Initialiser(
        "he_uniform", "gain/√fan_in, gain = √2", "Keeps the signal through ReLU layers.",
        _HE, _by_fan_in, _uniform, _ROOT_2,
    ),
    Initialiser(
        "he_normal", "gain/√fan_in, gain = √2", "As he_uniform, from a normal distribution.",
        _HE, _by_fan_in, _normal, _ROOT_2,
    ),
    Initialiser(
        "lecun_uniform", "gain/√fan_in", "Keeps the signal through linear layers; for SELU.",
        "LeCun et al. 1998", _by_fan_in, _uniform,
    ),
    Initialiser(
        "lecun_normal", "gain/√fan_in", "As lecun_uniform, from a normal distribution.",
        "LeCun et al. 1998; Klambauer et al. 2017", _by_fan_in, _normal,
    ),
    Initialiser(
        "torch_default", "1/√(3 fan_in)",
        "What nn.Linear and nn.Conv2d start with: below He by √6, so deep ReLU nets fade.",
        "torch.nn.Linear.reset_parameters", _by_fan_in, _uniform, 1 / math.sqrt(3),
    ),
    Initialiser(
        "orthogonal", "gain/√max(fan_in, units)",
        "Keeps every length and angle where the layer is square; for deep and recurrent nets.",
        _ORTHOGONAL, _by_longest, _orthogonal,
    ),
    Initialiser(
        "lsuv", "orthogonal, then 1/σ(output) on a batch",
        "Starts orthogonal; `lsuv.rescale` then gives each layer's output variance 1 on real data.",
        "Mishkin & Matas 2016", _by_longest, _orthogonal,
    ),
    Initialiser(
        "identity_recurrent", "gain/√n, on the diagonal gain",
        "For the hidden-to-hidden weight of a ReLU RNN: it remembers at the start.",
        "Le et al. 2015 (IRNN)", _by_longest, _identity,
    ),
)  # fmt: skip

INITIALISERS: Mapping[str, Initialiser] = MappingProxyType({i.name: i for i in _REGISTRY})
"""All initialisers by name."""
