"""A proof in words, as JSON and as a page."""

import dataclasses
import json
import math
from html.parser import HTMLParser
from pathlib import Path

import made

from lifesigns.prove.as_json import SCHEMA, proof_as_json
from lifesigns.prove.candidates import Candidate
from lifesigns.prove.identity import Comparison, Identity, Verdict
from lifesigns.prove.in_words import nothing, of_plan, of_proof, price, unmended
from lifesigns.prove.page import POINTS, proof_html
from lifesigns.prove.proof import Conclusion, Limits, Pair, Try
from lifesigns.prove.scores import Measure
from lifesigns.remedies.scale_rate import ScaleRate

NAN = math.nan
BAD = "<!--</script><script>alert(1)</script><img src=x onerror=alert(1)>"
DOCS = (Path(__file__).parents[2] / "docs" / "prove.md").read_text(encoding="utf-8")


def told(proof):
    return "\n".join(of_proof(proof, "train.py"))


def lost(seed, score=0.12):
    return Pair(seed, made.scored(0.1), made.scored(score), "no better", score - 0.1)


# --- in words -------------------------------------------------------------------------------------
def test_a_proof_says_on_how_many_seeds_and_nothing_more():
    text = told(made.proof())

    assert text.startswith(
        "train.py: scale-rate is proved for rate-too-high: it cured it on 5 of 5 fresh seeds, on "
        "this machine, 30 steps each.\n"
    )
    assert "  1. scale-rate factor=0.1 for rate-too-high: cures (0.2 → 0.7)\n" in text
    assert "     5        0.1        0.6  cured\n" in text
    assert "Median difference +0.5 (from +0.5 to +0.5 with 94% confidence).\n" in text
    assert "e-value 24.8; 20 proves" in text
    assert "fixed" not in text


def test_what_is_undecided_is_not_called_proved():
    proof = made.proof(Conclusion.UNDECIDED, pairs=(lost(1), lost(2)))

    words = "scale-rate is neither proved nor refuted yet for rate-too-high"
    assert f"{words}: it cured it on 0 of 2" in told(proof)
    assert "     1        0.1       0.12  no better" in told(proof)


def test_a_second_proof_says_that_it_needs_more():
    assert "e-value 24.8; 40 proves: luck alone gets there once in 40 times" in told(
        made.proof(Conclusion.UNDECIDED, needed=40.0)
    )


def test_an_intervention_is_called_so():
    remedy = Candidate(made.finding(), ScaleRate(0.1), refusal="no optimizer is built")
    proof = made.proof(chosen=remedy)

    assert "(an intervention in the live run: no source was changed)" in told(proof)
    assert "not written into the source: no optimizer is built" in told(proof)
    assert proof_as_json(proof)["remedy"]["kind"] == "intervention"


def test_where_no_remedy_cures_none_was_put_to_the_proof():
    failed = Try(made.candidate(), made.scored(0.2), "no better by more than the margin")
    proof = made.proof(Conclusion.NOT_PROVED, pairs=(), tries=(failed,))

    assert "not proved: none of the remedies that were tried cures it." in told(proof)
    assert "for rate-too-high: no better by more than the margin (0.2 → 0.2)" in told(proof)
    assert "e-value" not in told(proof)


def test_scores_that_are_no_numbers_are_none_and_not_averaged():
    pairs = [Pair(1, made.scored(NAN), made.scored(0.6), "", math.inf), lost(2)]
    proof = made.proof(pairs=(*pairs, lost(3)))

    assert "     1       none        0.6  cured" in told(proof)
    assert "Median difference +0.02 (from +0.02 to +0.02 with 50% confidence)." in told(proof)
    assert "Median" not in told(made.proof(pairs=tuple(pairs)))


def test_a_run_that_repeats_within_the_spread_only_says_so():
    close = Identity(Verdict.WITHIN_SPREAD, Comparison(5, 1, None, 0.1))

    assert "within the spread of two identical arms" in told(made.proof(identity=close))


