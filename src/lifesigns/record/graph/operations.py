"""The vocabulary of autograd nodes: what each does for learning, and how to read its output.

Names are node names without `Backward0`. Anything not named here counts as a non-linear operation
of its own (`Kind.OTHER`): taking a linear operation for a non-linear one can hide a finding, the
reverse would invent one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lifesigns.functions import ACTIVATIONS, FLAT_SHARE
from lifesigns.record.graph.walk import Operands, operands, saved, snake_case
from lifesigns.records import Kind

TRANSPARENT = frozenset(
    {
        "Add", "Alias", "AsStrided", "Cat", "Chunk", "Clone", "ConstantPadNd", "Copy", "Diagonal",
        "Expand", "Flip", "Gather", "Index", "IndexSelect", "MaskedFill", "Mean", "Narrow", "Neg",
        "Permute", "Repeat", "Reshape", "ReshapeAlias", "Roll", "Rsub", "Select", "Slice", "Split",
        "SplitWithSizes", "Squeeze", "Stack", "Sub", "Sum", "T", "ToCopy", "Transpose", "Tril",
        "Triu", "Unbind", "Unfold", "UnsafeSplit", "UnsafeView", "Unsqueeze", "View", "SwapAxes",
    }
)  # fmt: skip
"""Linear in their input and without weights: dataflow passes through them unchanged in kind."""

VIEWS = frozenset({"View", "UnsafeView", "Reshape", "ReshapeAlias"})
"""The same numbers in the same order, in other sizes."""
FUSED_RECURRENT = frozenset({"MkldnnRnnLayer", "CudnnRnn"})
"""Recurrent layers that are one node, of (time, batch, unit)."""
LINEAR_MAPS = {
    "Addmm": ("mat1", "mat2"),
    "Mm": ("self", "mat2"),
    "Bmm": ("self", "mat2"),
    "Baddbmm": ("batch1", "batch2"),
    "Addbmm": ("batch1", "batch2"),
    "Mv": ("self", "vec"),
    "Dot": ("self", "tensor"),
    "Linear": ("input", "weight"),
    "MkldnnLinear": ("input", "weight"),
}
"""Matrix products; their last two inputs are the factors. A map with a weight is linear, a product
of two activations is attention."""

NAMED = {
    "Convolution": (Kind.CONVOLUTION, "conv"),
    "MkldnnConvolution": (Kind.CONVOLUTION, "conv"),
    "MkldnnRnnLayer": (Kind.RECURRENT, "lstm"),
    "CudnnRnn": (Kind.RECURRENT, "rnn"),
    "NativeBatchNorm": (Kind.NORM, "batch_norm"),
    "CudnnBatchNorm": (Kind.NORM, "batch_norm"),
    "MiopenBatchNorm": (Kind.NORM, "batch_norm"),
    "NativeLayerNorm": (Kind.NORM, "layer_norm"),
    "NativeGroupNorm": (Kind.NORM, "group_norm"),
    "FusedRmsNorm": (Kind.NORM, "rms_norm"),
    "Embedding": (Kind.EMBEDDING, "embedding"),
    "EmbeddingBag": (Kind.EMBEDDING, "embedding_bag"),
    "MaxPool2DWithIndices": (Kind.POOLING, "max_pool2d"),
    "MaxPool3DWithIndices": (Kind.POOLING, "max_pool3d"),
    "AdaptiveMaxPool2D": (Kind.POOLING, "adaptive_max_pool2d"),
    "AvgPool2D": (Kind.POOLING, "avg_pool2d"),
    "AvgPool3D": (Kind.POOLING, "avg_pool3d"),
    "AdaptiveAvgPool2D": (Kind.POOLING, "adaptive_avg_pool2d"),
    "NativeDropout": (Kind.DROPOUT, "dropout"),
    "FusedDropout": (Kind.DROPOUT, "dropout"),
    "Softmax": (Kind.SOFTMAX, "softmax"),
    "SafeSoftmax": (Kind.SOFTMAX, "softmax"),
    "LogSoftmax": (Kind.SOFTMAX, "log_softmax"),
    "NllLoss": (Kind.LOSS, "nll_loss"),
    "NllLoss2D": (Kind.LOSS, "nll_loss"),
    "MseLoss": (Kind.LOSS, "mse_loss"),
    "L1Loss": (Kind.LOSS, "l1_loss"),
    "BinaryCrossEntropy": (Kind.LOSS, "binary_cross_entropy"),
    "BinaryCrossEntropyWithLogits": (Kind.LOSS, "binary_cross_entropy_with_logits"),
    "HuberLoss": (Kind.LOSS, "huber_loss"),
    "SmoothL1Loss": (Kind.LOSS, "smooth_l1_loss"),
    "SoftMarginLoss": (Kind.LOSS, "soft_margin_loss"),
    "MultiMarginLoss": (Kind.LOSS, "multi_margin_loss"),
    "MultilabelMarginLoss": (Kind.LOSS, "multilabel_margin_loss"),
    "CtcLoss": (Kind.LOSS, "ctc_loss"),
}
"""Operations with a kind of their own, and torch's word for them."""

