"""Modules that ran without gradients in one armed step: what they were given and returned."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lifesigns.record.graph.prediction import first_tensor

MOST_UNGRADED = 64
"""Modules of one step."""
LARGEST_ANSWER = 1 << 16
"""Elements up to which is kept what one of them returned."""


class Ungraded(NamedTuple):
    """A module that ran without gradients, and what it was given last; neither is kept alive."""

    module: weakref.ref[nn.Module]
    given: weakref.ref[Tensor] | None
    checkpointed: bool
    """Whether a reentrant checkpoint called it, which makes the graph only when it goes back."""
    answer: Tensor | None = None
    """What it returned last, if nothing else was running and this is small."""


class UngradedCalls:
    """Notes the calls of one step."""

    def __init__(self) -> None:
        self._noted: dict[int, Ungraded] = {}
        self._outermost: dict[int, int] = {}
        """The module by `id` that no other one called, by thread."""

    def forget(self) -> None:
        """Drops what was noted, and the tensors it holds."""
        self._noted.clear()
        self._outermost.clear()

    def open(self, module: nn.Module, inputs: tuple[Any, ...], checkpointed: bool) -> None:
        """A call begins.

        Args:
            module: That is called.
            inputs: Its positional arguments.
            checkpointed: Whether a reentrant checkpoint called it.
        """
        if len(self._noted) < MOST_UNGRADED:
            first = next((i for i in inputs if isinstance(i, Tensor)), None)
            given = None if first is None else weakref.ref(first)
            self._noted[id(module)] = Ungraded(weakref.ref(module), given, checkpointed)
        self._outermost.setdefault(threading.get_ident(), id(module))

    def close(self, module: nn.Module, output: Any) -> None:
        """A call has come to its end, with gradients or without.

        Args:
            module: That was called.
            output: What it returned; None if it has failed.
        """
        thread = threading.get_ident()
        if self._outermost.get(thread) != id(module):
            return
        del self._outermost[thread]
        one = self._noted.get(id(module))
        with torch._C.DisableTorchFunction():
            answer = first_tensor(output)
            if one is not None and answer is not None and answer.numel() <= LARGEST_ANSWER:
                self._noted[id(module)] = one._replace(answer=answer)

    def modules(self) -> list[nn.Module]:
        """Modules that ran with gradients switched off, and those inside them."""
        return [module for one in self._noted.values() if (module := one.module()) is not None]

    def held(self) -> dict[int, bool]:
        """Their parameters by `id`, and whether a reentrant checkpoint called them."""
        modules = ((one.module(), one.checkpointed) for one in self._noted.values())
        return {id(p): within for m, within in modules if m is not None for p in m.parameters()}

    def asked(self) -> Iterator[tuple[nn.Module, Tensor]]:
        """The same, each with what it was given last, as far as that is still there."""
        for one in self._noted.values():
            module, given = one.module(), None if one.given is None else one.given()
            if module is not None and given is not None:
                yield module, given

    def answered(self) -> Iterator[tuple[nn.Module, Tensor]]:
        """Those that no other one called, each with what it returned last, if that is small."""
        for one in self._noted.values():
            module = one.module()
            if module is not None and one.answer is not None:
                yield module, one.answer
