"""`--sample-seed N` runs a part of the slow suites, so that CI ends on a slow machine as well.

A test takes part by `@pytest.mark.sampled(unit, covers)`. The tests of a unit (a program, a claim)
are chosen together. Whatever the seed, all that the units of a file cover (rules, kinds) is
covered by the chosen ones; beyond that chance decides, so that every unit gets its turn.
"""

import random
from collections import defaultdict

import pytest

SHARE = 0.25
"""The part of a file's units that runs, at least."""

LEFT_OUT = pytest.StashKey[int]()


def choose(covered, seed):
    """The units to run, of a mapping from each unit to what it covers."""
    order = random.Random(seed).sample(sorted(covered), len(covered))
    chosen, seen = set(), set()
    for unit in order:
        if not covered[unit] <= seen:
            chosen.add(unit)
            seen |= covered[unit]
    others = [unit for unit in order if unit not in chosen]
    missing = max(0, round(SHARE * len(order)) - len(chosen))
    return chosen | set(others[:missing])


def chosen_units(marks, seed):
    """The chosen pairs of file and unit, of marks with the files they stand in."""
    files = defaultdict(lambda: defaultdict(set))
    for path, mark in marks:
        unit, covers = mark.args
        files[path][unit] |= set(covers)
    return {(path, unit) for path, covered in files.items() for unit in choose(covered, seed)}


def pytest_addoption(parser):
    parser.addoption("--sample-seed", type=int, help="run a sample of slow suites, by this seed")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "sampled(unit, covers): with --sample-seed, it runs if its unit is chosen"
    )
    config.stash[LEFT_OUT] = 0


def pytest_collection_modifyitems(config, items):
    seed = config.option.sample_seed
    if seed is None:
        return
    marks = {item: item.get_closest_marker("sampled") for item in items}
    chosen = chosen_units([(item.path, mark) for item, mark in marks.items() if mark], seed)
    runs = {item: not mark or (item.path, mark.args[0]) in chosen for item, mark in marks.items()}
    left_out = [item for item in items if not runs[item]]
    items[:] = [item for item in items if runs[item]]
    config.hook.pytest_deselected(items=left_out)
    config.stash[LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):  # this is a worker, and another process writes the summary
        config.workeroutput["left_out"] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Takes the count over from a worker; each worker leaves out the same tests."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter, config):
    if (seed := config.option.sample_seed) is not None:
        terminalreporter.write_line(
            f"sample of the slow suites by --sample-seed={seed}: "
            f"{config.stash[LEFT_OUT]} tests left out; without the option all run"
        )
