"""The state of torch and Python in which a recorded step is measured."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import Any

import torch

from lifesigns.record.readable import has_modes, without_modes


class measuring:
    """Neither gradients nor autocast: sums are in float32 whatever the user's code runs in.

    Nor a tensor class's own code, or a mode's: what is computed here is nothing of theirs. Nor does
    Python collect garbage here: its search through all that a script has imported takes 0.2 s, as
    long as a hundred recordings, and would be counted as ours where it happens to fall on one.
    Entered some times in each recorded step, and so a class rather than a generator.
    """

    def __enter__(self) -> None:
        self._collects = gc.isenabled()
        gc.disable()
        self._functions = torch._C.DisableTorchFunction()
        self._functions.__enter__()
        self._were_made = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        self._others: ExitStack | None = None
        modes, devices = has_modes(), list[str]()
        if torch._C._is_any_autocast_enabled():
            devices = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
        if devices or modes:
            self._others = ExitStack()
            self._others.enter_context(without_modes())
            for device in devices:
                self._others.enter_context(torch.autocast(device, enabled=False))

    def __exit__(self, *raised: Any) -> None:
        if self._others is not None:
            self._others.__exit__(*raised)
        torch._C._set_grad_enabled(self._were_made)
        self._functions.__exit__(*raised)
        if self._collects:
            gc.enable()
