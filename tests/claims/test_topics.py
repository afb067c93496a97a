"""Every topic is whole in both languages, and its numbers are measurements of claims."""

import io
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

from lifesigns._errors import UsageError
from lifesigns.claims import Done, all_claims, find_claims
from lifesigns.claims.topics import all_topics, find
from lifesigns.claims.topics._html import html, mathml
from lifesigns.claims.topics._page import PLACEHOLDER, Explained, needed_claims, page_of
from lifesigns.claims.topics._text import print_page
from lifesigns.report.charset import encodable
from lifesigns.report.language import Language
from lifesigns.report.terminal import PLAIN_WIDTH, console_for
from lifesigns.rules import all_rules

TOPICS = {topic.name: topic for topic in all_topics()}
CLAIMS = {claim.name: claim for claim in all_claims()}
CHEAP = TOPICS["cross-entropy"]
"""A topic whose claims need no data but scikit-learn's."""
LANGUAGES = list(Language)

each_topic = pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
each_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda each: each.value)


def unmeasured(topic):
    """Results as if no claim of the topic could be run."""
    claims = find_claims(needed_claims(topic))
    return {c.name: Done(c, None, 0.0, cached=False, reason="No data.") for c in claims}


def printed(page, encoding="utf-8", width=PLAIN_WIDTH):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_page(page, console_for(file, width=width))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def text_of(words):
    return "\n".join(
        (words.title, *words.idea, *words.letters, *words.rules, *words.claims, words.correction)
    )


@each_topic
def test_a_topic_names_rules_and_claims_that_exist(topic):
    assert topic.rules
    assert topic.claims
    assert set(topic.rules) <= {rule.name for rule in all_rules()}
    assert set(topic.claims) <= set(CLAIMS)
    assert topic.references


@each_topic
@each_language
def test_no_part_of_a_topic_is_missing_in_a_language(topic, language):
    words = topic.words(language)

    assert len(words.letters) == len(topic.formulas) > 0
    assert len(words.rules) == len(topic.rules)
    assert len(words.claims) == len(topic.claims)
    assert len(words.idea) >= 2
    assert words.title
    assert not PLACEHOLDER.search(text_of(words))


@each_topic
def test_both_languages_hold_the_same_numbers_and_each_is_a_measurement(topic):
    english, chinese = (
        sorted(PLACEHOLDER.findall("\n".join(topic.words(language).measured)))
        for language in LANGUAGES
    )

    assert english == chinese
    assert set(english) == set(topic.numbers)
    assert bool(topic.english.correction) == bool(topic.words(Language.CHINESE).correction)


@pytest.mark.parametrize(
    "topic",
    [pytest.param(t, id=t.name, marks=pytest.mark.sampled(t.name, ())) for t in TOPICS.values()],
)
def test_a_placeholder_names_a_measurement_of_a_claim(topic, results):
    for number in topic.numbers.values():
        result = results[number.claim].result
        assert result is None or number.measurement in {m.name for m in result.measurements}


@each_topic
def test_chinese_is_written_with_chinese_punctuation(topic):
    text = text_of(topic.words(Language.CHINESE)) + "\n".join(
        topic.words(Language.CHINESE).measured
    )

    assert not re.findall(r"[\u4e00-\u9fff][,.;:!?()]|[,;:!?()][\u4e00-\u9fff]", text)
    assert not re.findall(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]", text)


@each_topic
def test_english_can_be_shown_where_only_ascii_can(topic):
    text = text_of(topic.english) + "\n".join(topic.english.measured)
    formulas = "\n".join(formula.text for formula in topic.formulas)

    assert "\\" not in encodable(text + formulas, "ascii").replace("\\n", "")


@each_topic
def test_formulas_fit_a_line_and_are_well_formed_mathml(topic):
    for formula in topic.formulas:
        root = ElementTree.fromstring(mathml(formula))

        assert cell_len(formula.text) <= PLAIN_WIDTH - 4
        assert root.tag.endswith("math")
        assert root.get("alttext") == formula.text
        assert "\\" not in "".join(root.itertext())


@each_topic
@each_language
def test_a_page_fits_eighty_columns_even_where_no_claim_could_be_run(topic, language):
    page = printed(page_of(topic, language, unmeasured(topic)))

    assert max(map(cell_len, page.splitlines())) <= PLAIN_WIDTH
    assert "Nodata." in "".join(page.split())
    assert all(f"lifesigns claims {name}" in page for name in topic.claims)


@each_language
def test_a_page_shows_what_its_claims_measured(results, language):
    page = " ".join(printed(page_of(CHEAP, language, results)).split())

    for number in CHEAP.numbers.values():
        measured = {m.name: m for m in results[number.claim].result.measurements}
        assert measured[number.measurement].shown in page
    assert "quick" in page
    assert "LOS006 squared-error-on-saturated-output" in page


def test_a_sentence_whose_claim_cannot_be_run_says_so_and_the_others_stay(results):
    name = "squared-error-saturates"
    some = {claim: results[claim] for claim in needed_claims(CHEAP)}
    some[name] = Done(CLAIMS[name], None, 0.0, cached=False, reason="No data.")

    page = " ".join(printed(page_of(CHEAP, Language.ENGLISH, some)).split())

    assert f"the claim {name} could not be run: No data." in page
    assert "The formula a − y differs" in page


@each_language
def test_the_html_page_is_whole_and_needs_no_network(results, language):
    page = page_of(CHEAP, language, results)

    text = html(page)

    assert f'<html lang="{language.value}">' in text
    assert text.count("<math ") == len(CHEAP.formulas)
    assert text.count("<figure ") >= len(CHEAP.claims)
    assert all(section.heading in text for section in page.sections)
    assert "<script src" not in text


def test_a_terminal_of_another_encoding_shows_chinese(results):
    page = page_of(CHEAP, Language.CHINESE, results)

    assert "交叉熵" in printed(page, encoding="gb18030")


def test_an_interval_is_written_in_the_words_of_the_language(results):
    number = replace(
        results["cross-entropy-cancels"].result.measurements[0], value=2.0, low=1.0, high=3.0
    )

    assert number.shown == "2 (1 to 3)"
    assert number.written("（{low} 至 {high}）") == "2（1 至 3）"


def test_a_name_may_mean_a_topic_a_rule_or_both():
    topic, no_rule = find("Cross_Entropy")
    no_topic, rule = find("act001")

    assert (topic, no_rule, no_topic) == (CHEAP, None, None)
    assert rule.name == "dead-units"


@pytest.mark.parametrize(
    ("name", "said"),
    [("cros-entropy", "Did you mean cross-entropy"), ("xyz", "`lifesigns rules` lists")],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_with_what_there_is(name, said):
    with pytest.raises(UsageError, match="no rule or topic") as raised:
        find(name)

    assert said in str(raised.value)
    assert all(topic in str(raised.value) for topic in TOPICS)


def test_a_rule_alone_has_no_html_page():
    with pytest.raises(UsageError, match="Only topics are written as HTML"):
        find("ACT002", needs_topic=True)


def test_letters_stand_under_their_formula(results):
    page = page_of(CHEAP, Language.ENGLISH, results)

    explained = [b for s in page.sections for b in s.blocks if isinstance(b, Explained)]

    assert [b.formula for b in explained] == list(CHEAP.formulas)
    assert [b.letters for b in explained] == list(CHEAP.english.letters)


def test_colour_is_left_out_of_a_file(results):
    file = io.StringIO()
    print_page(page_of(CHEAP, Language.ENGLISH, results), Console(file=file, width=80))

    assert "\x1b" not in file.getvalue()
