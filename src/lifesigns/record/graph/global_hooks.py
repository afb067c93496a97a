"""Torch's global module hooks, out of the way of compiled code."""

from __future__ import annotations

import threading
from typing import Any

from torch import nn
from torch.nn.modules import module as module_hooks


class GlobalHooks:
    """Hooks that are in place while they are armed and not hidden; derived classes say what for."""

    def __init__(self) -> None:
        self.armed = False
        """Whether calls are noted."""
        self._handles: list[Any] = []
        self._hidden, self._lock = 0, threading.RLock()

    def hide(self) -> None:
        """Takes the hooks away until `show`; may be nested."""
        with self._lock:
            self._hidden += 1
            self._register()

    def show(self) -> None:
        """Puts the hooks back in place, if they are to be there."""
        with self._lock:
            self._hidden -= 1
            self._register()

    def enter_compiled(self, module: nn.Module | None, inputs: tuple[Any, ...]) -> None:
        """Compiled code begins, in the place of a module's call or of a function's.

        Args:
            module: The module whose forward is compiled; None for a compiled function.
            inputs: Its positional arguments.
        """
        self.hide()

    def leave_compiled(self, module: nn.Module | None, output: Any) -> None:
        """Compiled code has come to its end, or failed.

        Args:
            module: The same as in `enter_compiled`.
            output: What it returned; None if it raised.
        """
        self.show()

    def _register(self) -> None:
        wanted = self.armed and not self._hidden
        if wanted and not self._handles:
            self._handles = [
                module_hooks.register_module_forward_pre_hook(self._enter),
                module_hooks.register_module_forward_hook(self._leave, always_call=True),
            ]
        while self._handles and not wanted:
            self._handles.pop().remove()

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        raise NotImplementedError

    def _leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        raise NotImplementedError
