"""`lifesigns run`: the script notices nothing, and every ending brings a report."""

import json

import pytest

SCRIPT = """
import atexit, os, pickle, signal, sys, threading
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return F.softmax(self.last(F.relu(self.first(x))), 1)


class Rows(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, i):
        return torch.full((4,), i / 64), i % 2


def train(workers=0):
    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    loader = DataLoader(
        Rows(), 8, num_workers=workers, multiprocessing_context="fork" if workers else None
    )
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    pickle.loads(pickle.dumps(model))


if __name__ == "__main__":
    how = sys.argv[1]
    print(sys.argv[1:], __name__, os.path.basename(__file__), sys.stdin.readline().strip())
    atexit.register(lambda: print("bye", Network.__name__))
    if how == "thread":
        threading.Thread(target=train).start()
    elif how != "idle":
        train(workers=2 if how == "workers" else 0)
    if how == "raise":
        raise ValueError("boom")
    if how == "twice":
        loss = Network()(torch.ones(2, 4)).sum()
        loss.backward()
        loss.backward()
    if how == "exit":
        sys.exit(3)
    if how == "text":
        sys.exit("sorry")
    if how == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.fixture(scope="module")
def endings(tmp_path_factory, forked):
    """Every way to end: exit code, output, errors and report."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "train.py").write_text(SCRIPT)
    (folder / "package").mkdir()
    (folder / "package" / "__main__.py").write_text(SCRIPT)
    calls = {
        how: [f"--json={how}.json", "train.py", how, "--json", "theirs"]
        for how in (
            "plain",
            "raise",
            "exit",
            "text",
            "interrupt",
            "workers",
            "thread",
            "idle",
            "twice",
        )
    }
    calls["module"] = ["--json=module.json", "-m", "package", "plain"]
    calls["limited"] = ["--json=limited.json", "--max-steps=5", "train.py", "plain"]
    return {name: ended(forked, folder, name, arguments) for name, arguments in calls.items()}


def ended(forked, folder, name, arguments):
    process = forked("run", *arguments, cwd=folder, input="typed\n")
    report = json.loads((folder / f"{name}.json").read_text())
    return process.returncode, process.stdout, process.stderr, report


@pytest.mark.parametrize(
    ("how", "code", "outcome"),
    [
        ("plain", 0, "finished"),
        ("raise", 1, "failed: ValueError: boom"),
        ("exit", 3, "failed: exit code 3"),
        ("text", 1, "failed: exit code 1"),
        ("interrupt", -2, "interrupted"),
        ("workers", 0, "finished"),
        ("thread", 0, "finished"),
        ("module", 0, "finished"),
        ("limited", 0, "stopped after 5 steps (--max-steps)"),
    ],
)
def test_every_ending_keeps_its_exit_code_and_brings_a_report(endings, how, code, outcome):
    returned, _, err, report = endings[how]

    assert (returned, report["outcome"]) == (code, outcome)
    assert [f["rule"] for f in report["findings"]][:1] == ["doubled-softmax"]
    assert report["steps"] == (5 if how == "limited" else 24)
    assert "doubled-softmax" in err


def test_a_script_that_does_not_train_is_reported_as_such(endings):
    returned, _, err, report = endings["idle"]

    assert (returned, report["steps"], report["findings"]) == (0, 0, [])
    assert "nothing can be said" in err


@pytest.mark.parametrize("how", ["plain", "raise", "text", "idle"])
def test_arguments_input_output_and_exit_functions_are_the_scripts_own(endings, how):
    _, out, _, _ = endings[how]

    assert out == f"['{how}', '--json', 'theirs'] __main__ train.py typed\nbye Network\n"


def test_an_exception_shows_the_scripts_own_frames_only(endings):
    _, _, err, _ = endings["raise"]

    traceback = err[err.index("Traceback") : err.index("ValueError: boom")]
    assert traceback.count("File ") == 1
    assert 'train.py", line' in traceback


def test_a_backward_pass_that_fails_shows_no_frame_of_the_watcher(endings):
    returned, _, err, _ = endings["twice"]

    traceback = err[err.index("Traceback") : err.index("RuntimeError: Trying to backward")]
    assert returned == 1
    assert 'train.py", line' in traceback
    assert "record" not in traceback


def test_what_python_says_of_a_text_given_to_exit_is_said(endings):
    assert "sorry" in endings["text"][2].splitlines()
