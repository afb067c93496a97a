import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from lifesigns.evidence import Run
from lifesigns.records import Remedy, Severity, Trace
from lifesigns.report import wording
from lifesigns.report.language import Language
from lifesigns.report.manual import index, markdown, page, rules_table
from lifesigns.report.terminal import console_for
from lifesigns.report.wording import phrases_in, translation
from lifesigns.report.wrapping import CLOSING
from lifesigns.rules import FAMILIES, Case, Rule, Threshold, all_rules, built_in_rules

HEADINGS = phrases_in(Language.ENGLISH).headings


def words(text):
    return " ".join(text.split())


@pytest.fixture
def console():
    return console_for(io.StringIO())


def made_up():
    def check_run(run):
        if run.trace.steps:
            yield rule.finding(
                Severity.WARNING,
                "the rate [0.5] is above 0.1",
                measured="0.5",
                expected="below 0.1",
                remedies=(
                    Remedy("Lower it.", "optimizer.param_groups[0]['lr'] = 0.1", edit="scale-rate"),
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
        check_run=check_run,
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
    parts += [words(r.text) for f in rule.judge(Run(fired.trace())) for r in f.remedies]
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


# --- in Chinese -----------------------------------------------------------------------------------
@pytest.fixture
def made_up_in_chinese(monkeypatch):
    rule = made_up()
    texts = {
        "translates": rule.fingerprint,
        "title": "为本测试而设的规则",
        "why": "步子一大，就离开了梯度所描述的区域，"
        "而在那个区域之外，梯度什么也没有说。损失因此上升。",
        "remedies": {"Lower it.": "降低学习率。", "Warm it up.": "先预热。"},
    }
    known = wording.translated

    def translated(language, part, name):
        is_it = (language, part, name) == ("zh", "rules", rule.name)
        return texts if is_it else known(language, part, name)

    monkeypatch.setattr(wording, "translated", translated)
    return rule


def squeezed(text):
    return re.sub(r"\s", "", text)


def test_a_page_in_chinese_is_made_from_the_same_parts(golden, console, made_up_in_chinese):
    page(made_up_in_chinese, console, Language.CHINESE)

    golden("manual-page-chinese.txt", console.file.getvalue())


def test_the_documentation_has_the_same_page_in_chinese(golden, made_up_in_chinese):
    golden("manual-page-chinese-markdown.txt", markdown(made_up_in_chinese, Language.CHINESE))


@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: rule.name)
def test_a_chinese_page_holds_every_chinese_text_and_fits_the_terminal(console, rule):
    page(rule, console, Language.CHINESE)

    lines = console.file.getvalue().split("\n")
    headings = phrases_in(Language.CHINESE).headings
    chinese = translation(rule, Language.CHINESE)
    texts = (chinese["title"], chinese["why"], *chinese["remedies"].values())
    text = squeezed(console.file.getvalue())
    assert [line for line in lines if line in headings] == list(headings)
    assert [each for each in texts if squeezed(each) not in text] == []
    assert max(map(cell_len, lines)) <= 80
    assert [line for line in lines if line.strip()[:1] in CLOSING and line.strip()] == []


@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: rule.name)
def test_only_words_are_translated_code_is_not(rule):
    codes = [re.findall(r"```python\n.*?```", markdown(rule, each), re.DOTALL) for each in Language]

    assert codes[0] == codes[1] != []


@pytest.mark.parametrize("shown", [True, False])
def test_a_page_says_which_parts_are_in_english(console, shown, made_up_in_chinese):
    rule = made_up_in_chinese if shown else replace(made_up_in_chinese, name="other-name")

    page(rule, console, Language.CHINESE)

    note = console.file.getvalue().split("\n")[2]
    phrases = phrases_in(Language.CHINESE)
    assert note == (phrases.note if shown else phrases.untranslated)
    assert note in markdown(rule, Language.CHINESE)


def test_a_rule_without_chinese_has_its_page_in_english_under_chinese_headings(console):
    page(made_up(), console, Language.CHINESE)

    text = console.file.getvalue()
    assert words(made_up().why) in words(text)
    assert "Warm it up." in text
    assert "为什么有害" in text


def test_a_translation_of_words_that_have_changed_since_is_not_shown(console, made_up_in_chinese):
    page(replace(made_up_in_chinese, title="Another title"), console, Language.CHINESE)

    assert "Another title" in console.file.getvalue()
    assert "为本测试而设的规则" not in console.file.getvalue()


def test_a_chinese_terminal_of_another_encoding_shows_every_page():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="gbk")

    for rule in built_in_rules():
        page(rule, console_for(stream), Language.CHINESE)

    stream.flush()
    assert squeezed(translation(rule, Language.CHINESE)["why"]) in squeezed(
        stream.buffer.getvalue().decode("gbk")
    )


def test_the_chinese_index_links_to_the_page_of_every_rule():
    text = index(built_in_rules(), Language.CHINESE, "rules/zh")

    links = re.findall(r"\[(\w+) ([\w-]+)\]\(rules/zh/\2\.md\) \| (.*) \|", text)
    assert links == [
        (rule.code, rule.name, translation(rule, Language.CHINESE)["title"])
        for rule in built_in_rules()
    ]
    assert "## 激活函数" in text
