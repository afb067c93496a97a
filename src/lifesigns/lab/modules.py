"""A stack of any torch modules of one structure, differentiated by `torch.func`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from lifesigns.nets import Recipe


class StackedModules:
    """K modules of one structure as one program: `vmap` over stacked parameters.

    Modules with buffers that training changes (batch normalisation) are refused, and so are modules
    whose kernels cannot be batched: `train_population` trains those one by one.
    """

    def __init__(self, recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype) -> None:
        if any(True for module in modules for _ in module.buffers()):
            raise TypeError("modules with buffers cannot be stacked")
        modules = [module.to(dtype) for module in modules]
        stacked, _ = stack_module_state(list(modules))
        self.names = list(stacked)
        self.parameters = [stacked[name].detach() for name in self.names]
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._loss_fn = recipe.loss_fn
        skeleton = modules[0]

        def outputs(parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
            found: Tensor = functional_call(skeleton, parameters, (inputs,))
            return found

        def loss(parameters: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
            return recipe.loss_fn(outputs(parameters, inputs), targets)

        self._outputs = vmap(outputs)
        self._gradients = vmap(grad_and_value(loss), randomness="different")

    @property
    def members(self) -> int:
        """How many modules there are."""
        return len(self.parameters[0])

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs `[K, B, …]` for inputs `[K, B, …]`."""
        with torch.no_grad():
            found: Tensor = self._outputs(self._named(), inputs)
        return found

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a batch; leaves the gradients in `self.gradients`."""
        gradients, losses = self._gradients(self._named(), inputs, targets)
        self.gradients = [gradients[name] for name in self.names]
        found: Tensor = losses
        return found

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs."""
        found: Tensor = vmap(self._loss_fn)(outputs, targets)
        return found

    def _named(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.parameters, strict=True))
