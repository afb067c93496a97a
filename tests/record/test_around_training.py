"""What surrounds a recorded step: cycles, compiled models, failures, and what is left behind."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.optim import optimizer as optimizer_hooks

from lifesigns._errors import RecorderError
from lifesigns.record import Recorder


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(32, 8, generator=generator), torch.randint(0, 3, (32,), generator=generator)


def step(model, optimizer, loss_fn=F.cross_entropy):
    x, y = batch()
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def recorder(*arguments, **options):
    made = Recorder(*arguments, strict=True, **options)
    made.start()
    return made


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = torch.autograd.backward, torch.compile
    yield
    assert (torch.autograd.backward, torch.compile) == before
    assert not module_hooks._global_forward_pre_hooks
    assert not module_hooks._global_forward_hooks
    assert not optimizer_hooks._global_optimizer_post_hooks


# --- cycles ---------------------------------------------------------------------------------------
def test_micro_batches_before_an_optimizer_is_known_belong_to_the_first_cycle():
    model = nn.Linear(3, 1)
    watching = recorder(every=1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    for number in range(8):
        (model(torch.ones(4, 3)).square().mean() / 4).backward()
        if number % 4 == 3:
            optimizer.step()
    watching.stop()

    trace = watching.trace()
    assert [s.step for s in trace.snapshots] == [0] * 4 + [1] * 4
    assert trace.losses.steps.tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("order", ["DG", "GD"])
def test_the_two_losses_of_a_gan_are_told_apart(order, every):
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    optimizers = {
        "G": torch.optim.SGD(generator.parameters(), 0.1),
        "D": torch.optim.SGD(critic.parameters(), 0.1),
    }
    bce = F.binary_cross_entropy_with_logits

    def loss(which):
        fake = generator(torch.randn(8, 2))
        if which == "G":
            return bce(critic(fake), torch.ones(8, 1))
        real = bce(critic(torch.randn(8, 2)), torch.ones(8, 1))
        return real + bce(critic(fake.detach()), torch.zeros(8, 1))

    watching = recorder(every=every)
    for _ in range(5):
        for which in order:
            optimizers[which].zero_grad()
            loss(which).backward()
            optimizers[which].step()
    watching.stop()

    trace = watching.trace()
    assert trace.steps == 5
    assert trace.losses.steps.tolist() == [n for n in range(5) for _ in order]
    later = [(s.step, s.stream) for s in trace.snapshots if s.step]
    assert later == [(n, k) for n in range(1, 5) if n % every == 0 for k in (0, 1)]


def test_a_closure_is_one_cycle_however_often_it_runs():
    model, x = nn.Linear(3, 1), torch.randn(8, 3)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    watching = recorder(every=1)
    for _ in range(2):
        optimizer.step(closure)
    watching.stop()

    assert watching.trace().steps == 2
    assert {s.step for s in watching.trace().snapshots} == {0, 1}


def test_training_by_hand_is_a_cycle_per_backward_and_its_updates_are_measured():
    model, x = nn.Linear(3, 1), torch.randn(8, 3)
    watching = recorder(every=1)

    for _ in range(4):
        model(x).square().mean().backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
                p.grad = None
    watching.stop()

    snapshots = watching.trace().snapshots
    assert [s.step for s in snapshots] == [0, 1, 2, 3]
    weight = snapshots[0].parameter("weight")
    assert weight.update_rms == pytest.approx(0.1 * weight.gradient_rms, rel=1e-5)


def test_an_evaluation_between_two_steps_does_not_use_up_the_recording():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = recorder(model, every=1)

    for _ in range(6):
        step(model, optimizer)
        model.eval()
        with torch.no_grad():
            model(batch()[0])
        model.train()
    watching.stop()

    assert watching.trace().recorded_steps >= 3
    assert all(s.sites for s in watching.trace().snapshots)


# --- compiled models ------------------------------------------------------------------------------
def wrapped(model):
    return torch.compile(model, backend="eager"), F.cross_entropy


def whole_graph(model):
    return torch.compile(model, backend="aot_eager", fullgraph=True), F.cross_entropy


def in_place(model):
    model.compile(backend="eager")
    return model, F.cross_entropy


def loss_only(model):
    return model, torch.compile(F.cross_entropy, backend="eager")


@pytest.mark.parametrize("attached", ["before", "after"])
@pytest.mark.parametrize("compiled", [wrapped, whole_graph, in_place, loss_only])
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_is_seen_and_its_losses_stay_the_same(compiled, attached):
    def losses(watched):
        torch._dynamo.reset()
        model = network()
        optimizer = torch.optim.Adam(model.parameters())
        watching = recorder(model) if watched and attached == "before" else None
        forward, loss_fn = compiled(model)
        if watched and attached == "after":
            watching = recorder(model)
        values = [step(forward, optimizer, loss_fn) for _ in range(6)]
        if watching is not None:
            watching.stop()
        return values, watching and watching.trace()

    unwatched, _ = losses(watched=False)
    watched, trace = losses(watched=True)

    assert watched == unwatched
    names = [site.name for site in trace.snapshots[-1].graph.sites]
    assert names[:2] == ["0:linear#0", "1:relu#0"]
    assert torch._dynamo.eval_frame._stance.stance == "default"


# --- failures -------------------------------------------------------------------------------------
def test_an_exception_in_forward_leaves_the_next_step_to_record_cleanly():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = recorder(model, every=1)

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        model(torch.ones(2, 5))
    step(model, optimizer)
    watching.stop()

    sites = watching.trace().snapshots[0].graph.sites
    assert [s.name for s in sites][:2] == ["0:linear#0", "1:relu#0"]


def test_an_exception_in_backward_reaches_the_user_and_nothing_else():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = recorder(model, every=1)

    def explode(gradient):
        raise ValueError("the user's own")

    output = model(batch()[0])
    output.register_hook(explode)
    with pytest.raises(ValueError, match="the user's own"):
        F.cross_entropy(output, batch()[1]).backward()
    step(model, optimizer)
    watching.stop()

    assert watching.trace().snapshots[-1].sites


def test_a_failure_of_the_recorder_is_reported_and_the_run_goes_on(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("lifesigns.record.pass_reader.walk", fail)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = Recorder(model)
    watching.start()

    values = [step(model, optimizer) for _ in range(3)]
    watching.stop()

    assert len(values) == 3
    assert "ZeroDivisionError: on purpose" in " ".join(watching.trace().unseen)


def test_in_strict_mode_a_failure_of_the_recorder_raises(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("lifesigns.record.pass_reader.walk", fail)
    model = network()
    watching = recorder(model)

    with pytest.raises(RecorderError, match="on purpose"):
        F.cross_entropy(model(batch()[0]), batch()[1]).backward()
    watching.stop()


def test_a_loss_that_becomes_nan_is_recorded_on_the_spot():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = recorder(model, every=100)
    for _ in range(5):
        step(model, optimizer)

    step(model, optimizer, lambda out, y: (out * 0).log().sum() - (out * 0).log().sum())
    watching.stop()

    snapshot = watching.trace().snapshots[-1]
    assert (snapshot.step, snapshot.reason) == (5, "non-finite")
    assert snapshot.nonfinite.operation == "log"


# --- what is left behind --------------------------------------------------------------------------
@pytest.mark.parametrize("first", [0, 1])
def test_watchers_detach_in_any_order(first):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = [recorder(model, every=1), recorder(model, every=1)]

    step(model, optimizer)
    watching[first].stop()
    step(model, optimizer)
    watching[1 - first].stop()

    assert watching[first].trace().recorded_steps == 1
    assert watching[1 - first].trace().recorded_steps == 2


def test_a_tool_that_wraps_backward_after_us_keeps_working(monkeypatch):
    model = network()
    watching = recorder(model)
    calls = []
    below = torch.autograd.backward

    def theirs(*arguments, **options):
        calls.append(1)
        return below(*arguments, **options)

    torch.autograd.backward = theirs
    watching.stop()
    F.cross_entropy(model(batch()[0]), batch()[1]).backward()
    torch.autograd.backward = below
    recorder(model).stop()

    assert calls == [1]
    if getattr(torch.autograd.backward, "_lifesigns", False):
        pytest.fail("the wrapper was left in place")


def test_an_armed_model_can_be_pickled_and_copied():
    model = network()
    watching = recorder(model, every=1)

    copied = pickle.loads(pickle.dumps(model)), copy.deepcopy(model)
    watching.stop()

    assert all(torch.equal(c[0].weight, model[0].weight) for c in copied)


def test_a_watched_model_dies_without_the_garbage_collector():
    gc.disable()
    try:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        watching = recorder(model, every=1)
        step(model, optimizer)
        watching.stop()
        alive = weakref.ref(model[0].weight)
        del model, optimizer

        assert alive() is None
        assert watching.trace().recorded_steps == 1
    finally:
        gc.enable()


def test_the_number_of_kept_snapshots_is_bounded():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watching = recorder(model, every=1)

    for _ in range(600):
        step(model, optimizer)
    watching.stop()

    steps = [s.step for s in watching.trace().snapshots]
    assert len(steps) <= 256
    assert steps == sorted(steps)
    assert steps[:16] == list(range(16))
    assert steps[-64:] == list(range(536, 600))


def test_a_loss_made_into_a_new_tensor_is_counted_and_leads_nowhere():
    model, watcher = network(), recorder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = batch()
    for _ in range(3):
        loss = F.cross_entropy(model(x), y)
        torch.tensor(loss.item(), requires_grad=True).backward()
        optimizer.step()
    watcher.stop()

    trace = watcher.trace()

    assert (trace.severed, trace.snapshots, trace.unseen) == (3, (), ())
