"""A proof that was broken off goes on with the arms that it has trained."""

import dataclasses

import made
import pytest

from lifesigns._errors import UsageError
from lifesigns.prove.arm import Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.kept import ARMS, KeptArms, proof_folder
from lifesigns.prove.order import Trained
from lifesigns.prove.treatment import Treatment
from lifesigns.records import to_json
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.store import RunWriter, read_run

PAIR = [Treatment(1), Treatment(1, edit=ScaleRate(0.1))]


@pytest.fixture
def proving(project, tmp_path):
    """Makes arms anew, as after a kill; the list says what was trained since."""
    (project / "train.py").write_text("rate = 1\n")
    run_file = tmp_path / "made.lifesigns"
    with RunWriter(run_file, made.run().info) as writer:
        for snapshot in made.run(0.5).snapshots:
            writer.append(snapshot)

    def anew(end=None, **program):
        trained = []

        def carry_out(order, _stop):
            trained.append(order.treatment)
            arm = made.arm(0.5, output="97%", refusal="no" if order.treatment.edit else "")
            trace = read_run(run_file) if end is None else None
            arm = dataclasses.replace(arm, trace=trace, end=end or arm.end)
            return Trained(arm, 3.0, run_file.read_bytes() if end is None else b"")

        kept = KeptArms(tmp_path / ARMS)
        own = Program("train.py", folder=project, **program)
        return Arms(own, 60.0, kept=kept, carry_out=carry_out), trained

    return anew


def test_what_was_trained_is_not_trained_again(proving):
    arms, trained = proving()
    before = arms.train(PAIR, every=4)
    again, trained_again = proving()

    after = again.train(PAIR, every=4)

    assert (trained, trained_again) == (PAIR, [])
    assert (again.trainings, again.seconds, again.kept.taken) == (2, 6.0, 2)
    for one, other in zip(before, after, strict=True):
        assert one.end == other.end
        assert (one.how, one.refusal) == (other.how, other.refusal)
        assert to_json(one.trace.snapshots) == to_json(other.trace.snapshots)


def test_twins_are_two_trainings(proving):
    arms, trained = proving()

    arms.train(PAIR[:1])
    arms.train(PAIR[:1])

    assert trained == PAIR[:1] * 2


@pytest.mark.parametrize("changed", ["source", "argument", "edit"])
def test_what_has_changed_is_trained_again(proving, project, changed):
    proving()[0].train(PAIR)
    if changed == "source":
        (project / "train.py").write_text("rate = 2\n")
    wanted = [PAIR[0], Treatment(1, edit=ScaleRate(0.2))] if changed == "edit" else PAIR
    arms, trained = proving(arguments=("--fast",) if changed == "argument" else ())

    arms.train(wanted)

    assert trained == (wanted[1:] if changed == "edit" else wanted)


def test_an_arm_that_was_not_written_to_its_end_is_trained_again(proving, tmp_path):
    proving()[0].train(PAIR)
    for note in (tmp_path / ARMS).glob("*.json"):
        note.write_text(note.read_text()[:-5])
    arms, trained = proving()

    arms.train(PAIR)

    assert trained == PAIR


def test_an_arm_that_left_no_run_is_kept_as_well(proving):
    end = dataclasses.replace(made.arm().end, code=-9, timed_out=True)
    proving(end)[0].train(PAIR)
    arms, trained = proving(end)

    arm, _ = arms.train(PAIR)

    assert (trained, arm.trace, arm.end, arm.how) == ([], None, end, "did not end in time")


@pytest.mark.parametrize(
    ("name", "said"),
    [("proof.json", "holds a proof already"), ("notes.txt", "exists already"), ("fix.patch", "")],
)
def test_a_proof_goes_on_in_its_folder_until_it_is_whole(tmp_path, name, said):
    folder = tmp_path / "proof"
    (folder / ARMS).mkdir(parents=True)
    assert proof_folder(folder) == folder
    (folder / name).touch()

    if not said:
        assert proof_folder(folder) == folder
        return
    with pytest.raises(UsageError, match=said):
        proof_folder(folder)
