"""Arms that answer by a script: nothing is trained."""

import made

from lifesigns.prove.arm import Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.proof import Limits, Plan
from lifesigns.prove.proving import prove
from lifesigns.prove.scores import Measure

LIMITS = Limits(tries=3, pairs=5)


class Script(Arms):
    """Answers each treatment with an arm; what was asked for is kept."""

    def __init__(self, answer):
        super().__init__(Program("train.py"), 60.0)
        self._answer, self.asked = answer, []

    def train(self, treatments, *, every=0):
        self.asked += treatments
        self.trainings += len(treatments)
        return [self._answer(one, self.asked.count(one)) for one in treatments]


def faulty(seed):
    return made.arm(0.0, losses=[1.0 + 0.01 * seed] * 30)


def cured(seed):
    return made.arm(0.9, losses=[1.0 + 0.01 * seed, *[0.1] * 29])


def answer(treatment, _times):
    """The first remedy does nothing, the second one cures."""
    helps = any("second" in text for text in treatment.sources.values())
    return cured(treatment.shift) if helps else faulty(treatment.shift)


def plan(measure=None, remedies=("first", "second")):
    found = tuple(made.candidate(after=text) for text in remedies)
    run = faulty(0).trace
    return Plan(Program("train.py"), measure or Measure(), run, (made.finding(),), found, 1.0)


def proved(answer, limits=LIMITS, said=None, **given):
    script = Script(answer)
    said = [] if said is None else said
    return prove(script, plan(**given), limits, said.append), script
