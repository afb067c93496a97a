"""What all pages have in common: type, and colours in light and dark."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from lifesigns.report.figures import Spec

_INK, _SOFT, _LINE = "var(--ink, #1c2227)", "var(--soft, #59636c)", "var(--line, #dfe3e5)"
"""Colours by their names in `shell.css`, so that they follow light and dark; a chart that is saved
by itself takes the second ones."""
_LOOK: Spec = {
    "background": "transparent",
    "axis": {"labelColor": _SOFT, "titleColor": _INK, "gridColor": _LINE,
             "domainColor": _SOFT, "tickColor": _SOFT},
    "legend": {"labelColor": _INK, "titleColor": _INK},
    "title": {"color": _INK, "subtitleColor": _SOFT},
    "header": {"labelColor": _INK, "titleColor": _INK},
    "text": {"color": _INK},
    "rule": {"color": _INK},
}  # fmt: skip


def style(own: str) -> str:
    """The style sheet of a page.

    Args:
        own: The name of the page's own sheet beside `shell.css`.
    """
    folder = resources.files("lifesigns.report.page").joinpath("browser")
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in ("shell.css", own))


def digest(text: str) -> str:
    """The source expression that allows a script or style of this text in a policy.

    Args:
        text: What stands in the element, to the letter.
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def on_page(spec: Spec) -> Spec:
    """A chart as a page draws it: in the page's colours, and as wide as its column.

    Args:
        spec: A Vega-Lite chart; one of several charts keeps its widths.
    """
    config = dict(spec.get("config", {}))
    for part, look in _LOOK.items():
        config[part] = {**config.get(part, {}), **look} if isinstance(look, dict) else look
    wide: Spec = {"width": "container"} if isinstance(spec.get("width"), int) else {}
    if wide and isinstance(spec.get("height"), dict):  # a step cannot be fitted: so many, so high
        labels = {row[spec["encoding"]["y"]["field"]] for row in spec["data"]["values"]}
        wide["height"] = spec["height"]["step"] * len(labels)
    return {**spec, **wide, "config": config}
