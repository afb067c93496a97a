"""Keras 3 on torch: `model.fit(..., callbacks=[LifesignsCallback()])`."""

from __future__ import annotations

from typing import Any

from lifesigns._errors import UsageError, extra
from lifesigns.integrations._session import Session

with extra("keras"):
    from keras import backend
    from keras.callbacks import Callback


class LifesignsCallback(Session, Callback):
    """Watches what `fit` trains; it does not tell of exceptions (see `Session`).

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Begins.

        Args:
            logs: Not asked.

        Raises:
            UsageError: Keras does not run on torch.
        """
        if backend.backend() != "torch":
            raise UsageError(
                f"Keras runs on {backend.backend()}, and lifesigns watches torch: set the "
                "environment variable KERAS_BACKEND=torch before keras is imported."
            )
        self._begin(self.model)

    def on_train_end(self, logs: Any = None) -> None:
        """Ends.

        Args:
            logs: Not asked.
        """
        self._end()
