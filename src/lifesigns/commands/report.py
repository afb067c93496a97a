"""`lifesigns report RUN`: the page of a stored run, also while it is going on."""

from __future__ import annotations

import time
from pathlib import Path

from lifesigns import _outputs
from lifesigns._errors import UsageError
from lifesigns.live.followed_run import FollowedRun
from lifesigns.report.page.file_host import page_html
from lifesigns.rules import Selection


def report(
    path: Path, output: Path, *, every: float | None = None, selection: Selection | None = None
) -> int:
    """Writes the page of the run file at `path`, the whole page or nothing.

    The run file is streamed; what is held of it is bounded, see `lifesigns.report.page.PageBuilder`
    and `lifesigns.records.kept`.

    Args:
        path: A run file; the run may have ended, been killed, or still be going on.
        output: An earlier report there is replaced; `-` is standard output.
        every: Seconds after which the page is written anew, until the run has ended; None: once.
        selection: Which rules are asked; anything but all has the run judged anew.

    Returns:
        The exit code, 0.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
        UsageError: `output` is no place for a page.
        LifesignsError: It cannot be written there; what was there before is untouched.
    """
    _outputs.check_distinct((output,), inputs=(path,))
    if output != _outputs.STDOUT:
        _outputs.report_file(output)
    elif every is not None:
        raise UsageError("--every writes the page again and again: give a file, not -.")
    run = FollowedRun(path, selection or Selection(), is_told=False)
    _write(run, output)
    while every is not None and run.is_running:
        time.sleep(every)
        _write(run, output)
    return 0


def _write(run: FollowedRun, output: Path) -> None:
    """Reads all that is new; a page that would be the same is left as it is."""
    is_new = False
    while (update := run.update()) is not None:
        is_new = True
        if update.is_whole:
            break
    if is_new:
        judged = run.report(run.trace())
        _outputs.write(output, page_html(run.document(judged)))
