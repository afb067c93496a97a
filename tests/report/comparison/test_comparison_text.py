import io
import math
from dataclasses import replace

import pytest
from compared_runs import FALLING, run, shot, side, with_loss
from hypothesis import given
from hypothesis import strategies as st
from made_sides import DEAD, DYING, FLAT, HEALTHY

from lifesigns.records import Severity, Trace
from lifesigns.report.comparison import compare
from lifesigns.report.comparison.terminal import print_comparison
from lifesigns.report.comparison.words import headline, values
from lifesigns.rules import testing as example


def printed(*sides, axis="step", **options):
    stream = io.StringIO()
    print_comparison(compare(sides, axis), stream, **options)
    return stream.getvalue()


def said(*sides):
    (comparison,) = compare(sides)
    return headline(comparison.divergence, ("A", "B"))


SEEDS = side(run(*(shot(step, weight=0.6) for step in (0, 1, 4)), losses=FALLING[::-1]))
TANH = side(
    run(shot(0, graph=example.chain("linear", "tanh", "linear", "mse_loss"))), name="tanh.ls"
)


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("compare-identical.txt", (HEALTHY, replace(HEALTHY, name="again.ls"))),
        ("compare-dying.txt", (HEALTHY, DYING)),
        ("compare-cured.txt", (DYING, replace(HEALTHY, findings=(FLAT,)))),
        ("compare-three.txt", (HEALTHY, replace(SEEDS, name="seed.ls"), TANH)),
    ],
)
def test_the_text_is_as_it_was_approved(golden, name, sides):
    golden(name, printed(*sides))


def test_an_ascii_stream_gets_the_same_in_ascii(golden):
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii")

    print_comparison(compare([HEALTHY, DYING]), stream)

    golden("compare-ascii.txt", buffer.getvalue().decode("ascii"))


def test_no_line_is_longer_than_eighty_columns_and_nothing_is_cut_off():
    module = "a_module_of_a_long_name." * 6
    sites = tuple(replace(site, module=module + site.module) for site in shot(0).graph.sites)
    long = run(shot(0, graph=replace(shot(0).graph, sites=sites)), command=f"x --data {module}")

    text = printed(HEALTHY, side(long, replace(DEAD, site=f"{module}1:relu#0"), name=module))

    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert f"{module}0:linear#0" in text.replace("\n", "").replace(" " * 2, "")


def test_colour_is_for_those_who_want_it(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[3" not in printed(HEALTHY, DYING, color=None)
    assert "\x1b[" in printed(HEALTHY, DYING, color=True)


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (run(), "identical: 40 losses and 4 snapshots are equal to the bit"),
        (
            run(losses=FALLING[:30]),
            "the same as far as both go: 30 losses and 4 snapshots are equal to the bit; A goes "
            "on for 10 losses",
        ),
        (
            run(shot(0, weight=0.5 * (1 + 1e-7))),
            "identical: 40 losses are equal to the bit, and 1 snapshot up to rounding",
        ),
        (with_loss(run(), 7, math.nan), "different from step 7 on"),
        (Trace(), "nothing could be compared: no step was seen in both runs"),
    ],
)
def test_the_headline_says_whether_it_is_the_same_training(other, line):
    assert said(side(run()), side(other)) == line


def test_a_finding_that_became_graver_says_what_it_was():
    graver = replace(DEAD, severity=Severity.ERROR)

    assert "(was warning)" in printed(side(run(), DEAD), side(run(), graver))


def test_of_many_layers_those_that_differ_most_are_printed():
    deep = example.chain(*["linear", "relu"] * 20, "mse_loss")
    readings = example.weights(deep, weight_rms=1.0, update_rms=1e-3, gradient_rms=0.1)
    changed = [replace(r, gradient_rms=9.0) if r.name == "20.weight" else r for r in readings]
    one, another = (
        side(run(example.snapshot(deep, parameters=each))) for each in (readings, changed)
    )

    text = printed(one, another)

    assert "the 8 of 20 that differ most" in " ".join(text.split())
    assert text.count("linear#0, relu") == 8
    assert "20:linear#0, relu" in text


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_two_numbers_are_shown_apart_if_they_are(first, other):
    texts = values(first, other)

    assert (texts[0] == texts[1]) == (repr(first) == repr(other))
