"""What `lifesigns run` does before the first line of a script, and behind its last one."""

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, gc, sys, torch, weakref
atexit.register(lambda: print("lifesigns.rules.loss" in sys.modules))
print(*sorted({"pygments", "sklearn", "scipy", "sqlite3"} & sys.modules.keys()) or ["none"])

class Node:
    pass

node = Node()
node.itself, seen = node, weakref.ref(node)
del node
gc.collect()
print(gc.isenabled(), gc.get_threshold(), seen())
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What the script prints when it runs plainly, and when it is watched."""
    script = tmp_path_factory.mktemp("start") / "script.py"
    script.write_text(SCRIPT)
    plainly = [sys.executable, str(script)]
    watched = [sys.executable, "-m", "lifesigns", "run", str(script)]
    return [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        for command in (plainly, watched)
    ]


def test_nothing_large_is_imported_that_only_some_runs_need(lines):
    _, (imported, *_) = lines

    assert imported == "none"


def test_what_a_script_makes_is_collected_as_ever(lines):
    (_, plainly, _), (_, watched, _) = lines

    assert plainly.endswith("None")
    assert watched == plainly


def test_no_rule_is_imported_where_there_is_nothing_to_judge(lines):
    _, (*_, imported) = lines

    assert imported == "False"
