"""Modules that run in evaluation mode although the step trains."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved

BATCH_NORMS = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"})


def evaluating(walked: Walk, condensed: Condensed, forward: Forward) -> tuple[str, ...]:
    """Paths of the modules in evaluation mode that the loss passed through, in forward order.

    Roots, and modules that behave otherwise in training. A batch normalisation that is no module
    shows in its node; the site names it where no module does.

    Args:
        walked: The graph of the loss.
        condensed: Its sites.
        forward: The module calls of the step.
    """
    found = dict.fromkeys(_modules(walked, forward))
    for site, index in zip(condensed.graph.sites, condensed.nodes, strict=True):
        is_norm = walked.names[index] in BATCH_NORMS
        if is_norm and saved(walked.nodes[index], "training") is False:
            found[site.module or site.name] = None
    return tuple(found)


def differs_in_training(module: nn.Module) -> bool:
    """Whether the module itself, not a part of it, computes something else in training."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, _NormBase):
        return module.running_mean is not None
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    return isinstance(module, nn.MultiheadAttention) and module.dropout > 0


def _modules(walked: Walk, forward: Forward) -> Iterator[str]:
    numbers = walked.numbers
    for call in sorted(forward.calls, key=lambda call: (call.start, call.depth)):
        module = None if call.training else call.module()
        if module is None or id(module) not in forward.names or not _leads_to(numbers, call):
            continue
        if id(module) in forward.roots or differs_in_training(module):
            yield forward.names[id(module)]


def _leads_to(numbers: list[float], call: Call) -> bool:
    """Whether a loss passed through a call: by a node made in it, or one it handed on."""
    inside = bisect_left(numbers, call.start)
    if inside < len(numbers) and numbers[inside] < call.end:
        return True
    if call.output_node is None:
        return False
    at = bisect_left(numbers, call.output_node)
    return at < len(numbers) and numbers[at] == call.output_node
