"""The settings of the project that a running program belongs to."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

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
