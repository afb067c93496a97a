"""Scripts with a fault: found while they train, rewritten by the first edit, and trained again."""

import contextlib
import io
import shutil
import subprocess

import pytest
import torch

import lifesigns
from lifesigns.prove.candidates import difference
from lifesigns.remedies import for_finding

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(256, 8)
score = x[:, :3].sum(1)
y = (score > 0).long()
"""
CLASSES = """
for step in range(300):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print(f"measure={(model(x).argmax(1) == y).float().mean():.3f}")
"""
NUMBERS = """
for step in range(300):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), {target})
    loss.backward()
    optimizer.step()
rest = ((model(x).flatten() - {target}.flatten()) ** 2).mean() / {target}.var()
print(f"measure={{1 - rest:.3f}}")
"""
DEEP = """
layers = []
for width in (8, 16, 16, 16, 16, 16, 16):
    layers.append(nn.Linear(width, 16))
    layers.append(nn.Sigmoid())
model = nn.Sequential(*layers, nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
ZEROS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(8, 32)
        self.out = nn.Linear(32, 2)
        for p in self.parameters():
            nn.init.zeros_(p)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
SQUASHED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.ReLU())
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        x = self.body(x)
        return torch.sigmoid(self.head(x))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
prices = 3 * score.unsqueeze(1)
"""
TWO_LAYERS = """
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, {out}))
optimizer = torch.optim.{optimizer}
"""
FROZEN = """
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
for p in model.parameters():
    p.requires_grad = False
model[2].bias.requires_grad_(True)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
ADAM = "Adam(model.parameters(), lr=0.01)"
BORN_DEAD = """
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
nn.init.constant_(model[0].bias, -20.0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
ON_A_LINE = """
y = (x[:, 0] * x[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
SGD = "SGD(model.parameters(), lr=0.2)"
DECAYS = """
decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.7)
optimizer.register_step_post_hook(lambda *_: decay.step())
"""
ROOTED = """
x[:10] = 0


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(8, 32, bias=False), nn.Linear(32, 2)

    def forward(self, x):
        z = self.body(x)
        return self.head((z**2).sqrt())


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
CODE = {
    "rate-ran-out": (
        TWO_LAYERS.format(out=2, optimizer=SGD) + DECAYS + CLASSES,
        "hold-rate",
        0.85,
    ),
    "non-finite-origin": (ROOTED + CLASSES, "guard-domain", 0.9),
    "signal-fades": (DEEP + CLASSES, "swap-activation", 0.9),
    "symmetric-units": (ZEROS + CLASSES, "initialise", 0.9),
    "output-cannot-reach-target": (
        SQUASHED + NUMBERS.format(target="prices"),
        "drop-activation",
        0.8,
    ),
    "broadcast-loss": (
        TWO_LAYERS.format(out=1, optimizer=ADAM) + NUMBERS.format(target="score"),
        "match-shapes",
        0.8,
    ),
    "rate-too-low": (
        TWO_LAYERS.format(out=2, optimizer="SGD(model.parameters(), lr=2e-4)") + CLASSES,
        "scale-rate",
        0.6,
    ),
    "unscaled-target": (
        TWO_LAYERS.format(out=1, optimizer=ADAM)
        + "prices = 1e4 + 1e4 * score.unsqueeze(1)\n"
        + NUMBERS.format(target="prices"),
        "standardise-targets",
        0.8,
    ),
    "detached-parameters": (FROZEN + CLASSES, "train-parameters", 0.9),
    "rate-too-high": (
        TWO_LAYERS.format(out=2, optimizer="SGD(model.parameters(), lr=30)") + CLASSES,
        "scale-rate",
        0.9,
    ),
    "wrong-direction": (
        TWO_LAYERS.format(out=2, optimizer=ADAM) + CLASSES.replace("F.cross", "-F.cross"),
        "minimise",
        0.9,
    ),
    "logits-as-probabilities": (
        TWO_LAYERS.format(out=2, optimizer=ADAM)
        + "wanted = F.one_hot(y, 2).float()\n"
        + CLASSES.replace(
            "F.cross_entropy(model(x), y)",
            "F.kl_div(model(x), wanted, reduction='batchmean')",
        ),
        "log-input",
        0.9,
    ),
    "dead-from-birth": (BORN_DEAD + CLASSES, "initialise", 0.9),
    "linear-collapse": (ON_A_LINE + CLASSES, "insert-activation", 0.9),
    "unscaled-input": (
        "x = 1000 * x\n"
        + TWO_LAYERS.format(out=2, optimizer="SGD(model.parameters(), lr=0.1)")
        + CLASSES,
        "standardise-inputs",
        0.9,
    ),
}


@pytest.fixture
def patch(tmp_path):
    """Takes the difference of two texts as a patch, and gives what git makes of a third one."""

    def made(before, after):
        script, fix = tmp_path / "train.py", tmp_path / "fix.patch"
        fix.write_text(difference(before, after, "train.py"))

        def applied(text, *options):
            script.write_text(text)
            order = ["git", "apply", *options, fix.name]
            subprocess.run(order, cwd=tmp_path, check=True, capture_output=True)
            return script.read_text()

        return applied

    return made


def alarmed(report):
    return {finding.rule for finding in report.findings if finding.severity != "note"}


def trained(source):
    """The report on a script, and the measure that it prints."""
    said = io.StringIO()
    watcher = lifesigns.watch(every=5)
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(source, "train.py", "exec"), {"__name__": "__main__"})
    finally:
        report = watcher.detach()
    return report, float(said.getvalue().partition("measure=")[2])


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.filterwarnings("ignore")  # torch's own, of a loss that broadcasts
@pytest.mark.parametrize("rule", CODE)
def test_the_first_edit_cures_the_script_and_reverting_its_patch_brings_the_finding_back(
    rule, patch
):
    body, name, enough = CODE[rule]
    source = HEAD + body
    torch.manual_seed(0)
    sick, before = trained(source)
    found = next(f for f in sick.findings if f.rule == rule)

    edit = for_finding(found, sick.trace)[0]
    rewritten = edit.rewrite(source)

    assert edit.name == name
    assert isinstance(rewritten, str), rewritten
    well, after = trained(rewritten)
    assert rule not in alarmed(well)
    assert before < enough <= after
    assert edit.rewrite(rewritten) == rewritten or not isinstance(edit.rewrite(rewritten), str)

    apply = patch(source, rewritten)
    assert apply(source) == rewritten
    assert apply(rewritten, "--reverse") == source
    torch.manual_seed(0)
    again, measure = trained(source)
    assert rule in {finding.rule for finding in again.findings}
    assert measure == before or measure != measure
