"""PyTorch Lightning: `Trainer(callbacks=[LifesignsCallback()])`."""

from __future__ import annotations

import sys
from typing import Any

from lifesigns._errors import extra
from lifesigns.integrations._session import Session

with extra("lightning"):
    if "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:
        from pytorch_lightning.callbacks import Callback  # its older name, and its own classes
    else:
        from lightning.pytorch.callbacks import Callback


class LifesignsCallback(Session, Callback):
    """Watches what a `Trainer` fits; the arguments are those of every callback of lifesigns.

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins, after the sanity check of the validation.

        Args:
            trainer: Knows the optimizers.
            pl_module: What is trained.
        """
        self._begin(pl_module, trainer.optimizers)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Ends.

        Args:
            trainer: Not asked.
            pl_module: Not asked.
        """
        self._end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Ends, with Ctrl-C, too.

        Args:
            trainer: Not asked.
            pl_module: Not asked.
            exception: What ended the training.
        """
        self._end(exception)
