"""Compiled models: their layers are seen as they are uncompiled, and nothing is left behind."""

import gc
import pickle
import warnings
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from compiled_steps import Classifier, batches, names, readings
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.utils.checkpoint import checkpoint

from lifesigns.record import Recorder

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # torch's own, while it compiles
    pytest.mark.usefixtures("fresh_compiler"),
]


# --- what is seen ---------------------------------------------------------------------------------
class Broken(Classifier):
    def forward(self, x):
        hidden = self.first(x)
        torch._dynamo.graph_break()
        return self.last(self.act(hidden))


class TwoOutputs(Classifier):
    def forward(self, x):
        hidden = self.act(self.first(x))
        return self.last(hidden).view(-1, 3), hidden.t()


class Averaging(Classifier):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(16))

    def forward(self, x):
        hidden = self.first(x)
        with torch.no_grad():
            self.mean.mul_(0.9).add_(hidden.mean(0), alpha=0.1)
        return self.last(self.act(hidden + self.mean))


class Mixed(Classifier):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return self.last(self.act(self.first(x)))


class Checkpointed(Classifier):
    def forward(self, x):
        return self.last(checkpoint(self.first, x, use_reentrant=False).sigmoid())


def loss_of(outputs, y):
    if isinstance(outputs, tuple):
        return F.cross_entropy(outputs[0], y) + outputs[1].square().mean()
    return F.cross_entropy(outputs, y)


def plain(model):
    return lambda x, y: loss_of(model(x), y)


def compiled(model):
    forward = torch.compile(model, backend="aot_eager")
    return lambda x, y: loss_of(forward(x), y)


def whole_step(model):
    return torch.compile(lambda x, y: loss_of(model(x), y), backend="aot_eager")


def compiled_loss(model):
    loss_fn = torch.compile(loss_of, backend="aot_eager")
    return lambda x, y: loss_fn(model(x), y)


def numbers(snapshot):
    for site in snapshot.sites:
        for sums in (site.value, site.output_gradient, site.input_gradient):
            yield [] if sums is None else [sums.count, sums.total, sums.total_squared]


@pytest.mark.parametrize(
    ("make", "step_of"),
    [
        (Classifier, compiled),
        (Classifier, whole_step),
        (Classifier, compiled_loss),
        (lambda: Classifier(norm=True), compiled),
        (Broken, compiled),
        (TwoOutputs, compiled),
        (Averaging, compiled),
        (Mixed, compiled),
        (Checkpointed, compiled),
    ],
)
def test_a_compiled_step_is_read_as_the_same_step_run_eagerly(make, step_of):
    expected = readings(make, plain)
    seen = readings(make, step_of)

    for ours, theirs in zip(seen.snapshots, expected.snapshots, strict=True):
        assert [s.name for s in ours.graph.sites] == [s.name for s in theirs.graph.sites]
        assert ours.graph.edges == theirs.graph.edges
        for a, b in zip(numbers(ours), numbers(theirs), strict=True):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                np.testing.assert_allclose(x, y, rtol=5e-3, atol=1e-5)
        assert ours.coverage.repeated >= 1
        assert not ours.coverage.opaque


def test_blocks_that_share_a_graph_have_names_of_their_own():
    class Blocks(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Classifier() for _ in range(3)])
            self.widen = nn.Linear(3, 8)

        def forward(self, x):
            for block in self.blocks:
                x = self.widen(block(x))
            return x

    def regional(model):
        for block in model.blocks:
            block.compile(backend="aot_eager")
        return lambda x, y: F.cross_entropy(model(x), y % 3)

    trace = readings(Blocks, regional)

    seen = names(trace)
    assert [n for n in seen if "act" in n] == [f"blocks.{k}.act:sigmoid#0" for k in range(3)]


def test_python_of_the_user_runs_as_often_as_unwatched():
    called = []

    class Counting(Classifier):
        def forward(self, x):
            hidden = self.first(x)
            torch._dynamo.graph_break()
            called.append(len(x))
            return self.last(self.act(hidden))

    readings(Counting, compiled)

    assert called == [16, 16, 12]


