"""Kills `lifesigns rerun`'s sandbox at random moments: `python -m benchmarks.killed --kills 50`.

After each kill: no process is left, no mount, and every file of the project is as it was; only the
sandbox's folder remains.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "prove"))

import nasty
from test_killed_parent import PARENT, SCRIPT

from lifesigns.prove.layers import MOUNTS
from lifesigns.prove.places import common, parent_for, remove

LONGEST = 3.0
"""Seconds from the start of the parent within which it is killed."""


def killed(project, sandboxes, moment):
    """What is left, in words, of a parent that is killed after some seconds."""
    mark = uuid.uuid4().hex
    before, mounted = nasty.digest(project.parent), MOUNTS.read_text()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(sandboxes)],
        cwd=project,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "NASTY_MARK": mark, "OUTSIDE": str(project.parent)},
    ) as parent:
        time.sleep(moment)
        parent.kill()
    left = [] if nasty.gone(mark) else ["processes"]
    if nasty.digest(project.parent) != before:
        left.append("changed files")
    if MOUNTS.read_text() != mounted:
        left.append("mounts")
    return left


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    print(f"This takes about {given.kills * LONGEST:.0f} seconds.")
    chance, bad = random.Random(given.seed), 0
    sandboxes = Path(tempfile.mkdtemp(prefix="lifesigns-killed-", dir=parent_for(common())))
    try:
        with tempfile.TemporaryDirectory() as folder:
            project = nasty.lay_out(Path(folder))
            (project / "train.py").write_text(nasty.HEAD + SCRIPT)
            for number in range(given.kills):
                moment = chance.uniform(0, LONGEST)
                left = killed(project, sandboxes, moment)
                bad += bool(left)
                row = f"{number + 1:3} after {moment:.2f} s: left {', '.join(left) or 'nothing'}"
                print(row, flush=True)
    finally:
        remove(sandboxes)
    print(f"{given.kills} kills, {bad} left something")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
