"""skorch: `NeuralNet(..., callbacks=[LifesignsCallback()])`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifesigns._errors import extra
from lifesigns.integrations._session import Session

if TYPE_CHECKING:
    from typing_extensions import Self

with extra("skorch"):
    from skorch.callbacks import Callback


class LifesignsCallback(Session, Callback):
    """Watches what a net fits; skorch does not tell of exceptions (see `Session`).

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What a copy of it is made with, as a search over settings makes one for each net.

        Args:
            deep: Makes no difference.
        """
        return {"show": self._show, "html": self._html, **self._watching}

    def set_params(self, **params: Any) -> Self:
        """Changes what it was made with, as `net.set_params(callbacks__lifesigns__every=10)` does.

        Args:
            **params: Arguments of its own, or of `lifesigns.watch`.
        """
        self._show, self._html = params.pop("show", self._show), params.pop("html", self._html)
        self._watching = {**self._watching, **params}
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Begins.

        Args:
            net: Holds the module, the optimizer, and a criterion that may be trained, too.
            X: Not asked.
            y: Not asked.
        """
        self._begin(net.module_, [net.optimizer_])

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:
        """Ends.

        Args:
            net: Not asked.
            X: Not asked.
            y: Not asked.
        """
        self._end()
