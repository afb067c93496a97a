import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_reports import (
    CONSTANT,
    DEAD,
    FALLING,
    FINDINGS,
    INCOMPLETE,
    LEARNING,
    SYMMETRIC,
    run,
)

from lifesigns.evidence import Run
from lifesigns.records import Cost, Finding, Trace
from lifesigns.report import Report
from lifesigns.rules import all_rules

ESCAPE = "\x1b["


class Stream(io.TextIOWrapper):
    """A text stream of some encoding, a terminal or not."""

    def __init__(self, encoding="utf-8", terminal=False):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def printed(report, stream=None, **options):
    stream = stream or Stream()
    report.print(stream, **options)
    return stream.text


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("report-cannot-learn.txt", Report(run(FALLING), FINDINGS)),
        ("report-learns.txt", Report(LEARNING, ())),
        ("report-fell.txt", Report(run(FALLING), ())),
        ("report-failed.txt", Report(INCOMPLETE, (DEAD,))),
        ("report-interrupted.txt", Report(run([], recorded=0, outcome="interrupted"), ())),
    ],
)
def test_the_text_is_as_it_was_approved(golden, name, report):
    golden(name, f"{report}\n")


def test_an_ascii_stream_gets_the_same_report_in_ascii(golden):
    text = printed(Report(run(FALLING), FINDINGS), Stream("ascii"))

    golden("report-ascii.txt", text)
    assert text.isascii()