ATTENTION_PREFIX = "ScaledDotProduct"
OPAQUE_NAMES = frozenset({"CopySlices", "CompiledFunction", "CheckpointFunction", "Graph"})


Number = Callable[[Tensor, Any], Tensor]
AtZero = Literal["at zero"]
AT_ZERO: Final[AtZero] = "at zero"
"""An activation is flat where its output is 0, which is counted anyway."""
GATES = frozenset({"Relu", "Hardtanh", "Threshold"})
"""Activations that pass every gradient on as it is or not at all."""


@dataclass(frozen=True)
class ActivationNode:
    """How to read an activation node.

    Attributes:
        word: torch's word for it.
        output: Its output, from the saved input.
        flat: Where its derivative is below `FLAT_SHARE` of its maximum, from the saved input; None
            if nowhere.
        flat_result: The same from the saved result, for nodes that keep the result instead.
        constants: Saved attributes worth keeping in `Site.details`.
    """

    word: str
    output: Number | None = None
    flat: Number | None = None
    flat_result: Number | AtZero | None = None
    constants: tuple[str, ...] = ()


def _tails(word: str) -> Number:
    """Where the function of this name in the catalogue is flat."""

    def flat(x: Tensor, node: Any) -> Tensor:
        low, high = ACTIVATIONS[word].tails
        if math.isinf(high):
            return x <= low
        return x >= high if math.isinf(low) else (x <= low) | (x >= high)

    return flat


_GELU_FLAT = {"none": _tails("gelu"), "tanh": _tails("gelu_tanh")}
_SOFTPLUS_FLAT = _tails("softplus")


def _clamp(x: Tensor, node: Any) -> Tensor:
    return x.clamp(saved(node, "min"), saved(node, "max"))


def _outside(x: Tensor, node: Any) -> Tensor:
    low, high = saved(node, "min"), saved(node, "max")
    below = x < low if low is not None else torch.zeros_like(x, dtype=torch.bool)
    return below if high is None else below | (x > high)


def _rrelu(x: Tensor, node: Any) -> Tensor:
    if not node._saved_training:
        return F.leaky_relu(x, (node._saved_lower + node._saved_upper) / 2)
    noise = saved(node, "noise")
    return torch.where(x > 0, x, x * noise)


def _elu_bottom(r: Tensor, node: Any) -> Tensor:
    scale = float(getattr(node, "_saved_scale", 1.0))
    return r < (_elu_limit(node) - 1) * float(node._saved_alpha) * scale


def _elu_limit(node: Any) -> float:
    """The factor exp(x) below which the slope alpha · exp(x) is flat; its maximum is max(1, alpha).

    CELU divides x by alpha: its slope is exp(x / alpha) itself.
    """
    scaled = hasattr(node, "_saved_input_scale")
    slope = node._saved_alpha * node._saved_input_scale if scaled else 1.0
    return FLAT_SHARE * max(1.0, 1.0 / float(slope)) if slope > 0 else FLAT_SHARE


