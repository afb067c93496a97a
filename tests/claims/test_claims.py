"""Every sentence of the textbook has a claim; every claim runs, is drawn and explained."""

import json

import pytest

from lifesigns._errors import UsageError
from lifesigns.claims import (
    Effort,
    Measurement,
    Result,
    Verdict,
    all_claims,
    find_claims,
    run_claims,
)
from lifesigns.claims._book import as_json, book, markdown
from lifesigns.claims._claim import Kind
from lifesigns.claims._engine import Done
from lifesigns.claims._textbook import SENTENCES

NAMES = [claim.name for claim in all_claims()]
CHEAP = ["squared-error-saturates", "cross-entropy-cancels", "losses-are-positive"]
UNSETTLED = {"exponential-cost", "advice"}
"""Claims whose verdict depends on the machine or on few seeds."""


def each_claim(claims):
    """Runs a test for each claim; a sample holds claims of every kind."""
    made = [pytest.param(c.name, marks=pytest.mark.sampled(c.name, {c.kind.value})) for c in claims]
    return pytest.mark.parametrize("name", made)


@pytest.fixture
def every(results):
    """All claims, of which only the cheap ones were run."""
    absent = {c.name: Done(c, None, 0.0, cached=False, reason="not run") for c in all_claims()}
    return [*(absent | {name: results[name] for name in CHEAP}).values()]


def test_every_sentence_of_the_textbook_has_a_claim():
    covered = {key for claim in all_claims() for key in claim.sentences}

    assert covered == set(SENTENCES)


@each_claim(all_claims())
def test_a_claim_runs_and_says_what_it_found(results, name):
    each = results[name]
    if each.result is None:
        assert "install" in each.reason
        pytest.skip(each.reason)

    assert each.result.measurements
    assert len(each.result.explanation.split(". ")) >= 2
    assert json.loads(json.dumps([each.result.figure, *each.result.more], allow_nan=False))
    if each.claim.kind is Kind.STATISTICAL and name not in UNSETTLED:
        assert each.result.seeds >= 3


@each_claim(c for c in all_claims() if c.kind is not Kind.STATISTICAL and c.name not in UNSETTLED)
def test_what_does_not_depend_on_chance_is_reproduced(results, name):
    result = results[name].result

    missed = [
        f"{m.name}: {m.shown}, expected {m.expected}" for m in result.measurements if not m.holds
    ]
    assert missed == []


def test_statistical_claims_have_eight_seeds_in_a_full_run():
    assert Effort().of(8, 3) == 8
    assert Effort(quick=True).of(8, 3) == 3


def measurement(holds):
    return Measurement("m", 1.0, "1", holds)


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        ([True, True], Verdict.REPRODUCED),
        ([True, False], Verdict.PARTLY),
        ([False], Verdict.NOT_HERE),
    ],
)
def test_the_verdict_follows_from_the_measurements_alone(held, verdict):
    assert Result(tuple(map(measurement, held)), "", {}).verdict is verdict


def test_a_result_is_kept_until_the_code_changes(tmp_path, monkeypatch):
    claims = find_claims(CHEAP[:1])
    first = list(run_claims(claims, Effort(), kept=tmp_path))

    again = list(run_claims(claims, Effort(), kept=tmp_path))
    quick = list(run_claims(claims, Effort(quick=True), kept=tmp_path))
    monkeypatch.setattr("lifesigns.claims._engine._fingerprint", lambda: "other code")
    changed = list(run_claims(claims, Effort(), kept=tmp_path))

    assert [d[0].cached for d in (first, again, quick, changed)] == [False, True, False, False]
    assert again[0].result.measurements[0].value == first[0].result.measurements[0].value


def test_a_result_is_not_taken_for_one_of_other_data(tmp_path, monkeypatch):
    claims = find_claims(CHEAP[:1])
    list(run_claims(claims, Effort(), kept=tmp_path))
    monkeypatch.setattr("lifesigns.claims._engine.data_version", lambda: "other data")

    (again,) = run_claims(claims, Effort(), kept=tmp_path)

    assert not again.cached


@pytest.mark.parametrize(
    "kept",
    ["{}", "[" * 5000, "3", '{"seconds": 1, "measurements": [3]}', "\xff", '{"seconds": []}'],
)
def test_a_damaged_result_is_run_again(tmp_path, kept):
    claims = find_claims(CHEAP[:1])
    list(run_claims(claims, Effort(), kept=tmp_path))
    for path in tmp_path.iterdir():
        path.write_text(kept, encoding="latin-1")

    (again,) = run_claims(claims, Effort(), kept=tmp_path)

    assert not again.cached


def test_a_result_that_cannot_be_kept_is_still_given(tmp_path):
    (tmp_path / "file").touch()

    (done,) = run_claims(find_claims(CHEAP[:1]), Effort(), kept=tmp_path / "file")

    assert done.result is not None


def test_an_unknown_claim_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean leaky-relu"):
        find_claims(["leaky-rellu"])


def test_the_book_opens_offline_and_holds_every_claim(every):
    text = book(every, Effort(quick=True))

    assert "A quick run" in text
    assert all(
        claim.text.replace("'", "&#x27;").split("(")[0][:30] in text for claim in all_claims()
    )
    assert "<script src" not in text


def test_the_markdown_page_has_a_row_and_a_section_of_every_claim(every):
    text = markdown(every, Effort(quick=True))

    assert all(f"| [{name}](#{name}) |" in text and f"## {name}\n" in text for name in NAMES)


@each_claim(all_claims())
def test_the_pages_show_the_figure_and_the_numbers_of_a_claim(results, name):
    each = results[name]
    if each.result is None:
        pytest.skip(each.reason)

    pages = [make([each], Effort(quick=True)) for make in (book, markdown)]

    for measurement in each.result.measurements:
        assert all(measurement.name in page.replace("&#x27;", "'") for page in pages)


def test_a_claim_without_its_data_says_so_on_the_page():
    missing = Done(find_claims(CHEAP[:1])[0], None, 0.0, cached=False, reason="install the data")

    text = markdown([missing], Effort())

    assert "not run" in text
    assert "install the data" in text


@each_claim(all_claims())
def test_the_json_of_a_claim_is_plain(results, name):
    assert json.dumps(as_json([results[name]], Effort(quick=True)), allow_nan=False)


def test_json_is_complete(every):
    body = as_json(every, Effort(quick=True))

    assert [claim["name"] for claim in body["claims"]] == NAMES
    assert body["quick"] is True
