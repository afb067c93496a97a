"""How much of its running statistics each batch normalisation takes from the latest batch."""

from __future__ import annotations

from torch.nn.modules.batchnorm import _NormBase

from lifesigns.record.graph.module_calls import Forward


def momenta(forward: Forward) -> dict[str, float]:
    """The momentum of each module that keeps running statistics and was called in training.

    Args:
        forward: The module calls of the step.

    Returns:
        By the path of the module; without those that average over all batches.
    """
    found = {}
    for call in forward.calls:
        module = call.module()
        if not isinstance(module, _NormBase) or module.running_mean is None or not call.training:
            continue
        path = forward.path(call)
        if path is not None and module.momentum is not None:
            found[path] = float(module.momentum)
    return found
