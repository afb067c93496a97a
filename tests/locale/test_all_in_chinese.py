"""Every text that reaches a person, in Chinese: no English prose but code, names and citations."""

import io
import re
from dataclasses import replace

import pytest
from called import call
from english import SOURCE, ChinesePart, english, texts_in

from lifesigns.claims import Effort, all_claims, find_claims, run_claims
from lifesigns.claims._book import _book
from lifesigns.claims._textbook import SENTENCES
from lifesigns.claims._words import Words
from lifesigns.evidence import Run
from lifesigns.functions import LOSSES
from lifesigns.lab.design.arguments import design_of
from lifesigns.lab.results.pages import html_page
from lifesigns.lab.results.ranking import rank
from lifesigns.lab.run import run as run_lab
from lifesigns.locale.spoken import said_in, speaking
from lifesigns.records import RunInfo
from lifesigns.report import Report
from lifesigns.report.functions import ENTRIES
from lifesigns.report.functions_html import html as functions_html
from lifesigns.report.joined import Joined, Part
from lifesigns.report.language import Language
from lifesigns.report.manual import markdown
from lifesigns.rules import Selection, built_in_rules
from lifesigns.testing import assert_no_alarm

CHINESE = Language.CHINESE
COMMANDS = ("", "run", "rerun", "prove", "check", "show", "compare", "report", "live", "rules",
            "explain", "demo", "lab", "functions", "claims", "play")  # fmt: skip
OF_DEVELOPERS = ("claims/_engine.py", "rules/_discovery.py", "remedies/_discovery.py",
                 "claims/topics/_discovery.py", "lab/training/population.py")  # fmt: skip
"""Messages to whoever writes a rule, an edit or a claim."""
PARTS = ("commands", "report", "prove", "progress", "lab", "functions", "compare", "claims",
         "errors", "watching")  # fmt: skip
OF_PARTS = (
    "7 of an earlier attempt did not have to be repeated.",
    "7 to run, about 7 on this machine.",
)
"""Whose number brings its own word, such as `3 claims`."""
GONE = {
    3: "left no run here: not watched, or on another machine (name a folder that all see in "
    "LIFESIGNS_RANKS)",
    4: "had not ended 15 s later: its run up to then was read",
    5: "died without a report: its run up to then was read",
    6: "died without a report: its run up to then was read",
    7: "is not among the run files",
    8: "left a run that cannot be read: [Errno 5]",
}
"""Why nothing was heard of ranks."""
CHEAP = ("cross-entropy-cancels", "squared-error-saturates", "losses-are-positive",
         "backpropagation")  # fmt: skip
ERRORS = {"UsageError", "RunFileError", "LifesignsError", "CannotRun"}
FILLED = {
    "7 7;": "7 does not exist;",
    "7: the value": "7, line 7, column 7: the value",
    "7: 7 is no number": "7, line 7, column 7: 7 is no number",
    "7: 7 may be": "7: 7 in line 7 may be",
    "decimal comma (7) and with a decimal point (7)":
        "decimal comma (7 in line 7) and with a decimal point (7 in line 7)",
    "expects there: 7": "expects there: a number, such as 7",
}  # fmt: skip
"""Places with words of their own, as they may be filled."""
MEASURES = {"near", "below", "above", "mean_above", "mean_below", "mean_within", "reported",
            "stated"}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of(monkeypatch, capsys, command):
    call(monkeypatch, *([command] if command else []), "--lang", "zh", "--help")

    texts = re.sub(r"^  [a-zA-Z|\-].*?  +|\[[^\]]*\]", "", capsys.readouterr().out, flags=re.M)
    assert {english(line): line for line in texts.splitlines()[1:] if english(line)} == {}


def test_the_first_screen(monkeypatch, capsys):
    call(monkeypatch, "--lang", "zh")

    assert [line for line in capsys.readouterr().out.splitlines() if english(line)] == []


@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: rule.name)
def test_the_report_and_the_manual_page_of(rule):
    case = next(case for case in rule.cases if case.fires)
    trace = case.trace()
    found = tuple(rule.judge(Run(trace)))

    with speaking("zh"):
        text = io.StringIO()
        Report(trace, found).print(text, width=1000)
    page = re.sub(r"```.*?```", "", markdown(rule, CHINESE), flags=re.DOTALL)
    page = page[: page.index("## 参考文献")] + page[page.index("## 用这些例子检验过") :]

    code = {
        line.strip() for r in found for remedy in r.remedies for line in remedy.code.split("\n")
    }
    lines = [line for line in text.getvalue().splitlines() if line.strip() not in code]
    assert [line for line in (*lines, *page.splitlines()) if english(line)] == []


