"""Checkpoints that are loaded while a run is watched: what they left as it was is noted."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns
from lifesigns.record.measure import loaded
from lifesigns.store import read_run


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.body(x))


BODY = ("body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias")


def checkpoint(prefix=""):
    return {prefix + name: torch.randn(p.shape) for name, p in Net().named_parameters()}


def trained(load, steps=3, every=1, **watched):
    """The trace of a run in which a network is given a checkpoint before it is trained."""
    torch.manual_seed(0)
    with lifesigns.watch(every=every, **watched) as watcher:
        model = Net()
        load(model)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
            optimizer.step()
    return watcher.report.trace


def test_a_prefix_too_many_is_told_with_what_it_leaves():
    (load,) = trained(lambda m: m.load_state_dict(checkpoint("module."), strict=False)).loads

    assert (load.network, load.given, load.taken, load.used) == ("Net", 6, 0, 0)
    assert load.left == (*BODY, "head.weight", "head.bias")
    assert (load.missing, load.unexpected) == ("body.0.weight", "module.body.0.weight")
    assert (load.prefix, load.instead_of, load.fitting) == ("module.", "", 6)


def test_another_name_for_a_part_is_told():
    state = {k.replace("body", "encoder.layers"): v for k, v in checkpoint().items() if "body" in k}

    (load,) = trained(lambda m: m.load_state_dict(state, strict=False)).loads

    assert (load.prefix, load.instead_of, load.fitting) == ("encoder.layers.", "body.", 4)


def test_a_checkpoint_filled_up_with_the_network_holds_nothing():
    def load(model):
        own = model.state_dict()
        own.update({k: v for k, v in checkpoint("module.").items() if k in own})
        model.load_state_dict(own)

    (load,) = trained(load).loads

    assert (load.given, load.taken) == (0, 0)
    assert len(load.left) == 6


@pytest.mark.parametrize(
    "second",
    [
        lambda m: m.load_state_dict(checkpoint()),
        lambda m: m.body[0].weight.data.copy_(torch.randn(16, 4)),
        lambda m: [nn.init.normal_(p) for p in m.parameters()],
    ],
    ids=["load", "data", "init"],
)
def test_what_is_written_afterwards_is_not_left(second):
    def load(model):
        model.load_state_dict(checkpoint("module."), strict=False)
        second(model)

    (load,) = trained(load).loads

    assert "body.0.weight" not in load.left


def test_what_was_filled_before_is_not_left():
    def load(model):
        state = checkpoint()
        model.load_state_dict({k: v for k, v in state.items() if "body" in k}, strict=False)
        model.load_state_dict({f"module.{k}": v for k, v in state.items()}, strict=False)

    (load,) = trained(load).loads

    assert load.left == ("head.weight", "head.bias")


def test_what_was_trained_before_is_not_left():
    def load(model):
        F.cross_entropy(model(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
        model.load_state_dict(model.state_dict())

    (load,) = trained(load).loads

    assert (load.given, load.left) == (0, ())


def test_a_checkpoint_that_fits_but_for_the_head_is_no_misfit():
    state = {k: v for k, v in checkpoint().items() if "head" not in k}

    assert trained(lambda m: m.load_state_dict(state, strict=False)).loads == ()


def test_that_of_a_part_counts_with_the_names_of_the_whole():
    state = {f"module.body.{k}": v for k, v in Net().body.state_dict().items()}

    (load,) = trained(lambda m: m.body.load_state_dict(state, strict=False)).loads

    assert load.left == BODY


def test_what_is_left_and_frozen_is_counted_though_no_graph_holds_it():
    torch.manual_seed(0)
    with lifesigns.watch(every=1) as watcher:
        body, head = Net().body, nn.Linear(16, 2)
        body.load_state_dict({"model." + k: v for k, v in body.state_dict().items()}, strict=False)
        body.requires_grad_(False)
        head(body(torch.randn(8, 4))).sum().backward()

    (load,) = watcher.report.trace.loads
    assert (load.frozen, load.frozen_share, load.left) == (4, 1.0, ())
    assert "checkpoint-passed-over" in {finding.rule for finding in watcher.findings}


def evaluated_afterwards(fill):
    """The loads of a run that is evaluated in a network of its own, given the wrong names."""

    def evaluate(model):
        other, state = Net(), {f"module.{k}": v.clone() for k, v in model.state_dict().items()}
        other.load_state_dict(state, strict=False)
        fill(other, model)
        other.eval()

    torch.manual_seed(0)
    with lifesigns.watch(every=1) as watcher:
        model = Net()
        F.cross_entropy(model(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
        evaluate(model)
    return watcher.report


def test_what_is_evaluated_as_it_was_drawn_is_told_though_it_is_gone():
    report = evaluated_afterwards(lambda other, model: None)

    (load,) = report.trace.loads
    assert (load.frozen, load.frozen_share, load.left) == (6, 1.0, ())
    assert "checkpoint-passed-over" in {finding.rule for finding in report.findings}


@pytest.mark.parametrize(
    "fill",
    [
        lambda other, model: other.load_state_dict(model.state_dict()),
        lambda other, model: [
            p.data.copy_(q) for p, q in zip(other.parameters(), model.parameters(), strict=True)
        ],
    ],
)
def test_what_was_filled_before_it_is_evaluated_is_not_left(fill):
    (load,) = evaluated_afterwards(fill).trace.loads

    assert load.frozen == 0


def taught(afterwards=lambda teacher, student: None, mode=nn.Module.eval):
    """The run of a student whose teacher was given the wrong names and is asked without gradients.

    A function of both is called after each step.
    """
    torch.manual_seed(0)
    with lifesigns.watch(every=1) as watcher:
        teacher, student = Net(), Net()
        teacher.load_state_dict(checkpoint("module."), strict=False)
        mode(teacher)
        optimizer = torch.optim.SGD(student.parameters(), 0.1)
        for _ in range(4):
            x = torch.randn(8, 4)
            with torch.no_grad():
                wanted = teacher(x).softmax(1)
            optimizer.zero_grad()
            F.cross_entropy(student(x), wanted).backward()
            optimizer.step()
            afterwards(teacher, student)
    return watcher.report


def test_a_teacher_that_is_asked_as_it_was_drawn_is_told():
    report = taught()

    (load,) = report.trace.loads
    assert (load.frozen, load.frozen_share, load.left) == (6, 1.0, ())
    assert "checkpoint-passed-over" in {finding.rule for finding in report.findings}


def average(teacher, student):
    with torch.no_grad():
        for p, q in zip(teacher.parameters(), student.parameters(), strict=True):
            p.data.lerp_(q, 0.1)


def trains_too(teacher, student):
    F.cross_entropy(teacher(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
    torch.optim.SGD(teacher.parameters(), 0.1).step()


@pytest.mark.parametrize("afterwards", [average, trains_too])
def test_a_network_that_changes_in_evaluation_mode_is_none(afterwards):
    (load,) = taught(afterwards).trace.loads

    assert load.frozen == 0


def test_a_network_in_training_mode_that_no_graph_holds_may_be_trained_yet():
    (load,) = taught(mode=nn.Module.train).trace.loads

    assert load.frozen == 0


def test_that_of_a_second_training_is_found():
    """The network is met when the first one has been trained for long."""

    def load(model):
        first = Net()
        optimizer = torch.optim.SGD(first.parameters(), 0.1)
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(first(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
            optimizer.step()
        state = nn.DataParallel(first).state_dict()
        model.load_state_dict(state, strict=False)

    (load,) = trained(load, steps=60, every=None).loads

    assert [name.rpartition("Net")[2] for name in load.left][-1].endswith("head.bias")


@pytest.mark.parametrize(
    ("afterwards", "names"),
    [
        (lambda m: m.apply(redrawn), ("body.0.weight", "body.2.weight", "head.weight")),
        (lambda m: redrawn(m.head), ("head.weight",)),
        (lambda m: m.load_state_dict(checkpoint()), ()),
        (
            lambda m: [p.data.mul_(0.5).add_(torch.randn(p.shape) / 50) for p in m.parameters()],
            (),
        ),
        (lambda m: [p.data.mul_(torch.rand(p.shape) < 0.4) for p in m.parameters()], ()),
        (lambda m: [nn.init.zeros_(p) for p in (m.body[0].bias, m.head.bias)], ()),
        (lambda m: m.double().float(), ()),
    ],
    ids=["all", "head", "load", "noise", "pruned", "biases", "cast"],
)
def test_what_is_drawn_anew_after_a_load_is_told(afterwards, names):
    def load(model):
        model.load_state_dict(checkpoint())
        afterwards(model)

    loads = trained(load).loads

    assert tuple(name for one in loads for name in one.overwritten) == names


def redrawn(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)


def test_a_network_that_was_trained_before_may_be_drawn_anew():
    def load(model):
        F.cross_entropy(model(torch.randn(8, 4)), torch.randint(2, (8,))).backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
        model.load_state_dict(checkpoint())
        model.apply(redrawn)

    assert trained(load).loads == ()


def test_copies_that_are_filled_again_and_again_are_looked_at_a_few_times(monkeypatch):
    looks, spots = [], loaded.spots
    monkeypatch.setattr(loaded, "spots", lambda tensor: looks.append(tensor) or spots(tensor))

    def load(model):
        for _ in range(100):
            Net().load_state_dict(model.state_dict())

    trained(load)

    assert 0 < len(looks) <= 3 * loaded.MOST * 2


def test_the_call_does_what_it_did_and_nothing_is_left_behind():
    before, said = nn.Module.load_state_dict, []

    trained(lambda m: said.append(m.load_state_dict(checkpoint("x."), strict=False)))

    assert nn.Module.load_state_dict is before
    assert said[0].missing_keys == [*BODY, "head.weight", "head.bias"]
    with lifesigns.watch(), pytest.raises(RuntimeError, match="Missing key"):
        Net().load_state_dict(checkpoint("x."))


def test_the_run_file_holds_them(tmp_path):
    path = tmp_path / "run.ls"

    live = trained(lambda m: m.load_state_dict(checkpoint("x."), strict=False), save=path)

    assert read_run(path).loads == live.loads != ()
