"""What a script prints of itself, where nobody has named it: a number behind a word that is known.

A loss is none: a remedy may change it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lifesigns.prove.scores import Measure, own_output

BETTER = frozenset(
    {
        "accuracy", "acc", "f1", "r2", "r²", "auc", "iou", "dice", "score", "reward", "return",
        "precision", "recall", "correlation", "psnr", "bleu", "map",
    }
)  # fmt: skip
"""Words for what is better the higher it is."""
WORSE = frozenset(
    {
        "error", "err", "mse", "rmse", "mae", "distance", "gap", "perplexity", "ppl", "wer", "cer",
        "unexplained", "divergence", "regret",
    }
)  # fmt: skip
"""Words for what is better the lower it is."""
UNKNOWN = frozenset({"loss", "minus", "negative"})
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?"
LAST = 5
"""Lines at the end of the output in which such a number is looked for."""


def printed_measure(output: str, asked: Measure) -> Measure | None:
    """How a training is scored by what the script prints last; None if that tells nothing.

    Args:
        output: Of the script, and of `lifesigns run` below.
        asked: Its margin is kept.

    Example:
        >>> found = printed_measure("loss 0.3, accuracy: 0.93", Measure())
        >>> found.metric[:9], found.lower_is_better
        ('accuracy:', False)
    """
    lines = [line for line in own_output(output).splitlines() if line.strip()]
    for line in reversed(lines[-LAST:]):
        for metric, label in (*_keys(line), *_labels(line)):
            words = _words(label)
            sides = [side for side in (BETTER, WORSE) if side & words]
            if len(sides) == 1 and not words & UNKNOWN:
                return Measure(metric, sides[0] is WORSE, asked.margin, label=label)
    return None


def _keys(line: str) -> Iterator[tuple[str, str]]:
    """The keys of a line of JSON; a `metric` says what its `score` is."""
    try:
        noted = json.loads(line)
    except ValueError:
        return
    for key, value in noted.items() if isinstance(noted, dict) else ():
        if isinstance(value, int | float) and "(" not in key:
            yield key, str(noted.get("metric", key)) if key == "score" else key


def _labels(line: str) -> Iterator[tuple[str, str]]:
    """What stands before the last number of a line, behind the one before."""
    found = re.search(rf"([^\d\s][^\d]*?|[^\d\s]*[rRfF]\d[^\d]*?)\s*({NUMBER})\s*$", line)
    if found:
        label = re.split(r"[|,;]", found[1])[-1].strip()
        pattern = re.escape(label).replace("\\ ", " ")
        yield f"{pattern} *([-+\\d.eE]+%?)", label.rstrip(" :=")


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z²]+\d?", text.lower().replace("_", " ")))
