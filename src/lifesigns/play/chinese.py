"""The words of the playground's interface in Chinese, by their English text."""

from __future__ import annotations

import functools
import sys
from importlib import resources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@functools.cache
def chinese() -> dict[str, str]:
    """What stands in `chinese.toml`, of all groups together."""
    text = resources.files("lifesigns.play").joinpath("chinese.toml").read_text(encoding="utf-8")
    return {
        english: words for group in tomllib.loads(text).values() for english, words in group.items()
    }