def test_a_plan_names_remedies_and_price():
    plan = dataclasses.replace(made.proof().plan, candidates=(made.candidate(),) * 3)

    *lines, last = of_plan(plan, Limits(tries=2, pairs=3))

    assert lines[0] == "rate-too-high: the loss jumps"
    assert lines[1] == "Remedies, in this order (2 are tried at most):"
    assert len(lines) == 4
    assert last == (
        "9 trainings of 2 s if the first remedy cures on every seed, together 18 s; at most 10."
    )
    assert price(dataclasses.replace(plan, seconds=90.0), Limits()).endswith(
        "together 19.5 min; at most 29."
    )


def test_where_there_is_nothing_to_prove_the_reason_is_given():
    plan = made.proof().plan
    healthy = dataclasses.replace(plan, findings=())

    assert nothing(healthy) == (
        "Nothing to prove: no error and no warning was found in the run. "
        "--auto tries the commonest edits all the same."
    )
    assert "no edit is known for what was found (rate-too-high)" in nothing(plan)
    assert told(made.proof(Conclusion.NOTHING)) == nothing(plan)


# --- as JSON --------------------------------------------------------------------------------------
def test_json_is_strict_whatever_the_scores_are():
    broken = made.scored(NAN, NAN, how=BAD)
    pairs = (Pair(1, broken, made.scored(0.6), "", math.inf), Pair(2, broken, broken, "x", NAN))
    noisy = Measure("a", True, 0.1, math.inf)

    for proof in (made.proof(), made.proof(pairs=pairs, faulty=broken, measure=noisy)):
        text = json.dumps(proof_as_json(proof), allow_nan=False)

        assert json.loads(text)["schema"] == SCHEMA


def test_json_says_what_the_documentation_says():
    noted = proof_as_json(made.proof())

    for name in {*noted, *noted["measure"], *noted["pairs"][0], *noted["remedy"], *noted["faulty"]}:
        assert f"`{name}`" in DOCS, name
    assert noted["remedy"]["files"]["/project/train.py"].startswith("sha256:")
    assert noted["pairs"][0]["cured"] is True
    assert "losses" not in noted["faulty"]


# --- as a page ------------------------------------------------------------------------------------
class Tags(HTMLParser):
    """Collects elements and what they point to."""

    def __init__(self, page):
        super().__init__()
        self.names, self.targets = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.targets += [value for name, value in attrs if name in ("src", "href", "action")]


def test_a_page_opens_without_a_request():
    page = proof_html(made.proof(), "train.py", "--- a\n+++ b\n")

    tags = Tags(page)
    assert tags.targets == []
    assert not {"link", "img", "iframe", "form"} & set(tags.names)
    assert "Content-Security-Policy" in page


def test_nothing_that_the_user_named_becomes_markup():
    bad = made.candidate(symptom=BAD, rule=BAD, site=BAD, after=BAD)
    pairs = (Pair(1, made.scored(0.1), made.scored(0.2), BAD, 0.1),)
    plain = proof_html(made.proof(pairs=(lost(1),)), "train.py", "x")

    page = proof_html(made.proof(chosen=bad, pairs=pairs), f"{BAD}.py", BAD)

    assert sorted(Tags(page).names) == sorted(Tags(plain).names)
    assert page.count("</script>") == plain.count("</script>")
    assert "<!--" not in page


def test_a_page_without_pairs_or_change_has_no_empty_parts():
    page = proof_html(made.proof(Conclusion.NOTHING, pairs=(), tries=()), "train.py", "")

    assert "What was changed" not in page
    assert "seed by seed" not in page


def test_long_and_broken_curves_are_thinned():
    losses = made.curve(*[1.0] * 5000, NAN, *[2.0] * 5000)
    scored = dataclasses.replace(made.scored(0.1), losses=losses)
    empty = dataclasses.replace(scored, losses=made.curve())

    page = proof_html(made.proof(pairs=(Pair(1, scored, empty, "", 0.0),)), "train.py", "")

    assert page.count('"arm": "without"') == POINTS
    assert page.count('"loss": null') == 1
    assert '"loss": NaN' not in page


def test_a_cause_that_no_edit_mends_is_named_before_its_symptoms_are():
    first, symptom = made.finding("drifting-input", "the inputs grow"), made.finding()
    plan = dataclasses.replace(
        made.proof().plan, findings=(first, symptom), candidates=(made.candidate(),)
    )

    assert list(unmended(plan)) == [
        "No edit is known for drifting-input, which may be the cause: the inputs grow."
    ]
