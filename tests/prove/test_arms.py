"""Arms are trained several at a time, and none outlives what ends the others."""

import dataclasses
import os
import threading

import made
import nasty
import pytest

from lifesigns.prove import order as module
from lifesigns.prove.arm import Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.sandbox import Sandbox
from lifesigns.prove.treatment import Treatment

PAIR = [Treatment(0), Treatment(1)]


@pytest.fixture
def trained(monkeypatch, project):
    """Arms whose training is a function of sandbox, program and treatment."""

    def made_of(function, **options):
        act = lambda sandbox, program, treatment, **_: function(sandbox, program, treatment)  # noqa: E731
        monkeypatch.setattr(module, "train", act)
        known = {"program": Program("train.py", folder=project), "timeout": 60.0}
        return Arms(**known | options)

    return made_of


def test_arms_come_in_the_order_of_their_treatments_and_are_counted(trained):
    arms = trained(lambda sandbox, program, one: made.arm(one.shift / 2), jobs=2)

    one, other = arms.train(PAIR)

    assert one.trace.snapshots[-1].loss.correlation == 0.0
    assert other.trace.snapshots[-1].loss.correlation == 0.5
    assert arms.trainings == 2
    assert arms.seconds > 0


def test_a_program_is_watched_otherwise_and_ends_where_it_did(trained):
    seen = []
    options = {"budget": "0.01", "max-steps": "9", "stop-on": "error"}
    arms = trained(lambda sandbox, program, one: seen.append(program.options) or made.arm())
    arms.program = dataclasses.replace(arms.program, options=options)

    arms.train(PAIR[:1])
    arms.train(PAIR[:1], every=4)

    assert seen == [options, {"max-steps": "9", "stop-on": "error", "every": "4"}]


def test_without_a_remedy_an_arm_has_to_end_in_time(trained):
    late = made.arm()
    late = dataclasses.replace(late, end=dataclasses.replace(late.end, timed_out=True))

    with pytest.raises(CannotRun, match="did not end in time; give it more with --timeout"):
        trained(lambda *_: late).fair(Treatment())
    assert [arm.how for arm in trained(lambda *_: late).train(PAIR)] == ["did not end in time"] * 2


def test_an_arm_that_is_not_fair_says_why(trained):
    with pytest.raises(CannotRun, match="it asks for input"):
        trained(lambda *_: made.arm(how="failed: EOFError: EOF")).fair(Treatment())
    assert trained(lambda *_: made.arm()).fair(Treatment()).how == "finished"


def endless(sandbox):
    return sandbox.run(["sleep", "60"], os.environ)


@pytest.mark.parametrize("error", [KeyboardInterrupt, CannotRun])
def test_what_ends_one_arm_ends_the_other_and_its_processes(trained, error):
    begun, ended = threading.Event(), []

    def act(sandbox, program, one):
        if one.shift:
            begun.wait(60)
            raise error
        threading.Timer(0.3, begun.set).start()
        with pytest.raises(CannotRun, match="without a result"):
            endless(sandbox)
        ended.append(one)

    with pytest.raises(error):
        trained(act, jobs=2).train([Treatment(1), Treatment(0), Treatment(0)])

    assert ended == [Treatment()]
    assert nasty.gone(os.environ["NASTY_MARK"])


@pytest.mark.parametrize("kind", ["covered", "copied"])
def test_a_command_is_ended_when_it_is_told_to(request, project, kind):
    request.getfixturevalue(kind)
    stop = threading.Event()
    with Sandbox(project / "train.py", project, stop=stop) as sandbox:
        threading.Timer(0.5, stop.set).start()

        with pytest.raises(CannotRun, match="without a result"):
            endless(sandbox)

    assert nasty.gone(os.environ["NASTY_MARK"])
