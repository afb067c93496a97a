"""Work units on the machines of a Ray cluster, as `LocalWorkers` on one (extra `ray`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lifesigns._errors import UsageError
from lifesigns.lab.training.population import History
from lifesigns.lab.training.work_units import WorkUnit

RETRIES = 3
"""How often a work unit is tried again after its worker died."""


@dataclass(frozen=True)
class RayWorkers:
    """Workers of a Ray cluster, one processor for each work unit.

    A work unit depends on nothing but itself, so Ray may run it twice: one whose worker dies is
    trained again elsewhere, with the same numbers.
    """

    address: str | None = None
    """Of a running cluster; a local one is started by default."""

    @property
    def jobs(self) -> int:
        """Processors of the cluster."""
        return int(cluster(self.address).cluster_resources().get("CPU", 1))

    def train(self, work_units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, History]]:
        """See `Workers`."""
        ray = cluster(self.address)
        train = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(_train)
        waiting = {train.remote(work_unit): work_unit for work_unit in work_units}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(done), ray.get(done)


def cluster(address: str | None = None) -> Any:
    """The module `ray`, connected.

    Args:
        address: Of a running cluster; a local one is started by default.

    Raises:
        UsageError: Ray is not installed.
    """
    ray = _ray()
    if not ray.is_initialized():
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    return ray


def _train(work_unit: WorkUnit) -> History:
    torch.set_num_threads(1)
    return work_unit.train()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("--on ray needs Ray: pip install 'lifesigns[ray]'.") from error
    return ray
