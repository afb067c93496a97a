"""Finds the claims, runs them, and remembers results until code or data change."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import torch

import lifesigns
import lifesigns.claims as package
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.claims._claim import Claim, Effort, Result
from lifesigns.nets.data import data_version
from lifesigns.records import from_json

FLOORS = ("claims", "lab", "nets", "functions", "records", "rules", "record")
"""Parts of the program whose code a result may depend on."""


@dataclass(frozen=True)
class Done:
    """A claim with its result."""

    claim: Claim
    result: Result | None
    """None where it could not be run."""
    seconds: float
    """How long the experiment took when it was run."""
    cached: bool
    """Taken from an earlier run with the same code, data and versions."""
    reason: str = ""
    """Why it could not be run: data that are not installed, and how to get them."""


@cache
def all_claims() -> tuple[Claim, ...]:
    """Every claim of this package, in the order of the textbook.

    Raises:
        LifesignsError: A module has no `CLAIM`, or two claims share a name.
    """
    modules = (m for m in pkgutil.iter_modules(package.__path__) if not m.ispkg)
    names = (m.name for m in modules if not m.name.startswith("_"))
    claims = [_claim_of(importlib.import_module(f"{package.__name__}.{name}")) for name in names]
    seen = {claim.name for claim in claims}
    if len(seen) < len(claims):
        raise LifesignsError("Two claims share a name; each needs its own.")
    return tuple(sorted(claims, key=_position))


def find_claims(names: Sequence[str]) -> tuple[Claim, ...]:
    """The claims of these names, or all of them if none is given.

    Args:
        names: As in `Claim.name`; empty for all.

    Raises:
        UsageError: There is no such claim; the message offers the nearest.
    """
    known = {claim.name: claim for claim in all_claims()}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
            raise UsageError(f"There is no claim {name!r}. {hint}")
    return tuple(known[name] for name in names) or all_claims()


def run_claims(
    claims: Iterable[Claim],
    effort: Effort,
    *,
    kept: Path | None = None,
    on_start: Callable[[Claim], object] | None = None,
) -> Iterator[Done]:
    """Runs claims one after the other and yields each as it is done.

    Args:
        claims: Which.
        effort: Quick or full.
        kept: Folder of results; one with the same code, data and versions is not run again.
        on_start: Told the claim that is about to run.
    """
    code = _fingerprint()
    for claim in claims:
        if on_start is not None:
            on_start(claim)
        path = None if kept is None else kept / f"{_key(claim, effort, code)}.json"
        before = _read(claim, path)
        if before is not None:
            yield before
            continue
        done = _run(claim, effort)
        if path is not None and done.result is not None:
            with suppress(OSError):  # what cannot be kept is run again
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps({"seconds": done.seconds, **asdict(done.result)}))
        yield done


def not_kept(claims: Iterable[Claim], effort: Effort, kept: Path | None) -> list[Claim]:
    """The claims that have to be run.

    Args:
        claims: Which.
        effort: Quick or full.
        kept: Folder of results; None for none.
    """
    if kept is None:
        return list(claims)
    code = _fingerprint()
    return [c for c in claims if not (kept / f"{_key(c, effort, code)}.json").is_file()]


def _run(claim: Claim, effort: Effort) -> Done:
    start = time.perf_counter()
    try:
        with _OneThread():
            result = claim.experiment(effort)
    except UsageError as error:
        return Done(claim, None, 0.0, cached=False, reason=str(error))
    return Done(claim, result, time.perf_counter() - start, cached=False)


def _claim_of(module: Any) -> Claim:
    claim = getattr(module, "CLAIM", None)
    if not isinstance(claim, Claim):
        raise LifesignsError(f"{module.__file__}:1: a module of claims/ needs a CLAIM.")
    stem = module.__name__.rpartition(".")[2].replace("_", "-")
    if claim.name != stem:
        raise LifesignsError(
            f"{module.__file__}:1: the claim is called {claim.name!r}, not {stem}."
        )
    return claim


def _position(claim: Claim) -> tuple[int, str]:
    from lifesigns.claims._textbook import SENTENCES

    order = list(SENTENCES)
    return min((order.index(key) for key in claim.sentences), default=len(order)), claim.name


def _fingerprint() -> str:
    """Digest of the code results depend on, of the data, and of the versions of torch and NumPy."""
    root = Path(lifesigns.__file__).parent
    digest = hashlib.sha256(f"{torch.__version__} {numpy.__version__}".encode())
    digest.update(data_version().encode())
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.py")):
            own = floor != "claims" or path.stem.startswith("_")
            digest.update(path.read_bytes() if own else b"")
    return digest.hexdigest()


def _key(claim: Claim, effort: Effort, code: str) -> str:
    file = Path(package.__path__[0]) / f"{claim.name.replace('-', '_')}.py"
    own = file.read_bytes() if file.is_file() else repr(claim).encode()
    digest = hashlib.sha256(own + code.encode() + repr(effort).encode()).hexdigest()
    return f"{claim.name}-{digest[:16]}"


def _read(claim: Claim, path: Path | None) -> Done | None:
    if path is None or not path.is_file():
        return None
    try:
        values = json.loads(path.read_text())
        result = from_json(Result, values)
        return Done(claim, result, float(values["seconds"]), cached=True)
    except (OSError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None


class _OneThread:
    """torch with one thread inside, as many as before outside: so a run can be repeated."""

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)