@pytest.mark.parametrize("given", [["rules"], ["functions"], ["explain"]], ids=" ".join)
def test_a_list(monkeypatch, capsys, given):
    call(monkeypatch, *given, "--lang", "zh")

    lines = capsys.readouterr().out.splitlines()
    formulas = tuple(loss.gradient_formula for loss in LOSSES.values())
    lines = [line.removeprefix("where") for line in lines if not line.rstrip().endswith(formulas)]
    assert [line for line in lines if english(line)] == []


def test_the_page_of_the_catalogue():
    parts = ("source", "formula", "gradient_formula")
    kept = {getattr(entry, name, "") for entry in ENTRIES.values() for name in parts}

    texts = ChinesePart(functions_html()).texts

    kept.add("where")
    shown = [re.sub(r"^(f\(x\)|L|spread|∂L/∂z) = ", "", text) for text in texts]
    assert [text for text in shown if text.strip() not in kept and english(text)] == []


def test_the_page_of_the_lab():
    design = design_of(None, {"data": "iris", "hidden": "8", "activations": "relu,tanh",
                              "initialisers": "he,zeros", "rates": "0.01,0.1", "seeds": 2,
                              "steps": 20})  # fmt: skip
    outcome = run_lab(design)

    texts = ChinesePart(html_page(outcome, rank(outcome))).texts

    assert [text for text in texts if english(text)] == []


def test_the_book_of_claims_with_its_charts():
    done = list(run_claims(find_claims(CHEAP), Effort(quick=True)))
    page = _book(done, Effort(quick=True), CHINESE)

    texts = ChinesePart(page.render(_book(done, Effort(), CHINESE))).texts
    charts = [spec for each in done for spec in (each.result.figure, *each.result.more)]

    assert [text for text in texts if english(text)] == []
    for chart, words in zip(charts, page._words(), strict=True):
        assert chart["title"]["text"] in words


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.name)
def test_what_stands_in_the_source_of_the_claim(claim):
    say = Words(CHINESE, claim.name).said
    path = SOURCE / "claims" / f"{claim.name.replace('-', '_')}.py"
    written = [
        *texts_in(path, lambda call, place: call in MEASURES and place == 0),
        *texts_in(path, lambda call, place: call == "Result" and place == 1),
        *texts_in(path, lambda call, place: place in ("title", "subtitle")),
    ]
    own = (claim.text, claim.source, claim.published, claim.correction)

    said = [say(text) for text in (*own, *(SENTENCES[key] for key in claim.sentences), *written)]

    assert [text for text in said if english(text)] == []


def test_every_error_message():
    left = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).as_posix() in OF_DEVELOPERS:
            continue
        for text in texts_in(path, lambda call, place: call in ERRORS and place == 0):
            text = re.sub("|".join(map(re.escape, FILLED)), lambda found: FILLED[found[0]], text)
            if english(said_in("zh", text, "errors")):
                left[path.name] = text

    assert left == {}


def test_whatever_is_said_where_it_stands():
    left = {}
    for folder in ("commands", "report", "prove", "claims", "_watching"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for text in texts_in(path, lambda call, place: call in ("said", "say") and place == 0):
                said = {said_in("zh", text, part) for part in PARTS}
                if said == {text} and english(text) and text not in OF_PARTS:
                    left[path.name] = text

    assert left == {}


def test_what_is_said_of_the_ranks():
    trace = built_in_rules()[0].cases[0].trace()
    steps = dict(enumerate((3, 3, 4)))
    traces = {n: replace(trace, steps=count) for n, count in steps.items()}
    traces[2] = replace(traces[2], info=RunInfo(outcome="failed: RuntimeError: no"))
    report = Joined.of({n: Part(t, ()) for n, t in traces.items()}, 9, Selection(), GONE)
    shown = io.StringIO()

    with speaking("zh"):
        replace(report, spread=True).print(shown)

    lines = shown.getvalue().splitlines()
    lines = lines[next(n for n, line in enumerate(lines) if line.startswith("各进程")) :]
    assert len(lines) > len(GONE)
    assert {english(line): line for line in lines if english(line)} == {}


def test_a_failed_assertion():
    case = next(case for case in built_in_rules()[0].cases if case.fires)
    report = Report.of(case.trace(), Selection())

    with speaking("zh"), pytest.raises(AssertionError) as failed:
        assert_no_alarm(report)

    code = {
        line.strip() for f in report.findings for r in f.remedies for line in r.code.split("\n")
    }
    lines = [line for line in str(failed.value).splitlines() if line.strip() not in code]
    assert [line for line in lines if english(line)] == []


def test_without_a_translation_it_is_said_in_english():
    with speaking("zh"):
        assert said_in("zh", "which nobody has translated yet") == "which nobody has translated yet"
