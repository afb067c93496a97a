"""When nothing can be concluded from an arm, and why."""

import dataclasses
import os
from pathlib import Path

import pytest

from lifesigns.prove.arm import Arm, Program, environment
from lifesigns.prove.sandbox import Outcome
from lifesigns.records import RunInfo, Trace
from lifesigns.rules.testing import trace


def arm(how="finished", losses=(1.0, 0.5), **end):
    seen = dataclasses.replace(trace(losses=losses), info=RunInfo(outcome=how))
    return Arm(seen, Outcome(**end))


@pytest.mark.parametrize("how", ["finished", "failed: ValueError: as it is", "interrupted"])
def test_an_arm_that_trained_is_fair_however_it_ended(how):
    assert arm(how).unfair(has_network=False) == ""


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("failed: EOFError: EOF when reading a line", "it asks for input"),
        ("failed: URLError: <urlopen error [Errno 101] Network is unreachable>", "the network"),
        ("failed: LocalEntryNotFoundError: outgoing traffic is disabled", "--allow-network"),
        ("failed: OSError: [Errno 30] Read-only file system: '/x'", "could not be covered"),
        ("failed: OSError: [Errno 18] Invalid cross-device link: 'a' -> 'b'", "renames a folder"),
        ("failed: OSError: [Errno 28] No space left on device", "disk of the sandbox is full"),
    ],
)
def test_a_failure_that_the_sandbox_made_is_not_the_scripts(how, reason):
    assert reason in arm(how).unfair(has_network=False)
    assert arm(how).unfair(has_network=False, as_recorded=True) == ""


def test_a_network_that_was_allowed_is_not_the_reason():
    assert arm("failed: URLError: refused").unfair(has_network=True) == ""


def test_an_arm_that_did_not_end_is_not_fair():
    assert "--timeout" in arm(timed_out=True).unfair(has_network=False)


def test_an_arm_whose_loss_was_cut_off_has_trained():
    ended = RunInfo(outcome="finished")

    assert Arm(Trace(severed=3, info=ended), Outcome()).unfair(has_network=False) == ""
    assert Arm(Trace(info=ended), Outcome()).unfair(has_network=False) != ""


@pytest.mark.parametrize("seen", [None, Trace()])
def test_an_arm_without_a_loss_says_its_last_words(seen):
    report = "lifesigns  no training step was seen\ncost  watching took 0 s\n"
    for output in ("one\nNo such dataset\n", f"No such dataset\n\n{report}"):
        reason = Arm(seen, Outcome(output=output)).unfair(has_network=False)

        assert reason == "no training step was seen: No such dataset"
    silent = Arm(seen, Outcome(output=report)).unfair(has_network=False)
    assert silent == "no training step was seen: nothing was printed"


@pytest.mark.parametrize(
    ("printed", "last"),
    [
        ("loaded\n\nlifesigns  no training step was seen\n\ncost  watching took 0 s\n", "loaded"),
        ("\nlifesigns  no training step was seen\n", "nothing was printed"),
        (
            "lifesigns: No module named 'x'; expected one.\n",
            "lifesigns: No module named 'x'; expected one",
        ),
    ],
)
def test_the_last_words_are_the_scripts_not_ours(printed, last):
    reason = Arm(None, Outcome(output=printed)).unfair(has_network=False)

    assert reason == f"no training step was seen: {last}"


def test_trackers_are_silent_and_hubs_offline_unless_the_network_is_allowed(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    closed = environment(False, os.environ)
    opened = environment(True, os.environ)

    assert closed["WANDB_MODE"] == opened["WANDB_MODE"] == "disabled"
    assert closed["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in set(opened) - set(os.environ)
    assert closed.items() >= {"PATH": os.environ["PATH"]}.items()


def test_a_module_has_no_script():
    assert Program("package.train", is_module=True).script is None
    assert Program("train.py", folder=Path("/project")).script == Path("/project/train.py")
