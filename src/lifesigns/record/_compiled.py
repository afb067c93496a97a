"""Compiled models run eagerly for the recorded step, so that their graph can be read."""

from __future__ import annotations

import sys
from typing import Any

import torch


class EagerStance:
    """`torch.compiler.set_stance("force_eager")` from arming until the recorded backward.

    Unrecorded steps stay compiled. Nothing happens, and dynamo is not imported, as long as nothing
    has been compiled; `torch.compile` is wrapped meanwhile to notice the moment it is.
    """

    def __init__(self) -> None:
        self._stance: Any = None
        self._compile: Any = None

    @property
    def active(self) -> bool:
        """Whether compiled code is kept from running compiled at this moment."""
        return self._stance is not None

    def enter(self) -> None:
        """Makes compiled code run eagerly from here on."""
        if self._stance is None and _anything_compiled():
            self._stance = torch.compiler.set_stance("force_eager")
        elif self._compile is None and self._stance is None:
            self._notice_compile()

    def leave(self) -> None:
        """Restores the stance the user had."""
        if self._compile is not None:
            if getattr(torch.compile, "_lifesigns", None) is self:
                torch.compile = self._compile
            self._compile = None
        if self._stance is not None:
            self._stance.__exit__(None, None, None)
            self._stance = None

    def _notice_compile(self) -> None:
        original = self._compile = torch.compile

        def compile_and_notice(*args: Any, **kwargs: Any) -> Any:
            compiled = original(*args, **kwargs)
            if self._compile is original and self._stance is None:
                self._stance = torch.compiler.set_stance("force_eager")
            return compiled

        compile_and_notice._lifesigns = self  # type: ignore[attr-defined]
        torch.compile = compile_and_notice


def _anything_compiled() -> bool:
    """Whether some backend has been asked to compile; yes if torch does not tell any more."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    if dynamo is None:
        return False
    backends = getattr(dynamo, "cached_backends", None)
    return backends is None or any(backend is not None for backend in backends.values())
