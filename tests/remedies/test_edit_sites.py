"""From a site to the source: the one expression that makes it, or a refusal."""

import pytest

from lifesigns.remedies import Place
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Script
from lifesigns.remedies._sites import call_of, layers_of, place_of
from lifesigns.remedies.testing import site

HEAD = "import torch\nimport torch.nn.functional as F\nfrom collections import OrderedDict\n"
SCRIPT = (
    HEAD
    + """from torch import nn

class Block(nn.Module):
    def __init__(self, width, act=nn.ReLU()):
        super().__init__()
        self.fc, self.act = nn.Linear(width, width), act
        self.norm: nn.Module = nn.LayerNorm(width)
        self.gate = nn.Sigmoid()

    def forward(self, x):
        return F.relu(self.norm(self.fc(F.relu(x))))

def head(width, deep=False):
    last = nn.Linear(width, 1)
    if deep:
        return nn.Sequential(nn.Linear(width, width), nn.Tanh(), last)
    return nn.Sequential(last, nn.Softplus())

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(8) for _ in range(3)])
        self.named = nn.Sequential(OrderedDict([("a", nn.Linear(8, 8)), ("b", nn.GELU())]))
        self.parts = nn.ModuleDict({"x": nn.ELU(), "y": nn.SELU()})
        self.head = head(8)
        self.drop = nn.Sequential(*[nn.Linear(8, 8), nn.Mish()])

    def forward(self, x):
        return self.head(x).tanh() + torch.tanh(x)

model = Net()
loss = F.mse_loss(model(x).sigmoid(), y)
"""
)
FOUND = {
    "blocks.1.gate:sigmoid#0": "nn.Sigmoid()",
    "blocks.0:relu#0": "F.relu(x)",
    "blocks.0:relu#1": "F.relu(self.norm(self.fc(F.relu(x))))",
    "named.b:gelu#0": "nn.GELU()",
    "parts.y:selu#0": "nn.SELU()",
    "head.1:softplus#0": "nn.Softplus()",
    "drop.1:mish#0": "nn.Mish()",
    ":tanh#0": "self.head(x).tanh()",
    ":tanh#1": "torch.tanh(x)",
    ":sigmoid#0": "model(x).sigmoid()",
}


@pytest.mark.parametrize("name", FOUND)
def test_the_one_expression_that_makes_a_site_is_found(name):
    script = Script(SCRIPT)

    call = call_of(script, site(name))

    assert script.text(call) == FOUND[name]


@pytest.mark.parametrize(
    "name", ["blocks.0.act:relu#0", "blocks.0:gelu#0", "nowhere.3:relu#0", ":tanh#2"]
)
def test_what_comes_from_elsewhere_or_is_not_there_is_refused(name):
    script = Script(SCRIPT)

    with pytest.raises(Refused):
        call_of(script, site(name))


@pytest.mark.parametrize(
    ("path", "text"),
    [("blocks.2.fc", "nn.Linear(width, width)"), ("named.a", "nn.Linear(8, 8)")],
)
def test_the_expression_that_builds_a_layer_is_found(path, text):
    script = Script(SCRIPT)

    assert [script.text(call) for call in layers_of(script, [path])] == [text]


SAME = "        self.named = nn.Sequential(OrderedDict([('a', nn.Linear(8, 8))]))\n"
APART = SCRIPT.partition("model = ")[0]


@pytest.mark.parametrize("name", [name for name in FOUND if not name.startswith(":")])
def test_a_class_that_another_file_builds_is_followed(name):
    script = Script(APART)

    assert script.text(call_of(script, site(name))) == FOUND[name]


def test_of_two_classes_for_other_files_neither_is_taken():
    twice = Script(f"{APART}\nclass Other(nn.Module):\n    def __init__(self):\n{SAME}")

    assert layers_of(twice, ["blocks.2.fc"])
    with pytest.raises(Refused, match="2 places"):
        layers_of(twice, ["named.a"])


def test_a_layer_that_is_built_in_one_of_two_ways_is_refused():
    with pytest.raises(Refused, match="2 places"):
        layers_of(Script(SCRIPT), ["head.0"])


def test_the_place_that_the_recorder_saw_is_used_instead_of_a_search():
    script = Script(HEAD + "from torch import nn\nmake = dict(act=nn.ReLU())\nother = nn.ReLU()\n")
    seen = Place("train.py", 5)

    call = call_of(script, site("unknown.path:relu#0"), seen)

    assert place_of(script, call, "train.py") == Place("train.py", 5, 16)


def test_a_line_with_two_candidates_needs_a_column():
    script = Script(HEAD + "from torch import nn\nnet = [nn.ReLU(), nn.ReLU()]\n")

    with pytest.raises(Refused, match="2 places"):
        call_of(script, site("1:relu#0"), Place("train.py", 5))
    assert script.column(call_of(script, site("1:relu#0"), Place("train.py", 5, 18))) == 18


def test_modules_of_one_name_from_another_library_are_not_taken_for_torchs():
    script = Script("from mine import nn\nmodel = nn.Sequential(nn.ReLU())\n")

    with pytest.raises(Refused):
        call_of(script, site("0:relu#0"))
