"""Feeds damaged input to a reader, which has to read it or to say what is wrong with it.

A *target* is a folder's worth of work for one reader: valid examples, ways to damage them that know
their structure, and the call that reads the result. The driver adds damage that knows nothing, the
limits (memory, time, warnings) and the count. Every input follows from the seed and its number, so
`--seed S --only N` makes one of them again.
"""

import argparse
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from lifesigns._errors import LifesignsError

SEED = 20250131
MEMORY = 2**30
SECONDS = 5.0


@dataclass(frozen=True)
class Target:
    """One reader under test."""

    name: str
    examples: Callable[[Path], Sequence[bytes]]
    """Valid inputs; the folder is for making them."""
    damage: Callable[[Random, bytes], bytes]
    """An input that knows the format; may return the example as it is."""
    read: Callable[[bytes, Path], Any]
    """Reads one input; the folder is its own."""


class TooLong(BaseException):
    """Raised in the middle of what takes too long; nothing that catches Exception stops it."""


def run(target: Target, inputs: int, seed: int = SEED, only: int | None = None) -> Counter[str]:
    """Feeds the inputs; returns how many were read and how many refused.

    Raises:
        AssertionError: One led to anything else; the message names its number.
    """
    count: Counter[str] = Counter()
    with TemporaryDirectory() as name, limits():
        folder = Path(name)
        examples = target.examples(folder)
        for number in range(inputs) if only is None else (only,):
            random = Random(f"{seed} {number}")
            data = damaged(random, target, examples)
            try:
                with deadline():
                    target.read(data, folder)
                count["read"] += 1
            except LifesignsError as error:
                count["refused" if str(error) else "refused without a word"] += 1
            except (Exception, TooLong) as error:
                raise AssertionError(
                    f"{target.name}, --seed {seed} --only {number}: {type(error).__name__}: {error}"
                ) from error
    return count


def damaged(random: Random, target: Target, examples: Sequence[bytes]) -> bytes:
    """An example with damage that knows the format, damage that does not, both, or none."""
    data = random.choice(examples)
    if random.random() < 0.7:
        data = target.damage(random, data)
    for _ in range(random.choice((0, 0, 0, 1, 1, 2, 5))):
        data = random.choice(BLIND)(random, data, random.choice(examples))
    return data


# --- damage that knows nothing of the format ------------------------------------------------------
def flip(random: Random, data: bytes, _: bytes) -> bytes:
    """Some bits turned."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64)) if data else 0):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def truncate(random: Random, data: bytes, _: bytes) -> bytes:
    """The end, or the beginning, cut off."""
    at = random.randint(0, len(data))
    return data[:at] if random.random() < 0.8 else data[at:]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    """A part of another example put in, in place of what was there or beside it."""
    start, stop = sorted(random.randint(0, len(other)) for _ in range(2))
    at = random.randint(0, len(data))
    skipped = random.choice((0, stop - start))
    return data[:at] + other[start:stop] + data[at + skipped :]


def repeat(random: Random, data: bytes, _: bytes) -> bytes:
    """A part many times."""
    start = random.randint(0, len(data))
    part = data[start : start + random.choice((1, 2, 8, 64))]
    return data[:start] + part * random.choice((2, 10, 1000)) + data[start:]


def insert(random: Random, data: bytes, _: bytes) -> bytes:
    """Bytes that readers trip over."""
    at = random.randint(0, len(data))
    return data[:at] + random.choice(TROUBLE) + data[at + random.choice((0, 1, 4)) :]


BLIND = (flip, truncate, splice, repeat, insert)
TROUBLE = (
    b"\0", b"\xff", b"\xff\xff\xff\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b'"', b"'",
    b"[" * 3000, b"{", b"nan", b"-inf", b"1e999", b"9" * 5000, b"-1", b"1_0", b"\x1b[2J", b"null",
    b"\x80\x80", b"\xed\xa0\x80", "\u202e\u2028".encode(), b";", b"\t", b",", b".", b"#", b"0x",
)  # fmt: skip


# --- limits ---------------------------------------------------------------------------------------
@contextmanager
def limits():
    """A gibibyte more than now, and no warnings."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def deadline():
    """Five seconds of the processor, so that a busy machine changes nothing."""

    def ring(*_):
        raise TooLong(f"longer than {SECONDS:g} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main(*targets: Target) -> None:
    """The command line of a fuzzer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", "--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", type=int, help="The number of one input.")
    options = parser.parse_args()
    for target in targets:
        start = time.monotonic()
        count = run(target, options.inputs, options.seed, options.only)
        seconds = time.monotonic() - start
        print(f"{target.name}: seed {options.seed}, {dict(count)}, {seconds:.0f} s", flush=True)
    sys.exit(0)
