"""A run file as an application to serve."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp

from lifesigns.live.app import make_app
from lifesigns.live.door import Door
from lifesigns.live.followed_run import FollowedRun
from lifesigns.live.following import Following
from lifesigns.report.page.live_host import live_page
from lifesigns.rules import Selection


def open_run(path: Path, selection: Selection, door: Door) -> tuple[ASGIApp, Following]:
    """The application that serves a run, and what it follows the run with.

    Args:
        path: The run file.
        selection: Which rules are asked.
        door: Who is let in.
    """
    following = Following(FollowedRun(path, selection))
    return make_app(following, live_page(), door), following
