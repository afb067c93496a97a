import json
from pathlib import Path

import pytest
from test_show import dying, save

from lifesigns._errors import RunFileError, UsageError
from lifesigns._outputs import STDOUT
from lifesigns.commands.compare import compare_runs
from lifesigns.records import Cost, RunInfo
from lifesigns.rules import Selection
from lifesigns.rules import testing as example
from lifesigns.store import RunWriter

TRAIN = """
import sys, torch
from torch import nn
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
torch.manual_seed(int(options.get("--seed", 0)))
x = torch.randn(128, 8)
y = (x[:, 0] > 0).long()
act = nn.Tanh() if options.get("--act") == "tanh" else nn.ReLU()
net = nn.Sequential(nn.Linear(8, 16), act, nn.Linear(16, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=float(options.get("--lr", 0.1)))
for step in range(30):
    chosen = torch.randint(128, (16,))
    loss = nn.functional.cross_entropy(net(x[chosen]), y[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
OURS = Path(__file__).parents[1] / "cases/run.py"
THEIRS = Path(__file__).parents[3] / "shared/cases/case.py"


@pytest.fixture(scope="module")
def trained(forked, tmp_path_factory):
    """Trains the little program with options and returns its run file."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "train.py").write_text(TRAIN)

    def train(name, *options):
        path = folder / f"{name}.ls"
        if not path.exists():
            run = forked("run", "--every", 3, "--save", path, "train.py", *options, cwd=folder)
            assert run.returncode == 0, run.stderr
        return path

    return train


def compared(capsys, *paths, **options):
    code = compare_runs(paths, json_output=True, **options)
    made = json.loads(capsys.readouterr().out)
    return code, made["comparisons"]


def test_a_run_is_identical_with_itself_and_with_its_repetition(trained, capsys):
    one, again = trained("one"), trained("again")

    code, (itself, repetition) = compared(capsys, one, one, again)

    assert code == 0
    for comparison in (itself, repetition):
        assert comparison["identical"]
        assert comparison["verdict"].startswith("identical: 30 losses and 1")
        assert {f["change"] for f in comparison["findings"]} <= {"same"}
        assert all(setting["same"] for setting in comparison["settings"])


def test_two_seeds_differ_from_the_first_weight_on(trained, capsys):
    _, (comparison,) = compared(capsys, trained("one"), trained("seed", "--seed", 1))

    first = comparison["divergence"]["difference"]
    assert (first["step"], first["phase"], first["place"]) == (0, "weights", "0.weight")
    assert first["quantity"] == "weight_rms"


def test_another_rate_makes_its_first_difference_at_the_first_update(trained, capsys):
    _, (comparison,) = compared(capsys, trained("one"), trained("slow", "--lr", "0.01"))

    divergence = comparison["divergence"]
    first = divergence["difference"]
    assert (first["step"], first["phase"], first["quantity"]) == (0, "update", "update_rms")
    assert divergence["equal_losses"] == 1
    differing = {s["name"]: s["values"] for s in comparison["settings"] if not s["same"]}
    assert differing == {"--lr": [None, "0.01"], "learning rate": ["0.1", "0.01"]}


def test_another_activation_is_another_network(trained, capsys):
    _, (comparison,) = compared(capsys, trained("one"), trained("tanh", "--act", "tanh"))

    first = comparison["divergence"]["difference"]
    assert (first["phase"], first["values"]) == ("network", ["1:relu#0", "1:tanh#0"])
    assert [layer["name"] for layer in comparison["ladder"]["layers"]] == [
        "0:linear#0",
        "2:linear#0",
    ]


def test_a_new_alarm_is_the_exit_code(trained, capsys):
    one, broken = trained("one"), trained("broken", "--lr", "500")

    assert compared(capsys, one, broken)[0] == 1
    assert compared(capsys, broken, one)[0] == 0
    assert compared(capsys, one, one, broken)[0] == 1


def test_losses_are_aligned_by_samples_where_they_are_known(trained, capsys):
    _, (comparison,) = compared(capsys, trained("one"), trained("again"), axis="samples")

    assert comparison["losses"][0]["windows"][-1]["end"] == 30 * 16


@pytest.mark.parametrize(
    ("script", "arguments", "gone"),
    [
        (OURS, ["rates_taken_for_their_logarithms"], "rates-for-logarithms"),
        (THEIRS, ["ips-5", "--steps", "300"], "loss-diverges"),
    ],
)
def test_of_a_faulty_and_a_cured_program_it_is_told_which_findings_went(
    forked, tmp_path, capsys, script, arguments, gone
):
    if not script.exists():
        pytest.skip(f"{script.name} of the shared collection is not here")
    faulty, cured = tmp_path / "faulty.ls", tmp_path / "cured.ls"
    for path, options in ((faulty, ()), (cured, ("--fixed",))):
        run = forked("run", "--every", 7, "--save", path, script, *arguments, *options)
        assert run.returncode == 0, run.stderr

    code, (comparison,) = compared(capsys, faulty, cured)

    went = [f["rule"] for f in comparison["findings"] if f["change"] == "gone"]
    assert code == 0
    assert gone in went


def test_the_text_is_printed_to_standard_output(tmp_path, capsys):
    path = save(tmp_path / "run.ls", dying())

    code = compare_runs([path, path])

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("lifesigns  identical: 5 losses and 5 snapshots are equal to the bit")
    assert "dead-units" in out


def test_a_page_is_written_beside_the_text(tmp_path, capsys):
    path = save(tmp_path / "run.ls", dying())

    code = compare_runs([path, path], html=tmp_path / "page.html")

    assert code == 0
    assert capsys.readouterr().out.startswith("lifesigns  identical")
    assert 'id="comparison"' in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_standard_output_takes_one_thing(tmp_path):
    path = save(tmp_path / "run.ls", dying())

    with pytest.raises(UsageError, match="one of them"):
        compare_runs([path, path], json_output=True, html=STDOUT)


def test_both_runs_are_judged_by_the_rules_that_were_asked_for(tmp_path, capsys):
    path = save(tmp_path / "run.ls", dying())

    _, (comparison,) = compared(capsys, path, path, selection=Selection.of(["DAT"], [], {}))

    assert comparison["findings"] == []


def test_one_file_is_none_to_compare(tmp_path):
    with pytest.raises(UsageError, match="two run files or more"):
        compare_runs([save(tmp_path / "run.ls", dying())])


def test_a_file_that_is_no_run_is_named(tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("no run")

    with pytest.raises(RunFileError, match=r"notes\.txt is not a run file"):
        compare_runs([save(tmp_path / "run.ls", dying()), other])


def test_a_run_without_a_step_has_nothing_to_compare(tmp_path):
    with RunWriter(tmp_path / "empty.ls", RunInfo("train.py")) as writer:
        writer.finish((), "finished", cost=Cost(), steps=0)

    with pytest.raises(UsageError, match="no step of it was seen"):
        compare_runs([save(tmp_path / "run.ls", dying()), tmp_path / "empty.ls"])


def test_a_run_of_which_no_step_was_recorded_is_compared_by_its_losses(tmp_path, capsys):
    losses = example.trace(losses=[1.0, 0.5], info=RunInfo("train.py"))
    path = save(tmp_path / "losses.ls", losses)

    _, (comparison,) = compared(capsys, path, path)

    assert comparison["verdict"] == "identical: 2 losses and 0 snapshots are equal to the bit"
    assert comparison["ladder"]["layers"] == []
