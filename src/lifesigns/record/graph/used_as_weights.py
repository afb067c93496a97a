"""Plain tensors that a loss uses as it uses weights: the same numbers for every sample.

A plain tensor that asks for a gradient may be data: points at which a residual is derived, pictures
that are attacked, codes of samples. Such has a number for each sample. What is broadcast over the
samples, or is the second factor of a layer, has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import nn

from lifesigns.record.graph.operations import LINEAR_MAPS
from lifesigns.record.graph.walk import Walk
from lifesigns.records import Shape

_PAIRS = frozenset({"Add", "Div", "Maximum", "Minimum", "Mul", "Pow", "Rsub", "Sub"})
_NEUTRAL = frozenset({"Add", "Rsub", "Sub"})
"""What leaves a number that is added to another without any effect on training."""
_NORMS = frozenset({"CudnnBatchNorm", "FusedRmsNorm", "NativeBatchNorm", "NativeLayerNorm"})
_LAYERS = frozenset({*LINEAR_MAPS, "Convolution"}) - {"Bmm", "Baddbmm", "Addbmm", "Dot"}
_AS_THEY_ARE = frozenset(
    {
        "Abs", "Alias", "Cat", "Clamp", "ClampMax", "ClampMin", "Clone", "Cumsum", "Elu", "Exp",
        "Expm1", "Flip", "LogSigmoid", "LogSoftmax", "Neg", "Permute", "Relu", "Reshape",
        "ReshapeAlias", "Sigmoid", "Softmax", "Softplus", "Sqrt", "Squeeze", "Stack", "T", "Tanh",
        "ToCopy", "Transpose", "UnsafeView", "Unsqueeze", "View",
    }
)  # fmt: skip
"""What is made of a weight before it is used, of all of it."""
_SUMS = frozenset({"LinalgVectorNorm", "Mean", "Norm", "Sum"})
"""What a penalty is made of: it says nothing of the tensor."""
MOST = 64
"""Uses of one tensor that are followed."""


def used_as_weights(walked: Walk, samples: Collection[int]) -> Iterator[int]:
    """The leaves that are no parameters, and that every use treats as one.

    Args:
        walked: The graph of the loss.
        samples: Numbers of samples: of the batch, of the output. A tensor that has one of them as a
            dimension may be data.

    Yields:
        Numbers of leaves.
    """
    several = {n for n in samples if n > 1}
    for k, leaf in enumerate(walked.leaves):
        if isinstance(leaf, nn.Parameter) or not leaf.is_floating_point():
            continue
        shape = walked.leaf_shape(k)
        if several and several.isdisjoint(shape) and _is_weight(walked, -1 - k, several):
            yield k


def _is_weight(walked: Walk, leaf: int, samples: set[int]) -> bool:
    """Whether some use is that of a weight, and none that of data."""
    waiting, found, followed = [(leaf, walked.leaf_shape(-1 - leaf))], False, 0
    while waiting:
        at, form = waiting.pop()
        for reader in _readers(walked, at):
            followed += 1
            use = _use(walked, reader, at, form, samples)
            if use is False or followed > MOST:
                return False
            found = found or use is True
            if use is None and walked.names[reader] not in _SUMS:
                waiting.append((reader, walked.shape(reader)))
    return found


def _readers(walked: Walk, i: int) -> list[int]:
    if i >= 0:
        return walked.readers.get(i, [])
    return [later for later, inputs in enumerate(walked.inputs) if i in inputs]


def _use(walked: Walk, reader: int, i: int, form: Shape, samples: set[int]) -> bool | None:
    """Whether a node uses a value as a weight; None where what it makes is to be looked at."""
    name, inputs, made = walked.names[reader], walked.inputs[reader], walked.shape(reader)
    if name in _LAYERS:
        data = 0 if name in ("Convolution", "Linear", "MkldnnLinear") else len(inputs) - 2
        return inputs[data] != i
    if name in _NORMS:
        return inputs[0] != i
    if name == "Expand" or name in _PAIRS:
        if _is_broadcast(form, made, samples):
            return True
        if name == "Expand" or inputs.count(None) == len(inputs) - 1:
            return None
        return bool(form in ((), (1,)) and name not in _NEUTRAL)
    return None if name in _SUMS or name in _AS_THEY_ARE else False


def _is_broadcast(form: Shape, made: Shape, samples: set[int]) -> bool:
    """Whether one row, or a row less, becomes a row for each sample."""
    if not made or made[0] <= 1 or not any(n in made or made[0] % n == 0 for n in samples):
        return False
    return len(form) < len(made) or (len(form) == len(made) and form[0] == 1)
