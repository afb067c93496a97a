"""One step, in which is asked what an output depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from lifesigns.record.recorder import Recorder
from lifesigns.records import Mixing

BATCH, LENGTH = 12, 7


def encoder(batch_first: bool) -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)


def step(model: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor], **kinds: Any) -> Recorder:
    recorder = Recorder(every=1, strict=True, **kinds)
    recorder.start()
    loss(model(x)).backward()
    recorder.stop()
    return recorder


def asked(recorder: Recorder) -> Mixing | None:
    return recorder.trace().snapshots[0].mixing
