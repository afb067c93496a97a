"""Charts are valid Vega-Lite, draw, and survive odd values and names."""

import json
from importlib import resources

import numpy as np
import pytest

from lifesigns._errors import UsageError
from lifesigns.report.figures import grid, intervals, lines, outcomes, raster, save

ROWS = [{"step": s, "loss (nats)": 1 / (s + 1), "low": 0.1, "high": 1.0, "net": n}
        for s in range(3) for n in ("a", "b")]  # fmt: skip

FIGURES = {
    "lines": lines(ROWS, "step", "loss (nats)", by="net", title="t"),
    "lines with a band": lines(
        ROWS, "step", "loss (nats)", by="net", title="t", subtitle="s", low="low", high="high",
        logarithmic_x=True, logarithmic_y=True, points=True,
    ),
    "intervals": intervals(ROWS, "loss (nats)", "low", "high", label="net", title="t", by="step"),
    "raster": raster(np.arange(6.0).reshape(2, 3), (0, 3, 0, 2), title="t", x="x", y="y"),
    "raster with points": raster(
        np.ones((2, 2)), (0, 1, 0, 1), title="t", x="x.1", y="y",
        points=[{"x.1": 0.5, "y": 0.5, "class": "0"}], by="class",
    ),
    "whole numbers": lines(ROWS, "step", "loss (nats)", by="net", title="t"),
    "outcomes": outcomes(
        [{"rule": "a", "program": p, "said": s} for p, s in (("x", "fires"), ("y", "silent"))],
        row="rule", column="program", outcome="said", title="t",
    ),
    "grid": grid(
        [lines(ROWS, "step", "loss (nats)", by="net", title=n) for n in "abc"], columns=2, title="t"
    ),
    "no rows": lines([], "step", "loss", by="net", title="t"),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_valid_vega_lite(name):
    jsonschema = pytest.importorskip("jsonschema")
    altair = pytest.importorskip("altair")
    major = f"v{altair.SCHEMA_VERSION.lstrip('v').split('.')[0]}"
    schema = json.loads(
        resources.files("altair")
        .joinpath(f"vegalite/{major}/schema/vega-lite-schema.json")
        .read_text(encoding="utf-8")
    )

    jsonschema.Draft7Validator(schema).validate(FIGURES[name])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_plain_json(name):
    assert json.loads(json.dumps(FIGURES[name], allow_nan=False)) == FIGURES[name]


@pytest.mark.parametrize("name", sorted(set(FIGURES) - {"no rows"}))
def test_a_figure_is_drawn_with_its_title(name, tmp_path):
    pytest.importorskip("vl_convert")

    save(FIGURES[name], tmp_path / "f.svg")
    save(FIGURES[name], tmp_path / "f.png")

    assert ">t<" in (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_points_have_the_colour_of_their_end_of_the_map():
    points = [{"x": 0.1, "y": 0.1, "class": label} for label in ("1", "0")]

    spec = raster(np.eye(2), (0, 1, 0, 1), title="t", x="x", y="y", points=points, by="class")

    scale = spec["layer"][1]["encoding"]["color"]["scale"]
    assert scale == {"domain": ["0", "1"], "range": ["#0072B2", "#D55E00"]}


def test_whole_numbers_have_whole_ticks():
    whole, broken = (
        lines([{"n": n, "y": 1.0, "by": "a"}], "n", "y", by="by", title="t") for n in (1, 1.5)
    )

    assert whole["encoding"]["x"]["axis"]["tickMinStep"] == 1
    assert "axis" not in broken["encoding"]["x"]


@pytest.mark.parametrize("band", [{}, {"low": "low", "high": "high"}], ids=["plain", "band"])
@pytest.mark.parametrize("points", [True, False])
def test_one_legend_shows_colour_and_dashes_of_a_line(band, points):
    vl_convert = pytest.importorskip("vl_convert")
    spec = lines(ROWS, "step", "loss (nats)", by="net", title="t", points=points, **band)

    legends = vl_convert.vegalite_to_vega(spec)["legends"]

    (shown,) = [legend for legend in legends if "strokeDash" in legend]
    assert shown["stroke"] == "color"
    assert len(legends) == 1


def test_another_suffix_is_refused(tmp_path):
    pytest.importorskip("vl_convert")

    with pytest.raises(UsageError, match=r"written as \.png or \.svg"):
        save(FIGURES["lines"], tmp_path / "f.pdf")
