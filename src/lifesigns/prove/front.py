"""`lifesigns.proof`: proves a remedy for a training that is a Python function."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lifesigns._errors import UsageError
from lifesigns.prove.arm import IN_AN_ARM, Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.asked import say
from lifesigns.prove.proof import Limits, Proof
from lifesigns.prove.proving import planned, prove
from lifesigns.prove.scores import MARGIN, Measure


def proof(
    train: Callable[[], Any],
    *,
    metric: str = "",
    lower_is_better: bool = False,
    margin: float = MARGIN,
    tries: int = Limits.tries,
    pairs: int = Limits.pairs,
    jobs: int = 1,
    timeout: float = 3600.0,
    auto: bool = False,
) -> Proof:
    """Trains with and without a remedy, on fresh seeds, and says whether the remedy is proved.

    Each training is a process of its own in a sandbox, which imports the file of the function and
    calls it; nothing outside changes. What docs/prove.md says of a script holds for it.

    Args:
        train: Builds a model and trains it once. A function at the top of a file, without
            arguments; the file must not call `proof` when it is imported.
        metric: What it prints that says how well it learned: a key of its last line of JSON, or a
            regular expression with one group. By default prediction and target are compared.
        lower_is_better: Of that number.
        margin: By how much a remedy must be better, of the number and of 1.
        tries: Remedies to try at most.
        pairs: Seeds to prove it on at most.
        jobs: Trainings at the same time.
        timeout: Seconds that one training may take.
        auto: Try the commonest remedies, too, that no finding asks for.

    Returns:
        What was found out; `print` shows it as the command does.

    Raises:
        UsageError: `train` is no such function, or `metric` no such expression.
        CannotRun: It does not repeat, has no score, or needs what a sandbox does not have.

    Cost:
        About fourteen trainings if the first remedy cures.

    Example:
        >>> print(lifesigns.proof(train, metric="accuracy"))  # doctest: +SKIP
    """
    with Arms(_program(train), timeout, jobs=jobs) as arms:
        plan = planned(arms, Measure(metric, lower_is_better, margin), auto=auto)
        return prove(arms, plan, Limits(tries, pairs), say)


def _program(train: Callable[[], Any]) -> Program:
    if IN_AN_ARM in os.environ:
        raise UsageError(
            "lifesigns.proof was called by a training that it proves itself. Call it under "
            "`if __name__ == '__main__':`, or in another file."
        )
    name = getattr(train, "__qualname__", "")
    if not inspect.isfunction(train) or not name.isidentifier() or name == "<lambda>":
        raise UsageError(
            f"train is {name or type(train).__name__}: expected a function at the top of a file, "
            "which another process can import."
        )
    needed = [p.name for p in inspect.signature(train).parameters.values() if p.default is p.empty]
    if needed:
        raise UsageError(
            f"{name} needs {', '.join(needed)}: expected a function without arguments."
        )
    path = Path(inspect.getsourcefile(train) or "")
    if not path.is_file():
        raise UsageError(f"{name} is defined in no file, which another process could import.")
    return Program(str(path.resolve()), function=name)
