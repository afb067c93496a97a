"""What is trained, in which order, and what is concluded from it; nothing is trained here."""

import dataclasses

import made
import pytest
from scripted_arms import LIMITS, Script, answer, cured, faulty, plan, proved

from lifesigns.prove import proving
from lifesigns.prove.arm import Program
from lifesigns.prove.candidates import Candidate, combined
from lifesigns.prove.fork_server import ForkServer
from lifesigns.prove.proof import Conclusion, Limits
from lifesigns.prove.proving import planned, prove
from lifesigns.prove.scores import Measure
from lifesigns.prove.treatment import Treatment
from lifesigns.records import Cost, Trace
from lifesigns.remedies import Both
from lifesigns.remedies.clip_gradient import ClipGradient
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.standardise_targets import StandardiseTargets
from lifesigns.rules.testing import regression


def test_the_first_remedy_that_cures_is_proved_on_fresh_seeds():
    proof, script = proved(answer)

    first, second = plan().candidates
    own = [Treatment(), first.treatment(0), second.treatment(0)]
    pairs = [one for n in range(1, 6) for one in (Treatment(n), second.treatment(n))]
    assert script.asked == own + pairs
    assert proof.conclusion is Conclusion.PROVED
    assert proof.chosen == second
    assert [pair.seed for pair in proof.pairs] == [1, 2, 3, 4, 5]
    assert proof.wealth == pytest.approx(1.9**5)
    assert proof.gain == pytest.approx((0.9, 0.9, 0.9))


def test_it_is_said_what_goes_on():
    said = []
    proved(answer, said=said)

    assert said[0] == "Training without a remedy: does it repeat?"
    assert said[2] == "Remedy 1: no better by more than the margin."
    assert said[3] == (
        "Remedy 2, scale-rate factor=0.1, for rate-too-high; if it cures, proved in about 0 s."
    )
    assert said[-1] == "Pair 5: won; the e-value is 24.8."


def test_too_few_pairs_leave_it_undecided():
    proof, _ = proved(answer, Limits(tries=3, pairs=4))

    assert proof.conclusion is Conclusion.UNDECIDED


def test_a_remedy_that_only_helps_on_the_scripts_own_seed_is_not_proved():
    def lucky(one, times):
        return faulty(one.shift) if one.shift else answer(one, times)

    proof, _ = proved(lucky, Limits(tries=3, pairs=12))

    assert proof.conclusion is Conclusion.NOT_PROVED
    assert len(proof.pairs) == 2
    assert proof.tries[-1].shortcoming == "cures on 0 of 2 fresh seeds only"
    assert proof.chosen is None


def test_a_remedy_that_fresh_seeds_refute_is_passed_over_and_the_next_has_to_win_more_often():
    def lucky_once(one, _times):
        first = any("first" in text for text in one.sources.values())
        helps = one.sources and not (first and one.shift)
        return cured(one.shift) if helps else faulty(one.shift)

    proof, script = proved(lucky_once, Limits(tries=3, pairs=12))

    assert proof.conclusion is Conclusion.PROVED
    assert [one.shortcoming for one in proof.tries] == ["cures on 0 of 2 fresh seeds only", ""]
    assert (proof.needed, len(proof.pairs)) == (40, 6)
    without = [one.shift for one in script.asked if not one.sources]
    assert without == [0, 1, 2, 3, 4, 5, 6]


def test_where_none_cures_no_pair_is_trained():
    proof, script = proved(answer, Limits(tries=1, pairs=5))

    assert proof.conclusion is Conclusion.NOT_PROVED
    assert (proof.chosen, proof.pairs, len(script.asked)) == (None, (), 2)


def test_an_edit_that_could_not_be_made_is_not_chosen_however_well_it_went():
    def refused(one, times):
        return dataclasses.replace(cured(one.shift), refusal="no optimizer was found in the run")

    proof, _ = proved(lambda one, n: refused(one, n) if one.sources else faulty(one.shift))

    assert [one.shortcoming for one in proof.tries] == ["no optimizer was found in the run"] * 2


