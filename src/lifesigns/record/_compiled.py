"""Compiled models run eagerly for the recorded step, so that their graph can be read."""

from __future__ import annotations

import sys
from typing import Any

import torch

_holders: set[EagerStance] = set()
"""All recorders share one change of the stance: they begin and end in any order."""
_stance: Any = None
_compile: Any = None
_noticing: Any = None


class EagerStance:
    """`torch.compiler.set_stance("force_eager")` from arming until the recorded backward.

    Unrecorded steps stay compiled. Nothing happens, and dynamo is not imported, as long as nothing
    has been compiled; `torch.compile` is wrapped meanwhile to notice the moment it is.
    """

    @property
    def active(self) -> bool:
        """Whether this one keeps compiled code from running compiled at this moment."""
        return self in _holders and _stance is not None

    def enter(self) -> None:
        """Makes compiled code run eagerly from here on."""
        _holders.add(self)
        if _anything_compiled():
            _force_eager()
        elif _compile is None:
            _notice_compile()

    def leave(self) -> None:
        """Restores the stance the user had, once no other recorder needs it eager."""
        global _stance
        _holders.discard(self)
        if _holders:
            return
        _stop_noticing()
        if _stance is not None:
            _stance.__exit__(None, None, None)
            _stance = None


def _force_eager() -> None:
    global _stance
    if _stance is None:
        _stance = torch.compiler.set_stance("force_eager")


def _notice_compile() -> None:
    global _compile, _noticing
    original = _compile = torch.compile

    def compile_and_notice(*args: Any, **kwargs: Any) -> Any:
        compiled = original(*args, **kwargs)
        if _holders:
            _force_eager()
        return compiled

    torch.compile = _noticing = compile_and_notice


def _stop_noticing() -> None:
    global _compile, _noticing
    if _compile is not None and torch.compile is _noticing:
        torch.compile = _compile
    _compile = _noticing = None


def _anything_compiled() -> bool:
    """Whether some backend has been asked to compile; yes if torch does not tell any more."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    if dynamo is None:
        return False
    backends = getattr(dynamo, "cached_backends", None)
    return backends is None or any(backend is not None for backend in backends.values())