ACTIVATION_NODES: dict[str, ActivationNode] = {
    "Relu": ActivationNode("relu", flat_result=AT_ZERO),
    "Sigmoid": ActivationNode(
        "sigmoid", flat_result=lambda r, n: r * (1 - r) < ACTIVATIONS["sigmoid"].flat_slope
    ),
    "Tanh": ActivationNode(
        "tanh", flat_result=lambda r, n: 1 - r * r < ACTIVATIONS["tanh"].flat_slope
    ),
    "Exp": ActivationNode("exp"),
    "LeakyRelu": ActivationNode(
        "leaky_relu",
        lambda x, n: F.leaky_relu(x, n._saved_negative_slope),
        constants=("negative_slope",),
    ),
    "Elu": ActivationNode(
        "elu",
        lambda x, n: F.elu(x * n._saved_input_scale, n._saved_alpha) * n._saved_scale,
        lambda x, n: x * n._saved_input_scale < math.log(_elu_limit(n)),
        _elu_bottom,
        constants=("alpha", "scale"),
    ),
    "Celu": ActivationNode(
        "celu",
        lambda x, n: F.celu(x, n._saved_alpha),
        lambda x, n: x / n._saved_alpha < math.log(FLAT_SHARE),
        _elu_bottom,
        constants=("alpha",),
    ),
    "Gelu": ActivationNode(
        "gelu",
        lambda x, n: F.gelu(x, approximate=n._saved_approximate),
        lambda x, n: _GELU_FLAT[n._saved_approximate](x, n),
    ),
    "Silu": ActivationNode("silu", lambda x, n: F.silu(x), _tails("silu")),
    "Mish": ActivationNode("mish", lambda x, n: F.mish(x), _tails("mish")),
    "Softplus": ActivationNode(
        "softplus",
        lambda x, n: F.softplus(x, n._saved_beta, n._saved_threshold),
        lambda x, n: _SOFTPLUS_FLAT(x * n._saved_beta, n),
        constants=("beta",),
    ),
    "LogSigmoid": ActivationNode(
        "log_sigmoid", lambda x, n: F.logsigmoid(x), _tails("log_sigmoid")
    ),
    "Hardtanh": ActivationNode(
        "hardtanh",
        lambda x, n: F.hardtanh(x, n._saved_min_val, n._saved_max_val),
        lambda x, n: (x <= n._saved_min_val) | (x >= n._saved_max_val),
        constants=("min_val", "max_val"),
    ),
    "Hardsigmoid": ActivationNode(
        "hardsigmoid", lambda x, n: F.hardsigmoid(x), _tails("hardsigmoid")
    ),
    "Hardswish": ActivationNode("hardswish", lambda x, n: F.hardswish(x), _tails("hardswish")),
    "Threshold": ActivationNode(
        "threshold",
        lambda x, n: torch.where(x > n._saved_threshold, x, torch.zeros_like(x)),
        lambda x, n: x <= n._saved_threshold,
        constants=("threshold",),
    ),
    "Clamp": ActivationNode("clamp", _clamp, _outside, constants=("min", "max")),
    "ClampMin": ActivationNode(
        "clamp",
        lambda x, n: x.clamp(min=n._saved_min),
        lambda x, n: x < n._saved_min,
        constants=("min",),
    ),
    "ClampMax": ActivationNode(
        "clamp",
        lambda x, n: x.clamp(max=n._saved_max),
        lambda x, n: x > n._saved_max,
        constants=("max",),
    ),
    "PreluKernel": ActivationNode("prelu", lambda x, n: torch.where(x > 0, x, x * n._saved_weight)),
    "RreluWithNoise": ActivationNode("rrelu", _rrelu, constants=("lower", "upper")),
    "Softshrink": ActivationNode(
        "softshrink",
        lambda x, n: F.softshrink(x, n._saved_lambd),
        lambda x, n: x.abs() <= n._saved_lambd,
        constants=("lambd",),
    ),
    "Hardshrink": ActivationNode(
        "hardshrink",
        lambda x, n: F.hardshrink(x, n._saved_lambd),
        lambda x, n: x.abs() <= n._saved_lambd,
        constants=("lambd",),
    ),
    "Glu": ActivationNode("glu", lambda x, n: F.glu(x, signed(n._saved_dim))),
    "Sin": ActivationNode("sin", lambda x, n: x.sin()),
    "Maximum": ActivationNode("maximum"),
    "Where": ActivationNode("where"),
    "Max": ActivationNode("max"),
    "Amax": ActivationNode("max"),
}
"""Activation nodes. Maximum, where and max keep no value of their own; what their gradient does is
still seen."""


