"""Hugging Face transformers: `Trainer(..., callbacks=[LifesignsCallback()])`."""

from __future__ import annotations

from typing import Any

from lifesigns._errors import extra
from lifesigns.integrations._session import Session

with extra("huggingface"):
    from transformers import TrainerCallback


class LifesignsCallback(Session, TrainerCallback):
    """Watches what a `Trainer` trains; it does not tell of exceptions (see `Session`).

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Begins.

        Args:
            args: Not asked.
            state: Not asked.
            control: Not asked.
            **known: Among other things the model, and the optimizer as accelerate wraps it.
        """
        self._begin(known.get("model"), [known.get("optimizer")])

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ends.

        Args:
            args: Not asked.
            state: Not asked.
            control: Not asked.
        """
        self._end()
