"""Two thousand inputs for each reader, or `LIFESIGNS_FUZZ_INPUTS`, from `LIFESIGNS_FUZZ_SEED`."""

import os
import sys
import time

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the limit of memory is taken as on Linux", allow_module_level=True)

import driver
from driver import SEED, Target, run
from targets import TARGETS

from lifesigns._errors import UsageError

INPUTS = int(os.environ.get("LIFESIGNS_FUZZ_INPUTS", "2000"))
CHOSEN = int(os.environ.get("LIFESIGNS_FUZZ_SEED", SEED))


@pytest.mark.parametrize(
    "target",
    [pytest.param(t, id=t.name, marks=pytest.mark.sampled(t.name, ())) for t in TARGETS],
)
def test_damaged_input_is_read_or_refused_with_a_message(target):
    print(f"seed {CHOSEN}")

    count = run(target, INPUTS, CHOSEN)

    assert count["read"] > INPUTS // 100
    assert count["refused"] > INPUTS // 100
    assert count.keys() == {"read", "refused"}


def reader(read):
    return Target("made up", lambda _: [b"abc"], lambda random, data: data, read)


def refuse(data, _):
    raise UsageError("no")


def wait(data, _):
    while time.process_time() < float("inf"):
        pass


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda data, _: data.decode("ascii")[9], "IndexError"),
        (lambda data, _: bytearray(2**31), "MemoryError"),
        (wait, "TooLong"),
    ],
)
def test_the_driver_notices_exceptions_memory_and_time(read, said, monkeypatch):
    monkeypatch.setattr(driver, "SECONDS", 0.05)

    with pytest.raises(AssertionError, match=f"only 0: {said}"):
        run(reader(read), 1, only=0)


def test_the_driver_counts_what_was_read_and_what_was_refused():
    assert run(reader(lambda data, _: None), 5) == {"read": 5}
    assert run(reader(refuse), 5) == {"refused": 5}


def test_an_input_follows_from_seed_and_number():
    seen = []
    keep = reader(lambda data, _: seen.append(data))

    run(keep, 50)
    run(keep, 50)
    run(keep, 50, only=33)

    assert seen[:50] == seen[50:100]
    assert seen[100] == seen[33]
