"""Arms, findings and proofs that nobody trained."""

import dataclasses

import numpy as np

from lifesigns.prove.arm import Arm, Program
from lifesigns.prove.candidates import Candidate
from lifesigns.prove.proof import Conclusion, Pair, Plan, Proof, Try
from lifesigns.prove.sandbox import Outcome
from lifesigns.prove.scores import Measure, Scored
from lifesigns.records import Finding, LossCurve, RunInfo, Severity
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.rules.testing import chain, fitting, target

SIGNS = np.tile([[-1.0], [1.0]], (16, 1))
CHOSEN = (Conclusion.PROVED, Conclusion.UNDECIDED)
LOSSES = tuple(np.geomspace(1, 0.1, 30))


def run(correlation=0.9, losses=LOSSES, how="finished", steps=(0, 10, 20, -1)):
    """A regression that ended with prediction and target correlated so."""
    graph = chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    options = {"steps": steps, "correlation": correlation}
    known = fitting(graph, losses, 0.9 * SIGNS, target(SIGNS), **options)
    return dataclasses.replace(known, info=RunInfo(outcome=how))


def arm(*given, output="", code=0, refusal="", **options):
    """The same, as an arm that has printed something."""
    return Arm(run(*given, **options), Outcome(code, output=output), refusal)


def finding(rule="rate-too-high", symptom="the loss jumps", site="0:linear#0"):
    """One error."""
    return Finding(rule, "OPT", Severity.ERROR, symptom, site, 0, "", "", "", "why it is bad")


def curve(*values):
    """Losses of the first steps."""
    count = len(values)
    return LossCurve(np.arange(count), np.array(values, float), np.zeros(count, np.int64))


def scored(score, skill=None, *alarms, how="finished"):
    """An arm that came to this; the alarms are errors."""
    known = score if skill is None else skill
    return Scored(score, known, alarms, alarms, how, curve(1.0, score))


def candidate(path="/project/train.py", before="lr=1\n", after="lr=0.1\n", **found):
    """A lower rate, written into one file."""
    return Candidate(finding(**found), ScaleRate(0.1), {path: after}, {path: before})


def proof(conclusion=Conclusion.PROVED, chosen=None, **rest):
    """Five won pairs, each by half a point."""
    remedy = candidate() if chosen is None else chosen
    plan = Plan(Program("train.py"), Measure(), run(), (remedy.finding,), (), 2.0)
    won = tuple(Pair(seed, scored(0.1), scored(0.6), "", 0.5) for seed in range(1, 6))
    tried = Try(remedy, scored(0.7), "")
    values = {"faulty": scored(0.2), "tries": (tried,), "pairs": won, "trainings": 13}
    values["choice"] = tried if conclusion in CHOSEN else None
    return Proof(plan, conclusion, **values | rest)
