"""Arms trained on the machines of a Ray cluster (extra `ray`).

Each machine needs the program, its data and lifesigns at the same paths as this one.
"""

from __future__ import annotations

import threading

from lifesigns.lab.training.ray_workers import RETRIES, cluster
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.order import Order, Trained

SECONDS = 0.2
"""Between two looks whether it is to be stopped."""


def processors() -> int:
    """How many arms the cluster can train at a time.

    Raises:
        UsageError: Ray is not installed.
    """
    return int(cluster().cluster_resources().get("CPU", 1))


def on_ray(order: Order, stop: threading.Event) -> Trained:
    """Trains an arm somewhere in the cluster; where its machine dies, on another one.

    Args:
        order: What to train.
        stop: Once it is set, it is ended.

    Raises:
        CannotRun: The sandbox failed there, or it was stopped.
    """
    ray = cluster()
    task = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(_there).remote(order)
    while not ray.wait([task], timeout=SECONDS)[0]:
        if stop.is_set():
            ray.cancel(task, force=True)
            raise CannotRun(f"{order.program.target} was stopped without a result.")
    came_to: Trained | str = ray.get(task)
    if isinstance(came_to, str):
        raise CannotRun(came_to)
    return came_to


def _there(order: Order) -> Trained | str:
    """The arm, or why there is none: an exception would come back in a wrapping of Ray's."""
    try:
        return order.carry_out(threading.Event())
    except CannotRun as error:
        return str(error)
