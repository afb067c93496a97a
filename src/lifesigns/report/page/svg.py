"""A few words of SVG; everything that comes from a run is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Words at a place.

    Args:
        x: Of the anchor.
        y: Of the line they stand on.
        words: Plain.
        anchor: `start` or `end`.
    """
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def picture(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """A whole picture, as wide as its place.

    Args:
        width: In the units of its parts.
        height: In the same.
        label: What it shows, plain.
        parts: Its markup.
    """
    size = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    head = f'<svg class="still" {size} role="img" aria-label="{html.escape(label)}">'
    return "\n".join([head, *parts, "</svg>"])
