"""What serves a page gives way to the training, in whatever session that runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import os
from lifesigns.live.priority import OF_SESSION, give_way
give_way(alone={alone})
print(os.nice(0), OF_SESSION.read_text().split()[-1] if OF_SESSION.exists() else 0)
"""


@pytest.mark.parametrize("alone", [False, True])
def test_a_session_of_its_own_gives_way_as_a_whole(alone):
    if alone and not is_shared_by_session():
        pytest.skip("this system does not share its processors among sessions")
    code = LOOK.format(alone=alone)
    done = subprocess.run(
        [sys.executable, "-c", code], start_new_session=True, capture_output=True, check=True
    )

    process, session = map(int, done.stdout.split())

    assert process == min(os.nice(0) + 10, 19)
    assert session == (10 if alone else 0)


def is_shared_by_session():
    enabled = Path("/proc/sys/kernel/sched_autogroup_enabled")
    return enabled.is_file() and enabled.read_text().strip() == "1"
