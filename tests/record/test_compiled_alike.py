"""A compiled run is the same watched and unwatched: to the last bit, warnings included."""

import shutil
import warnings

import pytest
import torch
import torch.nn.functional as F
from compiled_steps import Classifier, batches, names, readings
from torch import nn
from torch.nn.modules import module as module_hooks

from lifesigns.record import Recorder

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # torch's own, while it compiles
    pytest.mark.usefixtures("fresh_compiler"),
]


def wrapped(model, backend):
    return torch.compile(model, backend=backend)


def in_place(model, backend):
    model.compile(backend=backend)
    return model


def inner(model, backend):
    model.first = torch.compile(nn.Sequential(model.first, nn.Tanh()), backend=backend)
    return model


def function(model, backend):
    return torch.compile(lambda x: model(x), backend=backend)


def train(make, form, backend, *, watched, steps=100, amp=False, evaluate=False, loss_fn=None):
    """Trains; what the run left behind, the warnings it showed, and the trace."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    forward = form(model, backend)
    recorder = Recorder(model, strict=True, every=3) if watched else None
    if recorder:
        recorder.start()
    losses = []
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        for number, (x, y) in enumerate(batches(steps)):
            if evaluate and number % 10 == 5:
                model.eval()
                with torch.no_grad():
                    losses.append(forward(x).sum().item())
                model.train()
            with torch.autocast("cpu", torch.bfloat16, enabled=amp):
                loss = (loss_fn or F.cross_entropy)(forward(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if recorder:
        recorder.stop()
    left = [losses, torch.get_rng_state().tolist(), dict(torch._dynamo.utils.counters["stats"])]
    left += [
        t.tolist() for t in (*model.state_dict().values(), *(p.grad for p in model.parameters()))
    ]
    messages = [(str(w.message), w.category, w.filename, w.lineno) for w in shown]
    return left, messages, recorder and recorder.trace()


@needs_compiler
@pytest.mark.parametrize(
    ("form", "options", "how"),
    [
        (wrapped, {}, {}),
        (wrapped, {"dropout": 0.3, "norm": True}, {"evaluate": True}),
        (in_place, {"dropout": 0.3}, {}),
        (inner, {"dropout": 0.3}, {}),
        (function, {"dropout": 0.3}, {"amp": True}),
    ],
)
def test_inductor_trains_the_same_to_the_last_bit_and_warns_of_the_same(form, options, how):
    def make():
        return Classifier(**options)

    unwatched, warned, _ = train(make, form, "inductor", watched=False, **how)
    watched, warned_watched, trace = train(make, form, "inductor", watched=True, **how)

    assert watched == unwatched
    assert warned_watched == warned
    assert "last:linear#0" in names(trace)
    assert trace.snapshots[-1].coverage.repeated == 1
    assert not trace.unseen


@pytest.mark.parametrize(
    "backend",
    [pytest.param(b, marks=pytest.mark.sampled(b, ())) for b in ("eager", "aot_eager")],
)
@pytest.mark.parametrize(
    ("form", "amp"), [(wrapped, True), (in_place, False), (inner, False), (function, False)]
)
def test_other_backends_train_the_same_and_warn_of_the_same(form, backend, amp):
    def make():
        return Classifier(0.3, norm=True)

    how = {"steps": 12, "amp": amp, "evaluate": True}
    unwatched, warned, _ = train(make, form, backend, watched=False, **how)
    watched, warned_watched, trace = train(make, form, backend, watched=True, **how)

    assert (watched, warned_watched) == (unwatched, warned)
    assert {"act:sigmoid#0", "last:linear#0"} <= set(names(trace))


def global_hook(model):
    handle = module_hooks.register_module_forward_hook(lambda *arguments: None)
    forward = torch.compile(model, backend="aot_eager")

    def step(x, y):
        try:
            return F.cross_entropy(forward(x), y)
        finally:
            if len(x) == 12:
                handle.remove()

    return step


def warning_inside(model):
    def forward(x):
        torch._dynamo.graph_break()
        warnings.warn("the user's own", stacklevel=1)
        return model(x)

    called = torch.compile(forward, backend="aot_eager")
    return lambda x, y: F.cross_entropy(called(x), y)


def sizes_that_differ(model):
    forward = torch.compile(model, backend="aot_eager")
    return lambda x, y: F.mse_loss(forward(x)[:, :1], y.float())


def sizes_that_differ_inside(model):
    return torch.compile(
        lambda x, y: F.mse_loss(model(x)[:, :1], y.float()), backend="aot_eager", dynamic=False
    )


def compiled_in_place(model):
    model.compile(backend="aot_eager")
    return lambda x, y: F.cross_entropy(model(x), y)


def not_compiled(model):
    return lambda x, y: F.mse_loss(model(x)[:, :1], y.float())


def recurrent(model):
    cell = nn.LSTM(8, 8)
    both = torch.compile(lambda x: model(cell(x)[0]), backend="aot_eager")
    return lambda x, y: F.cross_entropy(both(x), y)


@pytest.mark.parametrize(
    "step_of",
    [
        global_hook,
        warning_inside,
        sizes_that_differ,
        sizes_that_differ_inside,
        compiled_in_place,
        not_compiled,
        recurrent,
    ],
)
@pytest.mark.parametrize(
    "action",
    [pytest.param(a, marks=pytest.mark.sampled(a, ())) for a in ("always", "default")],
)
def test_warnings_are_those_of_the_unwatched_program(step_of, action):
    def warned(watched):
        torch._dynamo.reset()
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter(action)
            readings(Classifier, step_of, watched=watched)
        return [(str(w.message), w.category, w.filename, w.lineno) for w in shown]

    warned(False)  # some are shown once in the life of a process

    assert warned(True) == warned(False)
