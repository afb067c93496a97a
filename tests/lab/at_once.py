"""`lifesigns` with a lab that starts its processes at once, however little there is to train."""

import sys

COMMAND = [
    sys.executable,
    "-c",
    """
from functools import partial
from lifesigns.cli import main
from lifesigns.commands import lab
lab.LocalWorkers = partial(lab.LocalWorkers, at_once=True)
main()
""",
]
