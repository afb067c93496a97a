"""Charts as Vega-Lite specifications: plain dictionaries, one look, uncertainty always shown.

The same dictionary serves the HTML pages (drawn by the bundled JavaScript), a notebook, and PNG or
SVG through vl-convert (extra `figures`). Rows are dictionaries of plain values; a value of None
leaves a gap.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns._errors import UsageError
from lifesigns._outputs import write

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
WIDTH, HEIGHT = 520, 280
CRISP = 512
"""Pixels a map has at least: what is smaller is drawn as squares, not blurred by the browser."""
SMALL = 220
"""Width and height of a chart in a grid."""
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6E6E6E", "#B2182B")
"""Okabe & Ito's palette, which colour-blind readers can tell apart; the yellow is left out, it is
too faint on white."""
_LOOK: Spec = {
    "background": "white",
    "view": {"stroke": None},
    "font": "system-ui, 'DejaVu Sans', sans-serif",
    "title": {"anchor": "start", "fontSize": 14, "subtitleColor": "#555", "subtitleFontSize": 12},
    "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal",
             "gridColor": "#e6e6e6", "labelLimit": 320, "labelOverlap": "greedy",
             "labelSeparation": 8},
    "legend": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal",
               "labelLimit": 320, "symbolStrokeWidth": 2},
    "range": {"category": list(COLORS)},
}  # fmt: skip


_STROKES = {"symbolType": "stroke", "symbolOpacity": 1, "symbolStrokeWidth": 2, "symbolSize": 400}
"""A legend in the colours of the lines, not in the pale ones of their bands."""
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [12, 4], [1, 3], [8, 2, 2, 2, 2, 2], [4, 6]]


def lines(
    rows: Rows,
    x: str,
    y: str,
    *,
    by: str,
    title: str,
    subtitle: str = "",
    low: str = "",
    high: str = "",
    logarithmic_x: bool = False,
    logarithmic_y: bool = False,
    from_zero: bool = False,
    points: bool = False,
) -> Spec:
    """A line for each value of `by`, with a band from column `low` to column `high`.

    Column names are the axis titles, so they hold the unit.

    Args:
        rows: A row for each point; None leaves a gap.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        by: Column that tells the lines apart, by colour and by dashes.
        title: What is drawn.
        subtitle: What to look at; empty for none.
        low: Column of the lower end of the band; a band needs both ends.
        high: Column of its upper end.
        logarithmic_x: Whether the horizontal axis is logarithmic; values must be positive.
        logarithmic_y: The same of the vertical axis.
        from_zero: Whether the vertical axis begins at 0, so that small differences look small.
        points: Whether every row gets a mark on its line.
    """
    told_apart: Spec = {"field": by, "type": "nominal", "sort": None, "title": by}
    layers: list[Spec] = []
    if low and high:
        band = {
            "y": _axis(low, logarithmic=logarithmic_y, title=y),
            "y2": {"field": high},
            # a field of its own: legends of one field are merged, and one without hides them all
            "fill": {**told_apart, "field": "band of", "legend": None},
        }
        layers.append(
            {
                "transform": [{"calculate": f"datum[{json.dumps(by)}]", "as": "band of"}],
                "mark": {"type": "area", "opacity": 0.18},
                "encoding": band,
            }
        )
    layers.append(
        {
            "mark": {"type": "line", "strokeWidth": 2, "point": points},
            "encoding": {
                "y": _axis(y, logarithmic=logarithmic_y, from_zero=from_zero),
                "color": {**told_apart, "legend": _STROKES},
                "strokeDash": {**told_apart, "legend": _STROKES, "scale": {"range": _DASHES}},
            },
        }
    )
    encoding = {"x": _axis(x, logarithmic=logarithmic_x, whole=_is_whole(rows, x))}
    return _spec(rows, title, subtitle, encoding=encoding, layer=layers)


def intervals(
    rows: Rows,
    value: str,
    low: str,
    high: str,
    *,
    label: str,
    title: str,
    subtitle: str = "",
    by: str = "",
) -> Spec:
    """A point with its interval for each row, one below the other in the order given.

    Args:
        rows: A row for each point.
        value: Column of the point.
        low: Column of the lower end.
        high: Column of the upper end.
        label: Column with the words at the left.
        title: What is drawn.
        subtitle: What to look at; empty for none.
        by: Column that tells points apart by colour; empty for one colour.
    """
    y = {"field": label, "type": "nominal", "sort": None, "title": None,
         "axis": {"labelLimit": 420, "grid": True}}  # fmt: skip
    color: Spec = {"value": COLORS[0]}
    if by:
        color = {"field": by, "type": "nominal", "sort": None, "title": by,
                 "legend": {"orient": "top", "titleOrient": "left"}}  # fmt: skip
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"x": _axis(low, title=value), "x2": {"field": high}},
        },
        {"mark": {"type": "point", "filled": True, "size": 70}, "encoding": {"x": _axis(value)}},
    ]
    spec = _spec(rows, title, subtitle, encoding={"y": y, "color": color}, layer=layers)
    spec["height"] = {"step": 26}
    return spec


def outcomes(
    rows: Rows, *, row: str, column: str, outcome: str, title: str, subtitle: str = ""
) -> Spec:
    """A table of words: what came of each pair of `row` and `column`, a colour for each word.

    Args:
        rows: A row for each pair.
        row: Column with the words at the left.
        column: Column with the words at the top.
        outcome: Column with the words in the cells.
        title: What is drawn.
        subtitle: What to look at; empty for none.
    """
    encoding: Spec = {
        "x": {"field": column, "type": "nominal", "sort": None, "title": None,
              "axis": {"orient": "top", "labelAngle": 0, "ticks": False, "domain": False}},
        "y": {"field": row, "type": "nominal", "sort": None, "title": None,
              "axis": {"labelLimit": 420, "ticks": False, "domain": False}},
    }  # fmt: skip
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "opacity": 0.25, "stroke": "white", "strokeWidth": 2},
            "encoding": {"color": {"field": outcome, "type": "nominal", "legend": None}},
        },
        {"mark": "text", "encoding": {"text": {"field": outcome, "type": "nominal"}}},
    ]
    spec = _spec(rows, title, subtitle, encoding=encoding, layer=layers)
    spec["width"], spec["height"] = {"step": 130}, {"step": 26}
    spec["autosize"] = {"type": "pad"}  # such a chart cannot be fitted into anything
    return spec


def grid(specs: Sequence[Spec], *, columns: int, title: str, subtitle: str = "") -> Spec:
    """Charts as small ones side by side, each with its own title.

    Args:
        specs: Charts as the other functions make them; their sizes are replaced.
        columns: Charts in a row.
        title: Of all of them together.
        subtitle: What to look at; empty for none.
    """
    small = [
        {**{k: v for k, v in spec.items() if k not in ("$schema", "config")},
         "width": SMALL, "height": SMALL}
        for spec in specs
    ]  # fmt: skip
    whole = _spec((), title, subtitle, concat=small, columns=columns)
    return {k: v for k, v in whole.items() if k not in ("width", "height", "data")}


def raster(
    values: NDArray[np.float64],
    extent: tuple[float, float, float, float],
    *,
    title: str,
    x: str,
    y: str,
    subtitle: str = "",
    points: Rows = (),
    by: str = "",
) -> Spec:
    """A map as an image mark, with points drawn over it.

    Args:
        values: Shape `[rows, columns]`, first row at the top; scaled from blue (lowest) over white
            to orange (highest).
        extent: Left, right, bottom and top in data units.
        title: Of the figure.
        x: Column of the points, and title of the axis.
        y: The same for the vertical axis.
        subtitle: Beneath the title.
        points: Rows with the columns `x`, `y` and `by`.
        by: Column that colours the points, the first value as the low end of the map.
    """
    left, right, bottom, top = extent
    enlarged = -(-CRISP // max(values.shape))
    values = values.repeat(enlarged, 0).repeat(enlarged, 1)
    image = {
        "data": {"values": [{"url": _png(values), "x": left, "x2": right, "y": top, "y2": bottom}]},
        "mark": {"type": "image", "aspect": False},
        "encoding": {
            "url": {"field": "url", "type": "nominal"},
            "x": _axis("x", title=x, domain=(left, right)),
            "x2": {"field": "x2"},
            "y": _axis("y", title=y, domain=(bottom, top)),
            "y2": {"field": "y2"},
        },
    }
    dots = {
        "mark": {
            "type": "point",
            "filled": True,
            "size": 22,
            "stroke": "white",
            "strokeWidth": 0.5,
        },
        "encoding": {
            "x": _axis(x, domain=(left, right)),
            "y": _axis(y, domain=(bottom, top)),
            **({"color": _shades(points, by)} if by else {}),
        },
    }
    layers = [image, dots] if points else [image]
    return _spec(points, title, subtitle, encoding={}, layer=layers)


def save(spec: Spec, path: Path) -> None:
    """Writes a figure as PNG or SVG, by the file's suffix.

    Args:
        spec: A chart as the other functions make it.
        path: Ends in `.png`, of twice the size in pixels, or `.svg`; replaced if it is there.

    Raises:
        UsageError: The extra `figures` is not installed, or the suffix is another one.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise UsageError(
            "Figures as PNG or SVG need vl-convert: pip install 'lifesigns[figures]'."
        ) from error
    if path.suffix == ".svg":
        write(path, vl_convert.vegalite_to_svg(spec))
    elif path.suffix == ".png":
        write(path, vl_convert.vegalite_to_png(spec, scale=2))
    else:
        raise UsageError(f"{path.name}: a figure is written as .png or .svg.")


