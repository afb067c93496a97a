"""What cannot be run fairly, and is refused before remedies are tried."""

import dataclasses
import math

import made
import pytest
from scripted_arms import LIMITS, Script, answer, cured, faulty, plan, proved

from lifesigns.prove.arm import Arm
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.proof import Conclusion
from lifesigns.prove.proving import prove
from lifesigns.prove.sandbox import Outcome
from lifesigns.prove.scores import Measure
from lifesigns.prove.treatment import Treatment


def test_a_script_that_does_not_repeat_is_refused():
    def random(one, times):
        return made.arm(0.0, losses=[1.0 + 0.001 * times, *[1.0] * 29])

    with pytest.raises(CannotRun, match="does not repeat in a sandbox"):
        proved(lambda one, times: random(one, 40 if times == 1 else 41))


def test_a_run_within_the_spread_of_two_arms_goes_on_with_a_wider_margin():
    def noisy(one, times):
        if one.sources:
            return answer(one, times)
        return made.arm(0.1 * times, losses=[1.0 + 0.01 * (times + one.shift)] * 30)

    proof, script = proved(noisy)

    assert script.asked[:2] == [Treatment(), Treatment()]
    assert proof.identity.verdict.value == "within spread"
    assert proof.measure.noise == pytest.approx(0.3)


def test_another_seed_that_changes_nothing_is_refused():
    with pytest.raises(CannotRun, match="Another seed changes nothing"):
        proved(lambda one, _: cured(0) if "second" in str(one.sources) else faulty(0))


def test_a_seed_that_changes_only_the_arm_with_the_remedy_is_another_seed():
    proof, _ = proved(lambda one, n: answer(one, n) if one.sources else faulty(0))

    assert proof.conclusion is Conclusion.PROVED


def test_without_a_readable_loss_a_metric_is_asked_for():
    def unread(one, _):
        arm = faulty(one.shift)
        bare = [dataclasses.replace(shot, loss=None) for shot in arm.trace.snapshots]
        return dataclasses.replace(arm, trace=dataclasses.replace(arm.trace, snapshots=tuple(bare)))

    with pytest.raises(CannotRun, match="--metric"):
        proved(unread)


def printing(text):
    return lambda one, n: Arm(answer(one, n).trace, Outcome(output=text(one)))


def test_a_metric_that_is_not_printed_is_said_before_remedies_are_tried():
    script = Script(printing(lambda one: "accuracy: 0.5"))

    with pytest.raises(CannotRun, match="No number was printed for 'acuracy'"):
        prove(script, plan(Measure("acuracy")), LIMITS, str)

    assert len(script.asked) == 1


def test_a_metric_that_is_never_a_number_is_refused():
    with pytest.raises(CannotRun, match="No number was printed for 'acc'"):
        proved(printing(lambda one: '{"acc": NaN}'), measure=Measure("acc"))


def test_a_metric_that_becomes_a_number_is_better_than_none():
    text = printing(lambda one: f'{{"acc": {"0.9" if "second" in str(one.sources) else "NaN"}}}')

    proof, _ = proved(text, measure=Measure("acc"))

    assert proof.conclusion is Conclusion.PROVED
    assert all(math.isnan(value) for value in proof.gain)


@pytest.mark.parametrize(
    ("end", "why"),
    [(Outcome(code=-9), "it was ended by signal 9"), (Outcome(), "no training step was seen")],
)
def test_an_arm_that_was_ended_from_outside_is_no_faulty_one(end, why):
    def killed(one, times):
        if one.sources or not one.shift:
            return answer(one, times)
        return dataclasses.replace(
            faulty(1), end=end, trace=None if not end.code else faulty(1).trace
        )

    with pytest.raises(CannotRun, match=why):
        proved(killed)


def test_each_pair_says_what_is_still_ahead():
    said = []

    proved(answer, said=said)

    pairs = [text.rpartition("; ")[2] for text in said if text.startswith("Pair")]
    assert pairs[0] == "proved after 4 more wins, in about 0 s."
    assert pairs[3] == "proved after 1 more win, in about 0 s."
    assert pairs[4] == "the e-value is 24.8."