def test_a_remedy_that_breaks_the_script_is_not_chosen():
    def broken(one, times):
        how = "failed: RuntimeError: shape"
        return made.arm(0.9, how=how) if one.sources else faulty(one.shift)

    proof, _ = proved(broken)

    assert proof.tries[0].shortcoming == "it failed: RuntimeError: shape"


def test_without_candidates_nothing_is_trained():
    proof, script = proved(answer, remedies=())

    assert (proof.conclusion, script.asked) == (Conclusion.NOTHING, [])


# --- the plan -------------------------------------------------------------------------------------
def test_a_plan_trains_once_unless_the_run_is_recorded(tmp_path):
    script = Script(lambda one, _: made.arm())

    fresh = planned(script, Measure())
    known = planned(script, Measure(), made.run())

    assert script.asked == [Treatment()]
    assert fresh.findings == known.findings
    assert known.seconds > 0.1, "a script that starts anew imports torch again"


def test_a_plan_that_is_only_told_loads_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(ForkServer, "load", lambda *_: asked.append("load"))
    monkeypatch.setattr(proving, "seconds_to_start", lambda: asked.append("start") or 1.0)
    recorded = dataclasses.replace(made.run(), cost=Cost(watching=1.0, training=7.0))
    monkeypatch.setattr(proving, "judge", lambda _: [made.finding()])

    with Script(answer) as script:
        told = planned(script, Measure(), recorded, is_dry=True)
        may_fork = script.may_fork
        planned(script, Measure(), recorded)

    assert told.candidates
    assert asked == ["load", "start"] if may_fork else ["start", "start"]
    assert told.seconds == pytest.approx(8.0 + (proving.FORKED if may_fork else 1.0))


def test_the_price_is_that_of_five_pairs_at_least():
    assert plan().trainings(Limits(10, 12)) == (13, 28)
    assert plan(remedies=()).trainings(Limits(10, 12)) == (0, 0)


def test_an_edit_without_a_place_is_made_in_the_live_run_of_each_arm():
    bare = dataclasses.replace(made.candidate(), sources={}, originals={}, edit=ScaleRate(0.5))
    script = Script(lambda one, n: cured(one.shift) if one.edit else faulty(one.shift))
    wanted = dataclasses.replace(plan(), candidates=(bare,))

    proof = prove(script, wanted, LIMITS, str)

    assert proof.conclusion is Conclusion.PROVED
    assert script.asked[2:4] == [Treatment(1), Treatment(1, {}, ScaleRate(0.5))]


def second_scores(score):
    """Both remedies cure, the first to 0.9 and the second to this."""

    def told(one, _times):
        if not one.sources:
            return faulty(one.shift)
        second = any("second" in text for text in one.sources.values())
        return made.arm(score if second else 0.9, losses=[1.0 + 0.01 * one.shift] * 30)

    return told


@pytest.mark.parametrize(("score", "taken"), [(0.72, 0), (0.9, 1)])
def test_beside_a_remedy_that_cures_one_for_what_is_left_wrong_is_tried(monkeypatch, score, taken):
    left = {0.7: [made.finding("exploding-gradient")]}
    monkeypatch.setattr(
        proving, "judge", lambda trace: left.get(trace.snapshots[-1].loss.correlation, [])
    )

    def told(one, _times):
        scores = {StandardiseTargets(): 0.7, None: 0.0}
        if isinstance(one.edit, Both):
            return made.arm(score, losses=[1.0 + 0.01 * one.shift] * 30)
        return made.arm(scores.get(one.edit, 0.1), losses=[1.0 + 0.01 * one.shift] * 30)

    found = tuple(Candidate(made.finding(), e) for e in (StandardiseTargets(), ClipGradient(2.0)))
    wanted = dataclasses.replace(plan(), candidates=found)
    proof = prove(Script(told), wanted, Limits(), str)

    first, beside = (one.candidate for one in proof.tries)
    assert beside.edit == Both(StandardiseTargets(), ScaleRate(0.1))
    assert beside.finding is first.finding
    assert beside.details == "standardise-targets + scale-rate factor=0.1"
    assert proof.choice is proof.tries[taken]


