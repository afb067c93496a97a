"""fastai: `Learner(..., cbs=LifesignsCallback())`."""

from __future__ import annotations

from lifesigns._errors import extra
from lifesigns.integrations._session import Session

with extra("fastai"):
    from fastai.callback.core import Callback


class LifesignsCallback(Session, Callback):
    """Watches what a `Learner` fits; it does not tell of exceptions (see `Session`).

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    def before_fit(self) -> None:
        """Begins."""
        self._begin(self.learn.model)

    def after_fit(self) -> None:
        """Ends."""
        self._end()