def test_a_file_gets_no_control_characters_and_80_columns():
    lines = printed(Report(run(FALLING), FINDINGS)).split("\n")

    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_terminal_gets_colour():
    text = printed(Report(run(FALLING), FINDINGS), Stream(terminal=True))

    assert f"{ESCAPE}1;31merror" in text


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_can_forbid_colour(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    text = printed(Report(run(FALLING), FINDINGS), Stream(terminal=True))

    assert not re.search(r"\x1b\[[0-9;]*3\d", text)


def test_color_and_width_can_be_asked_for():
    report = Report(run(FALLING), FINDINGS)

    assert ESCAPE in printed(report, color=True)
    assert ESCAPE not in printed(report, Stream(terminal=True), color=False)
    assert max(map(len, printed(report, width=60).split("\n"))) <= 60


def test_colour_changes_no_word():
    report = Report(run(FALLING), FINDINGS)

    coloured = re.sub(r"\x1b\[[0-9;]*m", "", printed(report, color=True, width=80))

    assert words(coloured) == words(str(report))


def test_square_brackets_are_no_markup():
    text = printed(Report(run(FALLING), (DEAD,)), color=True)

    assert "[0]:relu#0" in text
    assert "[bold]6 of 10[/] units" in text


@pytest.mark.parametrize("finding", [SYMMETRIC, DEAD])
def test_an_alarm_is_shown_whole(finding):
    shown = words(str(Report(run(FALLING), (finding,))))

    whole = (
        finding.code, finding.rule, finding.severity.value, finding.symptom, finding.site,
        finding.measured, finding.expected, finding.certainty, finding.why,
        finding.remedies[0].text, words(finding.remedies[0].code),
    )  # fmt: skip
    assert [part for part in whole if part not in shown] == []


def test_further_remedies_are_one_line_without_code():
    shown = str(Report(run(FALLING), (SYMMETRIC,)))

    assert "or         Let the layers keep torch's own initialisation." in shown
    assert "model.apply" not in shown


def test_notes_come_last_and_short():
    shown = str(Report(run(FALLING), (CONSTANT, DEAD)))

    assert "note       DAT002 constant-features: 2 of 64 input features never change" in shown
    assert shown.index("dead-units") < shown.index("constant-features")
    assert CONSTANT.why not in shown


def test_a_root_cause_leads_and_its_symptoms_stand_beneath_it(golden):
    dead = replace(DEAD, explained_by=SYMMETRIC.rule)
    constant = replace(CONSTANT, explained_by=SYMMETRIC.rule)

    golden("report-symptoms.txt", f"{Report(run(FALLING), (SYMMETRIC, dead, constant))}\n")


def test_what_is_found_at_two_places_is_printed_once_with_both():
    twin = replace(SYMMETRIC, site="2:linear#0", symptom=SYMMETRIC.symptom.replace("0:l", "2:l"))
    other = replace(SYMMETRIC, site="4:linear#0", symptom="all 8 units are copies of one another")

    shown = words(str(Report(run(FALLING), (SYMMETRIC, twin, other))))

    assert "where 0:linear#0, step 0 2:linear#0, step 0 measured" in shown
    assert shown.count(words(SYMMETRIC.why)) == 2
    assert "3 errors" in shown


def test_a_note_of_two_places_is_one_line():
    twin = replace(CONSTANT, site="1:linear#0")

    shown = words(str(Report(run(FALLING), (CONSTANT, twin))))

    assert shown.count("2 of 64 input features never change") == 1
    assert "also at 1:linear#0, step 0" in shown


def test_a_symptom_whose_root_cause_is_ignored_is_shown_whole():
    dead = replace(DEAD, explained_by=SYMMETRIC.rule)

    shown = words(str(Report(run(FALLING), (dead,))))

    assert words(DEAD.why) in shown
    assert "symptoms" not in shown


def test_the_cost_is_what_was_measured():
    lines = str(Report(run(FALLING), ())).split("\n")

    assert "recorded   3 of 600 steps, the last one step 2" in lines
    assert "cost       watching cost 0.8 % of training time (0.12 s of 15 s)" in lines


def test_the_cost_says_what_it_was_spent_on():
    once, cost = run([2.3, 2.2], recorded=1), Cost(0.12, 15.0, 0.05, 0.03, 0.04, 0.2)

    shown = str(Report(Trace(once.snapshots, once.losses, steps=2, cost=cost), ()))

    spent = "first steps 50 ms, unrecorded steps 30 ms, recordings 40 ms; judging, after it, 0.2 s"
    assert f"(0.12 s of 15 s): {spent}" in " ".join(shown.split())


def test_a_check_that_took_no_step_tells_only_how_long_it_took():
    once = run([2.3], recorded=1)

    shown = str(Report(Trace(once.snapshots, once.losses, cost=Cost(0.012, 0.001)), ()))

    assert "steps      0, 1 backward pass\n" in shown
    assert "watching took 0.012 s" in shown
    assert "%" not in shown


def test_every_case_of_every_rule_fits_80_columns():
    for rule in all_rules():
        for case in rule.cases:
            trace = case.trace()
            shown = str(Report(trace, tuple(rule.judge(Run(trace)))))
            assert max(map(len, shown.split("\n"))) <= 80, case.name


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(Trace), st.lists(st.from_type(Finding), max_size=3))
def test_whatever_was_recorded_can_be_printed(trace, findings):
    report = Report(trace, tuple(findings))

    lines = printed(report, Stream("ascii")).split("\n")

    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


def test_an_unknown_encoding_is_treated_as_ascii():
    stream = io.StringIO()
    named = type("Named", (io.StringIO,), {"encoding": "no-such-encoding"})()

    Report(run(FALLING), (DEAD,)).print(stream)
    Report(run(FALLING), (DEAD,)).print(named)

    assert "→" in stream.getvalue()
    assert named.getvalue().isascii()


def test_stderr_is_where_it_goes_by_default(capsys):
    Report(LEARNING, ()).print()

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("lifesigns  learns: nothing found\n")


def test_a_program_without_standard_error_prints_nothing(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", None)

    Report(run(FALLING), ()).print()

    assert capsys.readouterr().out == ""


def test_the_picture_is_an_svg_that_needs_no_network():
    picture = Report(run(FALLING), FINDINGS).svg("lifesigns run train.py")

    text = "".join(ET.fromstring(picture).itertext())
    assert "symmetric-units" in text.replace("\xa0", " ")
    assert re.findall(r"https?://(?!www\.w3\.org|www\.textualize\.io)", picture) == []
    assert "@font-face" not in picture


def test_the_same_report_is_the_same_picture(monkeypatch):
    report = Report(run(FALLING), FINDINGS)
    before = report.svg()

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    assert report.svg() == before


def test_a_report_is_recognised_in_a_shell():
    assert repr(Report(LEARNING, ())) == "<Report: learns: nothing found>"