def _shades(points: Rows, by: str) -> Spec:
    """The colours of the map's ends, in darker shades, for the values of `by` in order."""
    found = sorted({point[by] for point in points})
    scale = {"domain": found, "range": list(COLORS[: len(found)])}
    return {"field": by, "type": "nominal", "scale": scale}


def _is_whole(rows: Rows, field: str) -> bool:
    return all(isinstance(row.get(field), int) for row in rows)


def _spec(rows: Rows, title: str, subtitle: str, **parts: Any) -> Spec:
    return {
        "$schema": SCHEMA,
        "title": {"text": title, **({"subtitle": subtitle} if subtitle else {})},
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": [dict(row) for row in rows]},
        "config": _LOOK,
        **parts,
    }


def _axis(
    field: str,
    *,
    logarithmic: bool = False,
    title: str = "",
    domain: tuple[float, float] | None = None,
    whole: bool = False,
    from_zero: bool = False,
) -> Spec:
    scale: Spec = {"type": "log"} if logarithmic else {"zero": from_zero}
    if domain is not None:
        scale = {"domain": list(domain), "nice": False, "zero": False}
    return {
        "field": _escaped(field),
        "type": "quantitative",
        "title": title or field,
        "scale": scale,
        **({"axis": {"tickMinStep": 1, "format": ",d"}} if whole and not logarithmic else {}),
    }


def _escaped(field: str) -> str:
    """Dots and brackets in a field's name mean nested values to Vega-Lite."""
    for sign in ".[]":
        field = field.replace(sign, "\\" + sign)
    return field


_BLUE, _WHITE, _ORANGE = (
    np.array(c, float) for c in ((86, 180, 233), (255, 255, 255), (230, 159, 0))
)


def _png(values: NDArray[np.float64]) -> str:
    """The array as a PNG image in a data URL."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    share = (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
    share = np.nan_to_num(share, nan=0.5)[..., None]
    lower = _BLUE + (_WHITE - _BLUE) * np.minimum(2 * share, 1)
    color = lower + (_ORANGE - _WHITE) * np.maximum(2 * share - 1, 0)
    pixels = np.rint(color).astype(np.uint8)
    height, width = values.shape
    body = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(body, 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
