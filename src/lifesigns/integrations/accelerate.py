"""Hugging Face accelerate: `Accelerator(log_with=[LifesignsTracker()])`."""

from __future__ import annotations

from typing import Any

from lifesigns._errors import extra
from lifesigns.integrations._session import Session
from lifesigns.watch import Watcher

with extra("accelerate"):
    from accelerate.tracking import GeneralTracker


class LifesignsTracker(Session, GeneralTracker):
    """Watches between `init_trackers` and `end_training`; exceptions are not told (see `Session`).

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    name = "lifesigns"
    requires_logging_directory = False
    main_process_only = True

    @property
    def tracker(self) -> Watcher | None:
        """What `get_tracker(..., unwrap=True)` gives: the watcher, once training goes on."""
        return self._watcher

    def start(self) -> None:
        """Begins: the network and its optimizers are found when they train."""
        self._begin()

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Nothing: settings are for other trackers.

        Args:
            values: Not asked.
        """

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        """Nothing: numbers are for other trackers.

        Args:
            values: Not asked.
            step: Not asked.
        """

    def finish(self) -> None:
        """Ends."""
        self._end()
