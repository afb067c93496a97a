"""PyTorch-Ignite: `LifesignsHandler().attach(trainer, model, optimizer)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifesigns._errors import extra
from lifesigns.integrations._session import Session

if TYPE_CHECKING:
    from typing_extensions import Self

with extra("ignite"):
    from ignite.engine import Events


class LifesignsHandler(Session):
    """Watches what an `Engine` trains.

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    def attach(self, engine: Any, model: Any = None, optimizer: Any = None) -> Self:
        """Has an engine call it.

        Args:
            engine: The trainer.
            model: What it trains; found by itself if it is left out.
            optimizer: What trains it; found when it steps.

        Returns:
            Itself.
        """
        engine.add_event_handler(Events.STARTED, lambda: self._begin(model, [optimizer]))
        for end in (Events.COMPLETED, Events.TERMINATE):
            engine.add_event_handler(end, lambda: self._end())
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._raised)
        return self

    def _raised(self, engine: Any, error: BaseException) -> None:
        """An engine lets go of an exception only where nobody handles it, and so do we."""
        if len(engine._event_handlers[Events.EXCEPTION_RAISED]) == 1:
            self._end(error)
            raise error
        if not isinstance(error, Exception):
            self._end(error)
