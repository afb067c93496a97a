"""What `prove` and `rerun` say, in Chinese; names and the words of the user's programs stay."""

import dataclasses
import re
from pathlib import Path

import made
import pytest
from english import SOURCE, ChinesePart, english, texts_in

from lifesigns.commands.rerun import _lines
from lifesigns.evidence import Run
from lifesigns.locale.spoken import said, said_in, speaking
from lifesigns.prove import arm as arms
from lifesigns.prove.candidates import Candidate
from lifesigns.prove.changes import Changes
from lifesigns.prove.identity import Comparison, Identity, Verdict
from lifesigns.prove.in_words import of_plan, of_proof, told
from lifesigns.prove.page import proof_html
from lifesigns.prove.proof import Conclusion, Limits, Pair, Try
from lifesigns.prove.repetition import Repetition
from lifesigns.prove.sandbox import Outcome
from lifesigns.prove.scores import Measure, shortcoming
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.report.comparison.recordings import Difference, Phase
from lifesigns.rules import find_rule

RULE = find_rule("rate-too-high")
HOW = ("finished", "failed: ValueError: 3", "interrupted", "running", "killed",
       "ended by SIGTERM", "did not end in time", "")  # fmt: skip
MISSING = 0
"""Files of edits whose reasons lack Chinese; whoever adds one and knows none may raise it."""
SOUGHT = ("one", "_target")
"""What looks for a place in the source, which it names."""
PARTED = Difference(0, 0, Phase.LOSS, "", "loss", -1, 0.5, 0.6, 0.2)


def finding():
    trace = next(case for case in RULE.cases if case.fires).trace()
    return next(iter(RULE.judge(Run(trace))))


def candidate(refusal=""):
    if refusal:
        return Candidate(finding(), ScaleRate(0.1), refusal=refusal)
    return dataclasses.replace(made.candidate(), finding=finding())


def shortcomings():
    """Every way to fall short, and none."""
    measure, rule, faulty = Measure(), "rate-too-high", made.scored(0.1)
    others = [made.scored(0.9, how=how) for how in HOW]
    others += [made.scored(0.1), made.scored(0.9, 0.0), made.scored(0.9, 0.9, rule)]
    others += [made.scored(0.9, 0.9, "loss-flat"), made.scored(float("nan"))]
    return [shortcoming(measure, rule, faulty, other) for other in others]


def proofs():
    """Of each conclusion."""
    odd = tuple(
        Pair(seed, made.scored(0.1), made.scored(0.2), why, 0.1)
        for seed, why in enumerate(shortcomings())
    )
    tries = tuple(Try(candidate(), made.scored(0.7), pair.shortcoming) for pair in odd)
    close = Identity(Verdict.WITHIN_SPREAD, Comparison(5, 1, None, 0.1))
    refused = candidate("no optimizer was found in the source")
    for chosen in (candidate(), refused):
        yield made.proof(chosen=chosen, identity=close)
        yield made.proof(Conclusion.UNDECIDED, chosen=chosen, pairs=odd, needed=40.0)
    yield made.proof(Conclusion.NOT_PROVED, chosen=candidate(), pairs=(), tries=tries)
    yield made.proof(Conclusion.NOTHING, chosen=candidate())
    healthy = made.proof(Conclusion.NOTHING, chosen=candidate())
    yield dataclasses.replace(healthy, plan=dataclasses.replace(healthy.plan, findings=()))


@pytest.mark.parametrize("number", range(7))
def test_a_proof(number):
    proof = [*proofs()][number]
    plan = dataclasses.replace(proof.plan, candidates=tuple(one.candidate for one in proof.tries))

    with speaking("zh"):
        plans = [line for each in (plan, proof.plan) for line in of_plan(each, Limits())]
        lines = [said(line, "prove") for line in (*of_proof(proof, "train.py"), *plans)]

    assert [line for line in lines if english(line)] == []


def test_the_page_of_a_proof():
    with speaking("zh"):
        texts = ChinesePart(proof_html(next(proofs()), "train.py", "")).texts

    assert any("验证有效" in text for text in texts)
    assert [text for text in texts if english(text)] == []


def test_whatever_an_arm_came_to():
    with speaking("zh"):
        lines = [told(each) for each in shortcomings() if each]

    assert len(lines) > 9
    assert [line for line in lines if english(line.partition("：")[0])] == []


def test_whatever_an_edit_refuses():
    left = {}
    for path in sorted((SOURCE / "remedies").glob("*.py")):
        for text in texts_in(path, lambda call, place: call == "Refused" and place == 0):
            if english(said_in("zh", text, "refusals")):
                left[path.name] = text
        for what in texts_in(path, lambda call, place: call in SOUGHT and place in (1, 2)):
            for text in (f"no {what} was found in the source", f"3 places could be the {what}"):
                if english(said_in("zh", text, "refusals")):
                    left[path.name] = text

    assert left == {}


def test_why_an_arm_is_unfair():
    ended = [made.arm(how=how, steps=()) for how in ("failed: EOFError: x", "failed: gaierror: y")]
    ended += [made.arm(how=f"failed: OSError: {sign}") for sign in arms.LAYER_ERRORS]
    ended += [dataclasses.replace(made.arm(output="hm"), trace=None)]
    reasons = [one.unfair(has_network=False) for one in ended]

    said = [said_in("zh", f"a.py cannot be run fairly in a sandbox: {why}.", "errors")
            for why in reasons]  # fmt: skip

    assert all(reasons)
    assert [text for text in said if not text.startswith("a.py 无法")] == []


def repetitions():
    equal = Identity(Verdict.IDENTICAL, Comparison(20, 7, None, 0.0))
    apart = Comparison(20, 1, PARTED, 0.1)
    changes = Changes(("/a/x.pt",) * 12, ("/a/y.pt",), ("/a/z.pt",))
    for found in (
        equal,
        Identity(Verdict.IDENTICAL, Comparison(1, 1, None, 0.0)),
        Identity(Verdict.WITHIN_SPREAD, apart, apart),
        Identity(Verdict.DIFFERENT, apart, apart),
    ):
        for outside, warning in ((Changes(), ""), (changes, ""), (changes, "x")):
            outcome = Outcome(0, changes=outside, left=2)
            arm = arms.Arm(made.run(how="stopped after 1 step (--max-steps)"), outcome)
            trees = (Path("/a b/and c"), Path("/d"))
            unequal = ("there is no terminal", "there is no network", "torch is 2 and was 1",
                       "the working directory is a copy", "trackers and hubs are told to stay "
                       "offline", "a.py was changed after the run was recorded")  # fmt: skip
            yield Repetition(found, (arm,), outside, 1379, trees, unequal, warning)


@pytest.mark.parametrize("recorded", [None, made.run()], ids=["twice", "recorded"])
def test_a_repetition(recorded):
    lines = set()
    with speaking("zh"):
        for found in repetitions():
            told = _lines("a.py --x", found, recorded, Path("/kept"))
            lines |= {said(line, "prove") for line in told}

    assert len(lines) > 20
    assert any(line.startswith("沙箱外没有变化") for line in lines)
    own = re.compile("它这样结束.*|/a b/and c")
    assert [line for line in lines if english(own.sub("", line))] == []
