"""The live page of a watched script: another process serves it; here it is only begun and ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lifesigns._errors import LifesignsError
from lifesigns.live.detached import ENDED, HINDERED, Order
from lifesigns.locale.spoken import said, spoken
from lifesigns.rules import Selection

if TYPE_CHECKING:
    from lifesigns.watch import Watcher

PATIENCE = 5.0
"""Seconds that the server has for telling the pages how the run ended."""
CODE = (
    "import sys; sys.path = [*filter(None, sys.path), sys.argv.pop(1)]; "
    "from lifesigns.live.detached import main; main()"
)
"""Imports nothing from the current folder, where a script may have a `queue.py` of its own."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""NumPy would start a thread for each processor."""


def with_page(
    watch: Callable[..., Watcher],
    save: Path | None,
    selection: Selection,
    say: Callable[[str], None],
) -> tuple[Watcher, LivePage | None]:
    """Watches a run and serves its page; whatever hinders the page does not hinder the run.

    Args:
        watch: Begins to watch; told where the run is to be saved.
        save: Where the run file is to be kept; None for a temporary one.
        selection: Which rules are asked.
        say: Prints one line.

    Returns:
        The watcher, and the page if there is one.

    Raises:
        LifesignsError: The run cannot be saved where the user wants it.
    """
    page = None
    try:
        page = LivePage(save)
        watcher = watch(save=page.run_file)
    except (OSError, LifesignsError) as error:
        if page is not None:
            page.end()
        if save is not None and isinstance(error, LifesignsError):
            raise
        say(said(f"{HINDERED}: {error}"))
        return watch(save=save), None
    page.begin(selection, say)
    return watcher, page


class LivePage:
    """What the training process knows of the server.

    Args:
        save: Where the run file is to be kept; None for a temporary one.
    """

    def __init__(self, save: Path | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lifesigns-live-"))
        self._server: int | None = None
        self.run_file = save or self._folder / "run.lifesigns"
        """What the training has to be saved to."""

    def begin(self, selection: Selection, say: Callable[[str], None]) -> None:
        """Starts the server; a failure is said, and the training goes on.

        Args:
            selection: Which rules are asked.
            say: Prints one line.
        """
        order = Order(
            path=str(self.run_file.resolve()),
            folder=str(self._folder),
            process=os.getpid(),
            select=tuple(sorted(selection.select)),
            ignore=tuple(sorted(selection.ignore)),
            sites={pattern: sorted(rules) for pattern, rules in selection.sites.items()},
            language=spoken(),
        )
        try:
            self._server = _start(order)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            say(said(f"{HINDERED}: {error}"))

    def end(self) -> None:
        """Waits until the server has told the pages, and sees that nothing is left."""
        with suppress(OSError):
            Path(self._folder, ENDED).touch()
        deadline = time.monotonic() + PATIENCE
        while self._is_served() and time.monotonic() < deadline:
            time.sleep(0.02)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_served(self) -> bool:
        """Whether the server has not said goodbye, and is there at all."""
        if self._server is None or not self._folder.exists():
            return False
        try:
            os.kill(self._server, 0)
        except OSError:
            return False
        return True


def _start(order: Order) -> int:
    """The number of the process that serves; the one in between has ended, and left no child."""
    home = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", CODE, home, json.dumps(vars(order))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr is not None else subprocess.DEVNULL,
        env=os.environ | ONE_THREAD,
        start_new_session=True,
        check=True,
        timeout=PATIENCE,
    )
    return int(done.stdout)