@lru_cache(maxsize=1024)
def activation_of(name: str) -> ActivationNode | None:
    """How to read a node of this name; None if it is no activation.

    One that the catalogue alone knows is read by its tails, and by what later nodes keep of it.
    """
    word = snake_case(name)
    if name in ACTIVATION_NODES or word not in ACTIVATIONS or not ACTIVATIONS[word].elementwise:
        return ACTIVATION_NODES.get(name)
    return ActivationNode(word, flat=_tails(word))


def activation_value(name: str, node: Any) -> tuple[Tensor | None, Tensor | AtZero | None]:
    """Output of an activation node and where its derivative is flat; None where not readable."""
    kept = operands(node)
    return (None, None) if kept.obstacle else value_of_readable(name, node, kept)


def value_of_readable(
    name: str, node: Any, kept: Operands
) -> tuple[Tensor | None, Tensor | AtZero | None]:
    """The same, of a node with no obstacle.

    Args:
        name: Of the node.
        node: An activation's, or another.
        kept: What it saved.
    """
    reader = activation_of(name)
    if reader is None:
        return None, None
    result = kept.values.get("result")
    if result is not None:
        flat = reader.flat_result
        return result, flat(result, node) if callable(flat) else flat
    value = kept.values.get("self")
    if value is None:
        return None, None
    output = reader.output(value, node) if reader.output else _pairwise_maximum(name, node, value)
    return output, reader.flat(value, node) if reader.flat else None


def has_details(name: str) -> bool:
    """Whether nodes of this name have constants of their own; see `details`."""
    known = ACTIVATION_NODES.get(name)
    return name in _DETAILED or (known is not None and bool(known.constants))


_WITH_DIM = frozenset({"Softmax", "LogSoftmax", "SafeSoftmax"})
_OF_A_SAMPLE = frozenset({"NativeLayerNorm", "NativeGroupNorm"})
_DETAILED = _WITH_DIM | _OF_A_SAMPLE | {"NativeDropout"}


def details(name: str, node: Any) -> dict[str, float]:
    """The operation's own numeric constants.

    Args:
        name: The node's name without `Backward0`.
        node: The autograd node that has them.

    Returns:
        Constants by torch's name for them, such as `negative_slope`.
    """
    wanted = ACTIVATION_NODES[name].constants if name in ACTIVATION_NODES else ()
    found = {a: saved(node, a) for a in wanted}
    dim = saved(node, "dim") if name in _WITH_DIM else None
    if dim is not None:
        found["dim"] = signed(dim)
    if name == "NativeDropout":
        found["p"] = saved(node, "p")
    if name in _OF_A_SAMPLE and _normalised(name, node) == 1:
        found["elements"] = 1
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def _normalised(name: str, node: Any) -> int:
    """How many elements of a sample such a normalisation sets to zero mean and unit variance."""
    if name == "NativeLayerNorm":
        return math.prod(saved(node, "normalized_shape"))
    return int(saved(node, "C") * saved(node, "HxW") // saved(node, "group"))


def _pairwise_maximum(name: str, node: Any, value: Tensor) -> Tensor | None:
    other = saved(node, "other")
    if name != "Maximum" or other is None:
        return None
    return torch.maximum(value, other)


def signed(dim: int) -> int:
    """Autograd keeps a negative dimension as an unsigned 64-bit number."""
    return dim - 2**64 if dim >= 2**63 else dim
