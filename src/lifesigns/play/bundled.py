"""The data sets that scikit-learn brings along, packed for the page: the module `bundled.js`.

Numbers of digits are signs from `0` (0) to `@` (16); a letter stands for as many zeros as its place
in the alphabet. Iris and wine are decimals, as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from lifesigns._errors import extra

with extra("lab"):
    from sklearn import datasets

_READERS: dict[str, Callable[..., Any]] = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "digits": datasets.load_digits,
}


def source() -> str:
    """The text of `bundled.js`."""
    packed = {name: _packed(name, read()) for name, read in _READERS.items()}
    text = json.dumps(packed, separators=(",", ":"))
    return f"// Made by lifesigns.play.bundled from scikit-learn.\nexport const BUNDLED = {text};\n"


def _packed(name: str, read: Any) -> dict[str, Any]:
    numbers = [int(x) if float(x).is_integer() else float(x) for x in read.data.ravel()]
    return {
        "features": read.data.shape[1],
        "names": [*map(str, read.feature_names), "class"],
        "classes": [str(each) for each in read.target_names],
        "inputs": _signs(numbers) if name == "digits" else numbers,
        "targets": "".join(map(str, read.target.tolist())),
    }


def _signs(numbers: list[Any]) -> str:
    text = "".join(chr(ord("0") + number) for number in numbers)
    return re.sub(r"0{1,26}", lambda run: chr(ord("a") + len(run[0]) - 1), text)
