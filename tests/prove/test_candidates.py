"""Which files are looked at, and when an edit is written into one of them."""

import dataclasses
from pathlib import Path

import made
import pytest

from lifesigns.prove.arm import Program
from lifesigns.prove.candidates import Candidate, candidates, sources, written
from lifesigns.prove.treatment import Treatment
from lifesigns.remedies import for_finding
from lifesigns.remedies.drop_activation import DropActivation
from lifesigns.remedies.initialise import Initialise
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.swap_activation import SwapActivation
from lifesigns.remedies.testing import script, site
from lifesigns.rules.testing import regression

LOWER = ScaleRate(0.1)
RATE = "import torch\nnet = torch.nn.Linear(1, 1)\noptimizer = torch.optim.SGD(net.parameters())\n"


@pytest.fixture
def laid(tmp_path):
    """Writes files into a project."""
    (tmp_path / "pyproject.toml").touch()

    def lay(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return lay


def names(folder, target="train.py", **options):
    found = sources(Program(target, folder=folder, **options))
    return [path.relative_to(folder).as_posix() for path, _ in found]


# --- sources --------------------------------------------------------------------------------------
def test_modules_beside_the_script_are_followed_each_once(laid):
    folder = laid(
        {
            "train.py": "import torch, near\nfrom pack.deep import thing\n",
            "near.py": "import train\nfrom pack import deep\n",
            "other.py": "",
            "pack/deep.py": "from .beside import x\nfrom . import last\nfrom .. import near\n",
            "pack/beside.py": "import near",
            "pack/last.py": "from ........................ import above\nimport last\n",
            "last.py": "",
        }
    )

    assert names(folder) == [
        "train.py",
        "near.py",
        "pack/deep.py",
        "pack/beside.py",
        "pack/last.py",
        "last.py",
    ]


def test_what_a_package_imports_for_others_is_followed(laid):
    folder = laid({"train.py": "import pack", "model.py": ""})
    laid({"pack/__init__.py": "from .model import Net\n", "pack/model.py": ""})

    assert names(folder) == ["train.py", "pack/__init__.py", "pack/model.py"]


def test_a_script_in_a_folder_finds_modules_beside_it_only(laid):
    folder = laid({"near.py": "", "code/train.py": "import near, far\n", "code/far.py": ""})

    assert names(folder, "code/train.py") == ["code/train.py", "code/far.py"]


def test_a_module_is_found_as_python_m_finds_it(laid):
    folder = laid({"pack/train.py": "from .model import Net\n", "pack/model.py": ""})
    laid({"pack/__init__.py": "", "pack/__main__.py": "import pack.train\n"})

    assert names(folder, "pack.train", is_module=True) == ["pack/train.py", "pack/model.py"]
    assert names(folder, "pack", is_module=True)[:2] == ["pack/__main__.py", "pack/__init__.py"]
    assert names(folder, "missing.module", is_module=True) == []


def test_what_cannot_be_read_or_lies_elsewhere_is_left_out(laid, tmp_path_factory):
    folder = laid({"train.py": "import broken, latin, linked, marked\n", "broken.py": "def (:\n"})
    (folder / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nx = 'é'".encode("latin-1"))
    (folder / "marked.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    outside = tmp_path_factory.mktemp("outside") / "linked.py"
    outside.write_text("x = 1\n")
    (folder / "linked.py").symlink_to(outside)

    assert names(folder) == ["train.py"]


def test_a_linked_script_is_found_where_it_lies(laid):
    folder = laid({"code/train.py": "import near", "code/near.py": ""})
    (folder / "link.py").symlink_to("code/train.py")

    assert names(folder, "link.py") == ["code/train.py", "code/near.py"]


# --- written --------------------------------------------------------------------------------------
def test_an_edit_is_written_into_the_one_file_that_has_a_place(laid):
    texts = {Path("/p/train.py"): "import model\n", Path("/p/model.py"): RATE}

    found = written(made.finding(), LOWER, texts)

    assert list(found.sources) == ["/p/model.py"]
    assert found.sources["/p/model.py"] != found.originals["/p/model.py"] == RATE
    assert (found.refusal, found.treatment(3)) == ("", Treatment(3, found.sources))


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"/p/a.py": RATE, "/p/b.py": RATE}, "2 files have a place for it"),
        ({}, "its source could not be read"),
        ({"/p/a.py": "x = 1\n"}, "optimizer"),
        ({"/p/a.py": script(model="model = net")}, ""),
    ],
)
def test_without_exactly_one_place_the_edit_is_made_in_the_live_run(texts, reason):
    edit = LOWER if reason else SwapActivation((site("1:relu#0"),), "gelu")

    found = written(made.finding(), edit, {Path(name): text for name, text in texts.items()})

    assert reason in found.refusal
    assert found.refusal
    assert not found.sources
    assert found.treatment(2) == Treatment(2, {}, edit)
    assert found.patch(Path("/p")) == ""


def test_a_source_that_has_the_edit_already_is_said_to():
    text = script()
    edit = Initialise("he")
    once = written(made.finding(), edit, {Path("/p/a.py"): text}).sources["/p/a.py"]

    again = written(made.finding(), edit, {Path("/p/a.py"): once})

    assert again.refusal == "the source has it already"


# --- candidates -----------------------------------------------------------------------------------
def test_each_edit_is_tried_once_and_the_first_finding_comes_first(laid):
    folder = laid({"train.py": script()})
    trace = regression([1.0, *[1e3, 2e3] * 50], update=0.5)
    errors = (made.finding("loss-diverges"), made.finding("rate-too-high"))

    found = candidates(Program("train.py", folder=folder), trace, errors)

    edits = [one.edit for one in found]
    assert edits == [edit for n, edit in enumerate(edits) if edit not in edits[:n]]
    assert edits[0] == for_finding(errors[0], trace)[0]
    assert {one.finding.rule for one in found} == {"loss-diverges"}
    assert all(one.details.startswith(one.edit.name) for one in found)


def test_settings_of_an_edit_are_shown_shortly():
    edit = SwapActivation((site("1:sigmoid#0"), site("3:tanh#0")), "relu")

    shown = Candidate(made.finding(), edit).details

    assert shown == "swap-activation sites=1:sigmoid#0,3:tanh#0 to=relu"
    assert Candidate(made.finding(), LOWER).details == "scale-rate factor=0.1"


MODEL = """from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.out = nn.Softmax(dim=1)
    def forward(self, x):
        return self.out(self.body(x).relu())
"""


@pytest.mark.parametrize("name", ["out:softmax#0", ":relu#0"])
def test_a_model_in_another_file_is_changed_there(name):
    texts = {Path("/p/train.py"): "from model import Net\nmodel = Net()\n"}

    found = written(made.finding(), DropActivation(site(name)), texts | {Path("/p/m.py"): MODEL})

    assert list(found.sources) == ["/p/m.py"]
    assert found.refusal == ""


@pytest.mark.parametrize(
    ("reason", "is_open"),
    [
        ("2 places could be the optimizer (lines 3, 9)", True),
        ("no view that mixes samples was found in the source", True),
        ("which side of a - b is the target cannot be told", True),
        ("2 files have a place for it", True),
        ("relu is called as a function, which holds no weights", False),
        ("", False),
    ],
)
def test_a_look_may_tell_what_is_not_certain_but_not_what_cannot_be(reason, is_open):
    assert dataclasses.replace(made.candidate(), refusal=reason).is_open is is_open