def test_data_of_another_scale_ask_for_another_rate():
    first = Candidate(made.finding(), StandardiseTargets())

    slow, fast = (
        next(combined(first, Program("train.py"), regression([1.0, 0.5], update=update), []))
        for update in (1e-3, 0.5)
    )

    assert (slow.edit.other, fast.edit.other) == (ScaleRate(10.0), ScaleRate(0.1))
    assert slow.name == "standardise-targets + scale-rate"
    assert not [*combined(made.candidate(), Program("train.py"), Trace(), [])]


@pytest.mark.parametrize(("score", "taken"), [(0.93, 0), (0.99, 1)])
def test_the_remedy_after_the_first_that_cures_is_taken_where_it_is_clearly_better(score, taken):
    proof, _ = proved(second_scores(score))

    assert [one.cures for one in proof.tries] == [True, True]
    assert proof.choice is proof.tries[taken]


def test_more_of_the_remedy_that_cures_is_tried_as_long_as_that_is_better():
    scores = {0.1: 0.5, 0.01: 0.7, 0.001: 0.9, 1e-4: 0.9, 1e-5: 0.99}
    edits = [ScaleRate(0.1), ClipGradient(1.0), *map(ScaleRate, (0.01, 0.001, 1e-4, 1e-5))]

    def told(one, _times):
        score = scores.get(getattr(one.edit, "factor", 0), 0.0)
        return made.arm(score, losses=[1.0 + 0.01 * one.shift] * 30)

    script = Script(told)
    found = tuple(Candidate(made.finding(), edit) for edit in edits)
    proof = prove(script, dataclasses.replace(plan(), candidates=found), Limits(), str)

    assert [one.candidate.edit.factor for one in proof.tries] == [0.1, 0.01, 0.001, 1e-4]
    assert proof.choice is proof.tries[2]


def test_what_only_the_denser_recording_shows_comes_first(monkeypatch):
    monkeypatch.setattr(proving, "judge", lambda trace: [made.finding("rate-too-low")])
    said = []

    proof, _ = proved(answer, Limits(tries=10, pairs=5), said)

    tried = [one.candidate for one in proof.tries]
    assert said[1] == "Where more steps are recorded, it shows rate-too-low as well."
    assert [one.finding.rule for one in tried] == ["rate-too-low"] * 4 + ["rate-too-high"] * 2
    assert tried[0].edit == ScaleRate(10.0)


def test_a_remedy_that_takes_too_long_does_not_cure():
    def slow(one, times):
        arm = answer(one, times)
        late = any("first" in text for text in one.sources.values())
        return dataclasses.replace(arm, end=dataclasses.replace(arm.end, timed_out=late))

    proof, _ = proved(slow)

    assert [one.shortcoming for one in proof.tries] == ["it did not end in time", ""]
    assert proof.conclusion is Conclusion.PROVED


def test_pairs_end_when_those_left_cannot_prove_it_and_it_is_undecided():
    def unreliable(one, times):
        return faulty(one.shift) if one.shift in (3, 5) else answer(one, times)

    proof, _ = proved(unreliable, Limits(tries=2, pairs=12))

    assert proof.conclusion is Conclusion.UNDECIDED
    assert (len(proof.pairs), proof.choice.candidate) == (5, plan().candidates[1])


def test_an_unreliable_remedy_gives_way_to_one_that_always_cures():
    def often(one, _times):
        unlucky = one.shift in (3, 5) and any("first" in text for text in one.sources.values())
        return cured(one.shift) if one.sources and not unlucky else faulty(one.shift)

    proof, _ = proved(often, Limits(tries=2, pairs=12))

    assert proof.conclusion is Conclusion.PROVED
    assert proof.choice is proof.tries[1]
    assert proof.tries[0].shortcoming == "cures on 3 of 5 fresh seeds only"
    assert proof.wealth >= proof.needed == 40
