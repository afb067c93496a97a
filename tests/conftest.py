"""For all tests: one thread, `--overwrite` for golden files, and how hypothesis makes records.

`st.from_type(Trace)` works for every record class. `sampling.py` chooses from the slow suites.
"""

import collections.abc
import dataclasses
import os
import signal
import sys
import typing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from lifesigns import records

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and their names would clash
pytest_plugins = ["chromium", "forked", "pytester", "sampling"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["LIFESIGNS_KERNEL"] = "now"  # whatever this machine has compiled before
os.environ["OMP_NUM_THREADS"] = "1"  # for a torch that is imported later, or by a child process

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption("--overwrite", action="store_true", help="write the golden files anew")


@pytest.fixture(autouse=True)
def single_thread():
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def golden(request):
    """Compares a text with a file of `tests/golden`, or writes that file with `--overwrite`."""

    def compare(name, text):
        path = GOLDEN / name
        if request.config.getoption("--overwrite"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT = st.floats()  # NaN, infinities, -0.0 and subnormal numbers included
SIMPLE = {
    int: INT64,
    float: FLOAT,
    str: st.text(max_size=5),
    tuple[float, float]: st.tuples(FLOAT, FLOAT),
}


def ints(length):
    return st.lists(INT64, min_size=length, max_size=length).map(partial(np.array, dtype=np.int64))


def floats(length):
    return st.lists(FLOAT, min_size=length, max_size=length).map(partial(np.array, dtype=float))


def columns(cls, length):
    """A record whose fields are arrays of one length."""
    hints = typing.get_type_hints(cls)
    made = {
        name: (ints if hint == records.Ints else floats)(length) for name, hint in hints.items()
    }
    return st.builds(cls, **made)


def field(hint):
    if hint == records.Ints:
        return st.integers(0, 3).flatmap(ints)
    if hint == (records.Ints | None):
        return st.none() | st.integers(0, 3).flatmap(ints)
    if hint == tuple[str, ...]:
        return st.lists(st.text(max_size=3), max_size=2).map(tuple)
    if typing.get_origin(hint) is collections.abc.Mapping:
        values = SIMPLE[typing.get_args(hint)[1]]
        return st.dictionaries(st.text(max_size=5), values, max_size=2)
    if typing.get_origin(hint) is tuple and hint != records.Shape:
        inner = typing.get_args(hint)[0]
        return st.lists(st.deferred(lambda: st.from_type(inner)), max_size=2).map(tuple)
    return SIMPLE[hint] if hint in SIMPLE else st.from_type(hint)


def built(cls):
    return st.builds(cls, **{name: field(h) for name, h in typing.get_type_hints(cls).items()})


for cls in vars(records).values():
    if not dataclasses.is_dataclass(cls):
        continue
    if cls in (records.UnitSums, records.LossCurve):
        by_length = lambda _, cls=cls: st.integers(0, 3).flatmap(lambda n: columns(cls, n))  # noqa: E731
        st.register_type_strategy(cls, by_length)
    else:
        st.register_type_strategy(cls, lambda _, cls=cls: built(cls))