# --- what is not seen is said ---------------------------------------------------------------------
def test_a_graph_that_changes_parameters_is_not_repeated():
    class Clamping(Classifier):
        def forward(self, x):
            with torch.no_grad():
                self.first.weight.clamp_(-1, 1)
            return super().forward(x)

    coverage = readings(Clamping, compiled).snapshots[-1].coverage

    assert coverage.opaque == ("CompiledFunction",)
    assert coverage.unreadable == ("a compiled call was left out: it changes parameters",)


def test_a_graph_with_an_operator_of_somebody_elses_is_not_repeated():
    called = []

    @torch.library.custom_op("lifesigns_tests::counted", mutates_args=())
    def counted(x: torch.Tensor) -> torch.Tensor:
        called.append(1)
        return x.clone()

    counted.register_fake(torch.clone)
    counted.register_autograd(lambda context, gradient: gradient)

    class Custom(Classifier):
        def forward(self, x):
            return self.last(counted(self.first(x)))

    coverage = readings(Custom, compiled).snapshots[-1].coverage

    assert len(called) == 3
    assert coverage.unreadable == (
        "a compiled call was left out: it calls lifesigns_tests.counted",
    )


def test_what_was_compiled_before_watching_began_is_left_out():
    torch.manual_seed(0)
    model = Classifier()
    forward = torch.compile(model, backend="aot_eager")
    x, y = next(batches(1))
    F.cross_entropy(forward(x), y).backward()

    recorder = Recorder(model, strict=True)
    recorder.start()
    F.cross_entropy(forward(x), y).backward()
    recorder.stop()

    coverage = recorder.trace().snapshots[-1].coverage
    assert coverage.opaque == ("CompiledFunction",)
    assert "before watching began" in coverage.unreadable[0]


# --- nothing is left behind -----------------------------------------------------------------------
def test_dynamo_is_left_as_it_was():
    import torch._dynamo

    context = torch._dynamo.eval_frame._TorchDynamoContext
    output_graph = torch._dynamo.output_graph.OutputGraph

    def state():
        return (
            vars(context).get("enter_exit_hooks"),
            output_graph.call_user_compiler,
            module_hooks._has_any_global_hook,
            torch.compile,
            warnings.showwarning,
        )

    before = state()
    readings(Classifier, compiled)

    assert state() == before


def test_a_compiled_model_can_be_pickled_while_a_step_is_armed():
    model = Classifier()
    recorder = Recorder(model, strict=True, every=1)
    recorder.start()
    forward = torch.compile(model, backend="aot_eager")
    x, y = next(batches(1))
    F.cross_entropy(forward(x), y).backward()
    copied = pickle.loads(pickle.dumps(model))
    recorder.stop()

    assert torch.equal(copied.first.weight, model.first.weight)


def test_a_compiled_model_dies_as_it_does_unwatched():
    model = Classifier()
    recorder = Recorder(model, strict=True, every=1)
    recorder.start()
    forward = torch.compile(model, backend="aot_eager")
    for x, y in batches(2):
        F.cross_entropy(forward(x), y).backward()
    recorder.stop()
    gone = weakref.ref(model.first.weight)
    del model, forward
    gc.collect()

    assert gone() is None


def test_gradients_random_numbers_and_hooks_of_the_user_are_not_touched_by_the_repetition():
    torch.manual_seed(0)
    model, fired = Classifier(0.5, norm=True), []
    model.first.weight.register_hook(lambda gradient: fired.append(1))
    forward = torch.compile(model, backend="aot_eager")
    recorder = Recorder(model, strict=True, every=1)
    recorder.start()
    for x, y in batches(3):
        F.cross_entropy(forward(x), y).backward()
    recorder.stop()

    assert len(fired) == 3
    assert int(model.norm.num_batches_tracked) == 3
