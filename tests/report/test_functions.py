import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from lifesigns import cli
from lifesigns._errors import UsageError
from lifesigns.functions import ACTIVATIONS, INITIALISERS, LOSSES
from lifesigns.functions.cost import Measured, measured
from lifesigns.report.functions import ENTRIES, page_of, tables
from lifesigns.report.functions_html import drawing, html
from lifesigns.report.functions_text import markdown

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["lifesigns", "functions", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code


def test_the_table_in_the_documentation_is_current():
    written = (ROOT / "docs/functions.md").read_text(encoding="utf-8")

    assert written == markdown(), "run python docs/make_functions.py"


def test_every_entry_has_a_row_and_a_page():
    rows = [row[0] for table in tables() for row in table.rows]

    assert sorted(rows) == sorted([*ACTIVATIONS, *INITIALISERS, *LOSSES]) == sorted(ENTRIES)
    for name in rows:
        page = page_of(name)
        assert page.name == name
        assert page.about
        assert all(label and said for label, said in page.facts)


def test_the_tables_fit_a_terminal(monkeypatch, capsys):
    Measured("a machine", dict.fromkeys(ACTIVATIONS, 123.4)).save()

    code = call(monkeypatch)

    out = capsys.readouterr().out
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert [name for name in ENTRIES if not re.search(rf"^{name} ", out, re.MULTILINE)] == []


@pytest.mark.parametrize("name", ENTRIES)
def test_a_page_fits_a_terminal_and_tells_what_it_should(monkeypatch, capsys, name):
    code = call(monkeypatch, name)

    out = capsys.readouterr().out
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert out.startswith(f"{name}  {page_of(name).kind}\n")
    assert "source" in out


def test_a_page_names_the_facts_of_the_catalogue(monkeypatch, capsys):
    call(monkeypatch, "ReLU")

    lines = capsys.readouterr().out.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines if line[:1].isalpha())
    assert facts["gain"].startswith("1.414 ")
    assert facts["mean"] == "0.3989, not zero-centred"
    assert facts["zero"] == "gradient   50 % of normal preactivations"


@pytest.mark.parametrize(
    ("name", "says"),
    [("rellu", "Did you mean"), ("cross_entropi", "cross_entropy"), ("zzz", "lifesigns functions")],
)
def test_an_unknown_name_is_a_mistake_with_a_suggestion(monkeypatch, capsys, name, says):
    assert call(monkeypatch, name) == 2
    assert says in capsys.readouterr().err


def test_an_ascii_stream_gets_no_characters_it_cannot_carry():
    for name in ("gelu", "cross_entropy", "he_normal"):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "lifesigns", "functions", name],
            capture_output=True,
            env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii"},
            timeout=60,
        )

        assert done.returncode == 0
        out = done.stdout.decode("ascii")
        assert "\\u" not in out
        assert "\\x" not in out
        assert b" torch\n" not in done.stderr


def test_a_cost_is_shown_only_where_it_was_measured(monkeypatch, capsys):
    call(monkeypatch, "tanh")
    before = capsys.readouterr().out
    path = Measured("a machine", {"relu": 1.0, "tanh": 7.25}).save()

    call(monkeypatch, "tanh")

    assert "cost" not in before
    assert "7.2 times ReLU (a machine)" in capsys.readouterr().out
    path.write_text("{")
    assert measured() is None
    path.write_text('{"machine": 1, "relative": [3]}')
    assert measured() is None


class Balanced(HTMLParser):
    """Notes what the page loads, and whether its elements close."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.ids, self.links = [], [], set(), set()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.loaded += [v for k, v in attributes if k in ("src", "srcset", "data")]
        self.loaded += [tag] if tag in ("link", "script", "iframe", "img") else []
        self.ids.add(values.get("id"))
        self.links.add(values.get("href"))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_html_page_is_whole_and_loads_nothing():
    text = html()
    page = Balanced()

    page.feed(text)

    assert page.open == []
    assert page.loaded == ["script"]  # its own, which switches the language
    assert "url(" not in text
    assert "@import" not in text
    assert {f"#{name}" for name in ENTRIES} <= page.links
    assert set(ENTRIES) <= page.ids


def test_the_drawing_passes_through_the_curve():
    curve = page_of("tanh").curve

    svg = ET.fromstring(drawing("of tanh", curve, 0))

    (line,) = svg.iter("{http://www.w3.org/2000/svg}polyline")
    points = np.array([list(map(float, p.split(","))) for p in line.get("points").split()])
    across, down = points.T
    assert (np.diff(across) > 0).all()
    assert (np.diff(down) <= 0).all()  # tanh rises, and SVG counts downwards
    at_zero = down[np.abs(curve.x[::5]).argmin()]
    assert at_zero == pytest.approx((down[0] + down[-1]) / 2, abs=0.2)


def test_one_page_is_written_as_html(monkeypatch, tmp_path):
    path = tmp_path / "gelu.html"

    code = call(monkeypatch, "gelu", "--html", str(path))

    text = path.read_text(encoding="utf-8")
    assert code == 0
    assert text.count("<svg") == 4  # two in each language
    assert text.count("<section") == 2


def test_html_that_cannot_be_written_is_a_mistake(monkeypatch, tmp_path, capsys):
    assert call(monkeypatch, "--html", str(tmp_path / "missing" / "x.html")) == 2
    assert call(monkeypatch, "gelo", "--html", str(tmp_path / "x.html")) == 2
    assert "gelu" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_page_of_nothing_is_refused():
    with pytest.raises(UsageError, match="no function called"):
        page_of("nothing at all")
