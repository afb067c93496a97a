"""What is done to an arm gets there, and what came of it comes back."""

import pickle
import sys
from types import SimpleNamespace

import made
import pytest

from lifesigns.prove import _treated
from lifesigns.prove.arm import Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.treatment import ANSWER, MADE, TREATMENT, Treatment, refusal
from lifesigns.remedies import all_manuals
from lifesigns.remedies.insert_residual import InsertResidual

EDITS = [case.edit for manual in all_manuals() for case in manual.cases]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_a_treatment_comes_back_as_it_was_put(tmp_path, edit):
    wanted = Treatment(7, {"/a b/é.py": "x = '中'\r\n"}, edit)

    assert wanted.put(tmp_path) == tmp_path / TREATMENT
    assert pickle.loads((tmp_path / TREATMENT).read_bytes()) == wanted


@pytest.mark.parametrize(
    ("answer", "why"),
    [(MADE, ""), ("no such module", "no such module"), (None, "no model was trained")],
)
def test_an_edit_that_was_not_made_says_why(tmp_path, answer, why):
    if answer is not None:
        (tmp_path / ANSWER).write_text(answer)

    assert why in refusal(tmp_path)
    assert bool(refusal(tmp_path)) == bool(why)


@pytest.fixture
def treated(tmp_path, monkeypatch):
    """Runs the beginning of an arm's process in this one, without other seeds."""
    own = tmp_path / "arm-1" / "own"
    own.mkdir(parents=True)
    unchanged = SimpleNamespace(shift=lambda by: None)
    monkeypatch.setitem(sys.modules, "lifesigns.prove.seeds", unchanged)

    def begin(sources):
        path = Treatment(1, sources).put(own)
        monkeypatch.setattr(sys, "argv", ["-c", str(path), "run", "train.py"])
        _treated.main()

    return begin


def test_sources_are_written_over_in_the_sandbox_and_the_rest_is_the_commands(tmp_path, treated):
    inside = tmp_path / "arm-1" / "train.py"

    treated({str(inside): "x = 'é'\r\n"})

    assert inside.read_bytes() == "x = 'é'\r\n".encode()
    assert sys.argv == ["-c", "run", "train.py"]


def test_a_file_outside_of_the_sandbox_is_never_written(tmp_path, treated, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr(_treated, "MOUNTS", table)
    outside = tmp_path / "train.py"
    outside.write_text("as it was")

    with pytest.raises(SystemExit, match="does not lie in the sandbox"):
        treated({str(outside): "changed"})

    assert outside.read_text() == "as it was"


def test_a_file_below_a_layer_is_written(tmp_path, treated, monkeypatch):
    table = tmp_path / "mountinfo"
    rows = (f"22 1 8:1 / {path} rw - {kind} x rw\n" for path, kind in mounted(tmp_path))
    table.write_text("".join(rows))
    monkeypatch.setattr(_treated, "MOUNTS", table)

    treated({str(tmp_path / "train.py"): "changed"})
    with pytest.raises(SystemExit, match="does not lie in the sandbox"):
        treated({str(tmp_path / "disk" / "train.py"): "changed"})

    assert (tmp_path / "train.py").read_text() == "changed"


def mounted(folder):
    return [("/", "ext4"), (folder, "overlay"), (folder / "disk", "ext4")]


def test_a_candidate_is_trained_with_its_sources_or_its_edit():
    remedy = made.candidate()

    assert remedy.treatment(2) == Treatment(2, remedy.sources)


def test_an_arm_whose_edit_is_refused_does_not_train_on(project):
    (project / "train.py").write_text(
        "import torch\n"
        "model = torch.nn.Linear(2, 2)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "model(torch.ones(1, 2)).sum().backward()\n"
        "optimizer.step()\n"
        "print('went on')\n"
    )

    (arm,) = Arms(Program("train.py", folder=project), 120.0).train(
        [Treatment(edit=InsertResidual(("body",)))]
    )

    assert "no module body" in arm.refusal
    assert arm.end.code == 0
    assert "went on" not in arm.end.output
