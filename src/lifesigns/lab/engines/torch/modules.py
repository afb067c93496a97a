"""Any torch modules of one structure: batched by `torch.func` where possible, else in turn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from lifesigns.nets import Recipe


class StackedModules:
    """K modules of one structure as one program: `vmap` over stacked parameters.

    Modules with buffers (batch normalisation), with dropout, or with kernels that cannot be batched
    are `SeparateModules`.
    """

    def __init__(self, recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype) -> None:
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
        self._gradients = vmap(grad_and_value(loss))

    @property
    def members(self) -> int:
        """How many modules there are."""
        return len(self.parameters[0])

    def prepared(self, samples: Tensor) -> Tensor:
        """Samples as the other methods want them: as they are.

        Args:
            samples: Shape `[N, ...]`, as the user's module takes them.
        """
        return samples

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs `[K, B, …]` for inputs `[K, B, …]`.

        Args:
            inputs: Shape `[K, B, …]`.
        """
        with torch.no_grad():
            found: Tensor = self._outputs(self._named(), inputs)
        return found

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a batch; leaves the gradients in `self.gradients`.

        Args:
            inputs: Shape `[K, B, …]`.
            targets: Class indices `[K, B]`, or values `[K, B, …]`.
        """
        gradients, losses = self._gradients(self._named(), inputs, targets)
        self.gradients = [gradients[name] for name in self.names]
        found: Tensor = losses
        return found

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs.

        Args:
            outputs: Shape `[K, B, …]`.
            targets: Class indices `[K, B]`, or values `[K, B, …]`.
        """
        found: Tensor = vmap(self._loss_fn)(outputs, targets)
        return found

    def _named(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.parameters, strict=True))


class SeparateModules:
    """K modules of one structure, one after the other: for what cannot be batched.

    Batch normalisation, dropout and recurrent kernels work here. The modules' parameters are views
    of the stacked ones, so that one optimizer step updates all of them.
    """

    def __init__(self, recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype) -> None:
        self._modules = [module.to(dtype) for module in modules]
        columns = zip(*(list(module.parameters()) for module in self._modules), strict=True)
        self._columns = [list(column) for column in columns]
        self.parameters = [torch.stack([p.detach() for p in column]) for column in self._columns]
        for stacked, column in zip(self.parameters, self._columns, strict=True):
            for member, parameter in enumerate(column):
                parameter.data = stacked[member]
        self.gradients = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._loss_fn = recipe.loss_fn

    @property
    def members(self) -> int:
        """How many modules there are."""
        return len(self._modules)

    def prepared(self, samples: Tensor) -> Tensor:
        """Samples as the other methods want them: as they are.

        Args:
            samples: Shape `[N, ...]`, as the user's module takes them.
        """
        return samples

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs `[K, B, …]` for inputs `[K, B, …]`, in evaluation mode.

        Args:
            inputs: Shape `[K, B, …]`.
        """
        with torch.no_grad():
            found = [module.eval()(x) for module, x in zip(self._modules, inputs, strict=True)]
        for module in self._modules:
            module.train()
        return torch.stack(found)

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a batch; leaves the gradients in `self.gradients`.

        Args:
            inputs: Shape `[K, B, …]`.
            targets: Class indices `[K, B]`, or values `[K, B, …]`.
        """
        losses = []
        for member, module in enumerate(self._modules):
            own = [column[member] for column in self._columns]
            with torch.enable_grad():
                loss = self._loss_fn(module(inputs[member]), targets[member])
                found = torch.autograd.grad(loss, own, allow_unused=True, materialize_grads=True)
            for stacked, gradient in zip(self.gradients, found, strict=True):
                stacked[member] = gradient
            losses.append(loss.detach())
        return torch.stack(losses)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs.

        Args:
            outputs: Shape `[K, B, …]`.
            targets: Class indices `[K, B]`, or values `[K, B, …]`.
        """
        pairs = zip(outputs, targets, strict=True)
        return torch.stack([self._loss_fn(output, target) for output, target in pairs])


def batched_or_separate(
    recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype, sample: tuple[Tensor, Tensor]
) -> StackedModules | SeparateModules:
    """The batched program if it can compute the gradient of `sample`, else the separate one.

    Args:
        recipe: Whose loss is used.
        modules: Of one structure; changed in place.
        dtype: Of the parameters.
        sample: Inputs and targets of one small batch, without the member dimension.
    """
    if any(_acts_by_mode(part) for part in modules[0].modules()):
        return SeparateModules(recipe, modules, dtype)
    inputs, targets = (t.unsqueeze(0).expand(len(modules), *t.shape) for t in sample)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of operations batched by a slow loop
            program = StackedModules(recipe, modules, dtype)
            program.outputs(inputs)
            program.losses_and_gradients(inputs, targets)
    except (RuntimeError, TypeError, NotImplementedError, ValueError, UserWarning):
        return SeparateModules(recipe, modules, dtype)
    return program


def _acts_by_mode(module: nn.Module) -> bool:
    """Dropout draws random numbers; batch normalisation keeps statistics."""
    return isinstance(module, nn.modules.dropout._DropoutNd) or any(
        True for _ in module.buffers(recurse=False)
    )
