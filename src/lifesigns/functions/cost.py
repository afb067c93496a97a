"""What activations cost on this machine, where `benchmarks/activations.py` has measured it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lifesigns._cache import cache_folder


@dataclass(frozen=True)
class Measured:
    """CPU time of forward and backward, relative to ReLU in the same run."""

    machine: str
    """Processor, torch and threads, as they are shown under the table."""
    relative: Mapping[str, float]
    """By name of the activation; ReLU has 1."""

    def save(self) -> Path:
        """Writes it where `measured` looks."""
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        return path


def measured() -> Measured | None:
    """The measurement of this machine; None where there is none that can be read."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
        relative = {str(name): float(cost) for name, cost in found["relative"].items()}
        return Measured(str(found["machine"]), relative)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _path() -> Path:
    return cache_folder() / "activation-cost.json"
