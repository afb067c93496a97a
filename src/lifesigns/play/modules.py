"""The modules of the engine by file name, with those that are made from Python.

    python -m lifesigns.play.modules FOLDER

writes them into a folder, from where node or a page can import them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lifesigns.play import bundled, table

ENGINE = Path(__file__).parent / "engine"


def modules() -> dict[str, str]:
    """The source of every module of the engine, by file name such as `training.js`.

    Needs scikit-learn, whose data sets are among them.
    """
    written = {file.name: file.read_text(encoding="utf-8") for file in sorted(ENGINE.glob("*.js"))}
    return written | {"table.js": table.source(), "bundled.js": bundled.source()}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in modules().items():
        (folder / name).write_text(text, encoding="utf-8")
