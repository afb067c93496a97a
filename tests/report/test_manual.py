import io
import re

import pytest

from lifesigns.records import Remedy, Severity, Trace
from lifesigns.report.manual import HEADINGS, index, markdown, page, rules_table
from lifesigns.report.terminal import console_for
from lifesigns.rules import FAMILIES, Case, Rule, Threshold, all_rules


def words(text):
    return " ".join(text.split())


@pytest.fixture
def console():
    return console_for(io.StringIO())


def made_up():
    def check(trace):
        if trace.steps:
            yield rule.finding(
                Severity.WARNING,
                "the rate [0.5] is above 0.1",
                measured="0.5",
                expected="below 0.1",
                remedies=(
                    Remedy("Lower it.", "optimizer.param_groups[0]['lr'] = 0.1"),
                    Remedy("Warm it up."),
                ),
            )

    rule = Rule(
        code="OPT999",
        name="made-up",
        title="A rule for this test",
        why="Large steps leave the region that the gradient describes. The loss rises.",
        sees="What a *gradient* says holds nearby.",
        evidence="The rate is read from the optimizer.",
        ignore="Never [so far].",
        references=("Karpathy, CS231n", "A `second` source | with a bar"),
        explains=("loss-diverges",),
        check=check,
        thresholds={"rate": Threshold(0.1, "largest rate", "Karpathy, CS231n")},
        cases=(
            Case("a large rate", lambda: Trace(steps=1), Severity.WARNING),
            Case("a healthy rate", Trace, None),
        ),
    )
    return rule


def test_a_page_is_made_from_the_rule_and_its_cases(golden, console):
    page(made_up(), console)

    golden("manual-page.txt", console.file.getvalue())


def test_the_documentation_has_the_same_page_as_markdown(golden):
    golden("manual-page-markdown.txt", markdown(made_up()))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_each_page_has_all_headings_in_order(console, rule):
    page(rule, console)

    lines = console.file.getvalue().split("\n")
    assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
    assert re.findall(r"^## (.*)", markdown(rule), re.MULTILINE) == list(HEADINGS)


def test_a_rule_without_a_manual_still_has_a_page(console):
    rule = Rule("XYZ001", "bare-rule", "A rule of another distribution", "Why.", lambda trace: ())

    page(rule, console)

    assert "bare-rule" in console.file.getvalue()
    assert "XYZ001 bare-rule" in index([rule])
    assert "# XYZ001 bare-rule" in markdown(rule)


def test_the_index_links_to_the_page_of_every_rule():
    links = re.findall(r"\[(\w+) ([\w-]+)\]\(rules/\2\.md\)", index(all_rules()))

    assert links == [(rule.code, rule.name) for rule in all_rules()]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_each_page_holds_title_reason_thresholds_cases_and_remedies(console, rule):
    page(rule, console)

    text = words(console.file.getvalue())
    parts = [rule.code, rule.name, words(rule.title), words(rule.why)]
    parts += [words(threshold.source) for threshold in rule.thresholds.values()]
    parts += [words(case.name) for case in rule.cases]
    fired = next(case for case in rule.cases if case.fires)
    parts += [words(r.text) for f in rule.check(fired.trace()) for r in f.remedies]
    assert [part for part in parts if part not in text] == []
    assert max(map(len, console.file.getvalue().split("\n"))) <= 80


def test_the_list_holds_every_rule_under_its_family(console):
    rules_table(console)

    text = console.file.getvalue()
    places = []
    for rule in all_rules():
        assert words(rule.title) in words(text)
        places.append(text.index(f"{rule.code}  {rule.name}"))
        assert text.index(FAMILIES[rule.code[:3]]) < places[-1]
    assert places == sorted(places)
    assert max(map(len, text.split("\n"))) <= 80


def test_the_manual_can_be_read_on_an_ascii_stream():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    for rule in all_rules():
        page(rule, console_for(stream))
    rules_table(console_for(stream))

    stream.flush()
    assert stream.buffer.getvalue().isascii()
