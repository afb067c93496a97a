"""A trace as a table: rows, a frame of pandas, CSV and Parquet."""

import csv
import math
import sys

import numpy as np
import pytest

from lifesigns._errors import MissingExtraError, UsageError
from lifesigns.records import SiteReading, Trace
from lifesigns.records.table import COLUMNS
from lifesigns.report import Report
from lifesigns.rules.testing import chain, snapshot, sums, weights


@pytest.fixture
def trace():
    graph = chain("linear", "relu")
    values = np.array([[0.0, 1.0], [0.0, 2.0]])
    arrived, passed = sums(np.full((2, 2), 2.0)), sums(np.ones((2, 2)))
    taken = snapshot(
        graph,
        sites=[SiteReading(1, sums(values), arrived, passed)],
        parameters=weights(graph, weight_rms=0.5, update_rms=0.1),
    )
    return Trace((taken,), steps=1)


def test_each_site_that_was_read_is_a_row_with_its_numbers(trace):
    linear, relu = trace.rows()

    assert tuple(linear) == tuple(relu) == COLUMNS
    assert (linear["site"], linear["weight"]) == ("0:linear#0", "0.weight")
    assert linear["update_ratio"] == pytest.approx(0.2)
    assert math.isnan(linear["dead_share"])
    assert (relu["step"], relu["module"], relu["operation"]) == (0, "1", "relu")
    assert (relu["dead_share"], relu["mean"], relu["slope"]) == (0.5, 0.75, 0.5)
    assert relu["rms"] == pytest.approx(math.sqrt(5 / 4))


def test_csv_and_parquet_hold_the_rows(trace, tmp_path):
    report = Report(trace, ())

    report.write_table(tmp_path / "run.csv")

    with (tmp_path / "run.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["site"] for row in read] == ["0:linear#0", "1:relu#0"]
    assert float(read[1]["dead_share"]) == 0.5
    parquet = pytest.importorskip("pyarrow.parquet")
    report.write_table(tmp_path / "run.parquet")
    assert parquet.read_table(tmp_path / "run.parquet").column_names == list(COLUMNS)
    assert parquet.read_table(tmp_path / "run.parquet")["slope"].to_pylist()[1] == 0.5


def test_another_kind_of_file_is_refused(trace, tmp_path):
    with pytest.raises(UsageError, match=r"\.csv or \.parquet"):
        Report(trace, ()).write_table(tmp_path / "run.xlsx")


def test_a_frame_has_the_columns_even_of_an_empty_trace(trace):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")

    assert isinstance(trace.to_frame(), pandas.DataFrame)
    assert list(trace.to_frame().columns) == list(Trace().to_frame().columns) == list(COLUMNS)


def test_without_pandas_the_frame_says_what_to_install(trace, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'lifesigns\[pandas\]'"):
        trace.to_frame()
