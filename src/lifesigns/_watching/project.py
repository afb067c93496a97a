"""The settings of the project that a running program belongs to."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from lifesigns.rules import Selection
from lifesigns.settings import Settings, load_settings


def settings_here() -> Settings:
    """Those for the program, as for `lifesigns run`; for the working directory where there is none.

    A program that is installed, such as pytest, belongs to no project of the user.

    Raises:
        UsageError: The settings are not what is expected there.
    """
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return load_settings(Path.cwd() if file is None or _is_installed(Path(file)) else Path(file))


def _is_installed(program: Path) -> bool:
    """Whether a program came with Python or by pip: a script in `bin` has no ending."""
    place = program.absolute()
    return (
        place.suffix != ".py"
        or not {"site-packages", "dist-packages"}.isdisjoint(place.parts)
        or Path(sysconfig.get_path("stdlib")) in place.parents
    )


def selected(
    settings: Settings, select: Iterable[str] | None, ignore: Iterable[str] | None
) -> Selection:
    """The settings with arguments put over them, each for itself.

    Args:
        settings: Of the project.
        select: Rules to ask; None leaves it to the settings.
        ignore: Rules not to ask; likewise.

    Raises:
        UsageError: There is no such rule.
    """
    asked = settings.select if select is None else select
    return Selection.of(asked, settings.ignore if ignore is None else ignore, settings.sites)
