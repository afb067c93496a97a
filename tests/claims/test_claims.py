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


@pytest.fixture(scope="module")
def done():
    return {each.claim.name: each for each in run_claims(all_claims(), Effort(quick=True))}


def test_every_sentence_of_the_textbook_has_a_claim():
    covered = {key for claim in all_claims() for key in claim.sentences}

    assert covered == set(SENTENCES)


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_runs_and_says_what_it_found(done, name):
    each = done[name]
    if each.result is None:
        assert "install" in each.reason
        pytest.skip(each.reason)

    assert each.result.measurements
    assert len(each.result.explanation.split(". ")) >= 2
    assert json.loads(json.dumps([each.result.figure, *each.result.more], allow_nan=False))
    if each.claim.kind is Kind.STATISTICAL and name not in UNSETTLED:
        assert each.result.seeds >= 3


@pytest.mark.parametrize(
    "name",
    [c.name for c in all_claims() if c.kind is not Kind.STATISTICAL and c.name not in UNSETTLED],
)
def test_what_does_not_depend_on_chance_is_reproduced(done, name):
    result = done[name].result

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


def test_the_book_opens_offline_and_holds_every_claim(done):
    text = book(list(done.values()), Effort(quick=True))

    assert "A quick run" in text
    assert all(
        claim.text.replace("'", "&#x27;").split("(")[0][:30] in text for claim in all_claims()
    )
    assert "<script src" not in text


def test_the_markdown_page_has_a_row_and_the_numbers_of_every_claim(done):
    text = markdown(list(done.values()), Effort(quick=True))

    assert all(f"| [{name}](#{name}) |" in text and f"## {name}\n" in text for name in NAMES)
    assert all(
        measurement.name in text
        for each in done.values()
        if each.result
        for measurement in each.result.measurements
    )


def test_a_claim_without_its_data_says_so_on_the_page():
    missing = Done(find_claims(CHEAP[:1])[0], None, 0.0, cached=False, reason="install the data")

    text = markdown([missing], Effort())

    assert "not run" in text
    assert "install the data" in text


def test_json_is_complete_and_plain(done):
    body = json.loads(json.dumps(as_json(list(done.values()), Effort(quick=True)), allow_nan=False))

    assert [claim["name"] for claim in body["claims"]] == NAMES
    assert body["quick"] is True
