"""Another seed gives other numbers, and the same one the same."""

import random
import subprocess
import sys
from itertools import count

import pytest

DRAWS = {
    "unseeded": "print(torch.rand(1).item(), random.random(), np.random.rand())",
    "torch": "torch.manual_seed(3); print(torch.rand(2).tolist())",
    "torch.random": "torch.random.manual_seed(seed=3); print(torch.rand(2).tolist())",
    "random": "random.seed(3); print(random.random())",
    "numpy": "np.random.seed(3); print(np.random.rand())",
    "default_rng": "print(np.random.default_rng(np.int64(3)).random())",
    "largest": "torch.manual_seed(2**32 - 1); np.random.seed(2**32 - 1); print(np.random.rand())",
    "large": "torch.manual_seed(2**40); print(torch.rand(1).item())",
    "negative": "torch.manual_seed(-1); print(torch.rand(1).item())",
    "named": "random.seed(a=3, version=2); print(random.random())",
    "imported": "from torch import manual_seed as s; s(3); print(torch.rand(1).item())",
}
UNNAMED = {
    "seedless": "print(np.random.default_rng().random(), np.random.default_rng(None).random())",
    "time": "random.seed(time.time()); print(random.random())",
    "nanoseconds": "random.seed(time.time_ns()); print(random.random())",
    "seconds": "torch.manual_seed(int(time.time())); print(torch.rand(1).item())",
    "nothing": "random.seed(); np.random.seed(); print(random.random(), np.random.rand())",
}
"""Which differ from run to run by themselves."""
OWN = {
    "generator": "print(torch.rand(1, generator=torch.Generator().manual_seed(3)).item())",
    "Random": "print(random.Random(3).random())",
    "RandomState": "print(np.random.RandomState(3).rand())",
    "text": "random.seed('a'); print(random.random())",
    "sequence": "print(np.random.default_rng(np.random.SeedSequence(3)).random())",
    "bool": "random.seed(True); print(random.random())",
}
BEGIN = """
import random, time, numpy as np, torch
from lifesigns.prove.seeds import shift
for by, seed in ((None, 0), (0, 0), (1, 0), (2, 0), (1, 0)):
    if by is not None:
        undo = [(o, n, getattr(o, n)) for o, n in PLACES]
        shift(by)
    for name, draw in DRAWS.items():
        print(by, name, end=' ')
        exec(draw)
    if by is not None:
        for o, n, former in undo:
            setattr(o, n, former)
"""
PLACES = """((torch, 'manual_seed'), (torch.random, 'manual_seed'), (random, 'seed'),
    (np.random, 'seed'), (np.random, 'default_rng'))"""


@pytest.fixture(scope="module")
def drawn():
    """By name of a draw: the numbers unshifted, and those of the pairs 0, 1, 2, and 1 again."""
    code = BEGIN.replace("PLACES", PLACES).replace("DRAWS", repr(DRAWS | OWN | UNNAMED))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    found = {name: [] for name in DRAWS | OWN | UNNAMED}
    for line in done.stdout.splitlines():
        _, name, numbers = line.split(" ", 2)
        found[name].append(numbers)
    return found


@pytest.mark.parametrize("name", DRAWS)
def test_another_seed_gives_other_numbers_and_the_same_gives_the_same(drawn, name):
    _, _, one, two, again = drawn[name]

    assert one != two
    assert one == again


@pytest.mark.parametrize("name", UNNAMED)
def test_a_seed_that_nobody_could_name_again_is_the_same_in_the_same_arm(drawn, name):
    plain, chosen, one, two, again = drawn[name]

    assert len({plain, chosen, one, two}) == 4
    assert one == again


@pytest.mark.parametrize("name", sorted({*DRAWS, *OWN} - {"unseeded"}))
def test_the_scripts_own_seeds_stay_in_the_arm_that_chooses(drawn, name):
    plain, chosen, *_ = drawn[name]

    assert plain == chosen


@pytest.mark.parametrize("name", sorted(OWN))
def test_generators_that_a_script_seeds_itself_keep_their_seed(drawn, name):
    assert len(set(drawn[name])) == 1


def test_a_script_without_seeds_begins_with_those_of_zero(drawn):
    assert drawn["unseeded"][1].split()[1] == str(random.Random(0).random())


def test_pairs_lie_far_apart():
    from lifesigns.prove.seeds import LARGEST, STRIDE, _other

    assert STRIDE > 1_000_000
    assert _other(-1, STRIDE, count()) == STRIDE - 1
    assert 0 <= _other(LARGEST - 1, 12 * STRIDE, count()) < LARGEST
