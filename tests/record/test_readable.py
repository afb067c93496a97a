"""What has no values of its own is not touched, wherever it is, and the report says so."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch._subclasses.functional_tensor import FunctionalTensor, FunctionalTensorMode

from lifesigns.record.readable import is_plain_number, is_readable, obstacle, readable


class Untouchable(torch.Tensor):
    """A tensor that wraps another, and whose operations are counted.

    Without those torch makes by itself when a saved value is looked at.
    """

    calls = 0

    @staticmethod
    def __new__(cls, inner):
        made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        cls.calls += function is not torch.ops.aten.detach.default
        inner = [a.inner if isinstance(a, cls) else a for a in args]
        result = function(*inner, **(kwargs or {}))
        return cls(result) if isinstance(result, torch.Tensor) else result


class Chatty(torch.Tensor):
    """A tensor like any other, whose class counts what is done with it."""

    calls = 0

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        cls.calls += 1
        return super().__torch_function__(function, types, args, kwargs or {})


class Joined(torch.autograd.Function):
    """Makes a plain loss lead to a tensor of any kind."""

    @staticmethod
    def forward(ctx, odd, plain):
        ctx.odd, ctx.shape = odd, plain.shape
        return plain.sum()

    @staticmethod
    def backward(ctx, gradient):
        return torch.zeros_like(ctx.odd), gradient.expand(ctx.shape)


def freed():
    tensor = torch.ones(3)
    tensor.untyped_storage().resize_(0)
    return tensor


def cut():
    tensor = torch.ones(4, 4)[1:, ::2]
    tensor.untyped_storage().resize_(4 * 14)
    return tensor


def fake():
    with FakeTensorMode():
        return torch.ones(3)


def functional():
    with FunctionalTensorMode():
        return FunctionalTensor.to_functional(torch.ones(3))


UNREADABLE = {
    "without storage": freed,
    "with a storage that is cut off": cut,
    "on the meta device": lambda: torch.ones(3, device="meta"),
    "fake": fake,
    "functional": functional,
    "functional, of torch's C++": lambda: torch._to_functional_tensor(torch.ones(3)),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "sparse by row": lambda: torch.eye(3).to_sparse_csr(),
    "for MKL": lambda: torch.ones(3).to_mkldnn(),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(3, 3)]),
    "jagged": lambda: torch.nested.nested_tensor(
        [torch.ones(2, 3), torch.ones(3, 3)], layout=torch.jagged
    ),
    "of 8 bits": lambda: torch.ones(3).to(torch.float8_e4m3fn),
    "zero without memory": lambda: torch._efficientzerotensor((3,)),
    "of a class of its own": lambda: Untouchable(torch.ones(3)),
}
quiet = pytest.mark.filterwarnings(
    "ignore:.*(prototype|beta|Sparse CSR|quantized|TypedStorage|deprecated).*:UserWarning"
)


def unseen(recorder):
    """All that a report calls not seen."""
    trace = recorder.trace()
    sites = [text for s in trace.snapshots for text in s.coverage.unreadable]
    return " ".join([*trace.unseen, *sites])


# --- one tensor -----------------------------------------------------------------------------------
@quiet
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_tensor_without_values_of_its_own_is_told_without_touching_them(kind):
    tensor = UNREADABLE[kind]()
    assert obstacle(tensor)
    assert readable(tensor) is None


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(()),
        torch.empty(0),
        torch.ones(1).expand(1000, 1000),
        torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1)[1:, :, ::2],
        torch.ones(3, dtype=torch.complex64).conj(),
        torch.ones(3, dtype=torch.bfloat16),
        nn.Parameter(torch.ones(3)),
        torch.ones(3).as_subclass(Chatty),
    ],
    ids=str,
)
def test_a_tensor_with_all_its_values_is_readable(tensor):
    Chatty.calls = 0
    assert is_readable(tensor)
    assert type(readable(tensor)) is torch.Tensor
    assert Chatty.calls == 0


def test_inside_a_transform_a_tensor_means_nothing_outside():
    told = []
    torch.func.vmap(lambda x: (told.append(obstacle(x)), x)[1])(torch.ones(3))
    assert told == ["inside a transform of torch.func"]


# --- leaves ---------------------------------------------------------------------------------------
LEAVES = [
    k for k in UNREADABLE if k not in ("quantised", "for MKL", "zero without memory", "nested")
]


@quiet
@pytest.mark.parametrize("kind", LEAVES)
def test_a_leaf_without_values_is_left_alone_and_named(recording, network, batch, kind):
    x, y = batch
    leaf = nn.Parameter(UNREADABLE[kind]()) if kind != "fake" else fake().requires_grad_()
    recorder = recording(every=1)
    Untouchable.calls = 0

    loss = F.cross_entropy(network(x), y)
    before = Untouchable.calls
    after = recorder._around_backward.before_backward(Joined.apply(leaf, loss), None)
    after(True)

    assert Untouchable.calls == before
    recorder.stop()
    (snapshot,) = recorder.trace().snapshots
    assert "parameter" in unseen(recorder)
    assert obstacle(leaf) in unseen(recorder)
    readings = {p.name: p for p in snapshot.parameters}
    assert readings["0.weight"].weight_rms > 0


def test_a_parameter_freed_during_backward_is_left_alone_afterwards(recording, network, batch):
    x, y = batch
    recorder = recording(every=1)

    def free(gradient):
        network[0].weight.untyped_storage().resize_(0)

    network[0].weight.register_hook(free)
    F.cross_entropy(network(x), y).backward()
    recorder.stop()

    readings = {p.name: p for p in recorder.trace().snapshots[-1].parameters}
    assert readings["0.weight"].update_rms != readings["0.weight"].update_rms
    assert readings["2.weight"].update_rms == 0


@quiet
def test_a_sparse_gradient_is_left_alone_and_named(recording):
    model = nn.Sequential(nn.Embedding(5, 3, sparse=True), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = recording(every=1)

    model(torch.arange(4)).mean().backward()
    optimizer.step()

    assert "the gradient of 0.weight (sparse_coo)" in unseen(recorder)
    reading = recorder.trace().snapshots[0].parameters[0]
    assert reading.gradient_rms != reading.gradient_rms
    assert reading.update_rms > 0


def test_complex_parameters_are_listed_and_named_as_not_read(recording):
    model = nn.Linear(3, 2, dtype=torch.complex64)
    recorder = recording(every=1)

    model(torch.ones(4, 3, dtype=torch.complex64)).tanh().abs().mean().backward()
    recorder.stop()

    assert "weight (complex)" in unseen(recorder)
    assert [p.name for p in recorder.trace().snapshots[0].parameters] == ["weight", "bias"]


# --- saved values ---------------------------------------------------------------------------------
class Rectified(nn.Module):
    """A network whose loss leads to a value of any kind, which ReLU has made and saved."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, odd):
        self.value = torch.relu(odd)
        return Joined.apply(self.value, self.linear(torch.ones(2, 3)))


SAVED = ("on", "fake", "functional,", "sparse", "jagged", "of a class")


@quiet
@pytest.mark.parametrize("kind", [k for k in UNREADABLE if k.startswith(SAVED)])
def test_a_saved_value_that_cannot_be_read_is_left_alone_and_named(recording, kind):
    recorder, model = recording(every=1), Rectified()
    loss = model(UNREADABLE[kind]().requires_grad_())
    before = Untouchable.calls

    after = recorder._around_backward.before_backward(loss, None)
    after(True)

    assert Untouchable.calls == before
    recorder.stop()
    assert "relu#0: " in unseen(recorder)
    assert obstacle(model.value) in unseen(recorder)


def test_a_saved_value_whose_storage_is_freed_is_left_alone_and_named(recording, network, batch):
    x, y = batch
    recorder = recording(every=1)
    kept = []
    network[1].register_forward_hook(lambda module, inputs, output: kept.append(output))
    loss = F.cross_entropy(network(x), y)
    size = kept[0].untyped_storage().nbytes()

    kept[0].untyped_storage().resize_(0)
    after = recorder._around_backward.before_backward(loss, None)
    kept[0].untyped_storage().resize_(size)
    after(True)
    recorder.stop()

    assert "1:relu#0: without storage" in unseen(recorder)
    assert recorder.trace().snapshots[0].loss.kind == "cross_entropy"


@pytest.mark.parametrize("what", ["prediction", "target", "batch"])
def test_a_loss_or_batch_whose_storage_is_freed_is_left_alone(recording, network, what):
    x, y = torch.ones(8, 3), torch.zeros(8, 2)
    recorder = recording(every=1)
    prediction = network(x)
    loss = F.mse_loss(prediction, y)
    tensor = {"prediction": prediction, "target": y, "batch": x}[what]

    tensor.untyped_storage().resize_(0)
    after = recorder._around_backward.before_backward(loss, None)
    after(True)
    recorder.stop()

    (snapshot,) = recorder.trace().snapshots
    assert (snapshot.batch is None) == (what == "batch")
    assert (snapshot.loss.kind == "squared_error") == (what == "batch")
    assert "without storage" in unseen(recorder)


@pytest.mark.parametrize(
    "loss_fn",
    [lambda p, y: (p - y).square().mean(), lambda p, y: -(y * p.log_softmax(1)).sum(1).mean()],
    ids=["squared error", "cross-entropy"],
)
def test_a_loss_written_by_hand_on_freed_values_is_left_alone(recording, network, loss_fn):
    y = torch.ones(8, 2)
    recorder = recording(every=1)
    prediction = network(torch.ones(8, 3))
    loss = loss_fn(prediction, y)
    prediction.untyped_storage().resize_(0)
    y.untyped_storage().resize_(0)

    after = recorder._around_backward.before_backward(loss, None)
    after(True)
    recorder.stop()

    assert len(recorder.trace().snapshots) == 1


@pytest.mark.parametrize("kind", ["meta", "fake"])
def test_a_loss_without_a_value_is_counted(recording, kind):
    recorder = recording(every=1)
    with FakeTensorMode() if kind == "fake" else torch.device("meta"):
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        model(torch.ones(2, 3)).mean().backward()

    assert recorder.trace().snapshots == ()
    assert "1 backward passes of losses whose value cannot be read" in unseen(recorder)


@quiet
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_a_network_of_nested_tensors_trains_and_is_said_to_be_unread(recording, layout):
    rows = [torch.ones(2, 3), torch.ones(3, 3)]
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    recorder = recording(every=1)

    result = model(torch.nested.nested_tensor(rows, layout=layout))
    plain = result.values() if layout is torch.jagged else result.to_padded_tensor(0.0)
    plain.square().mean().backward()
    recorder.stop()

    assert "1:relu#0: " in unseen(recorder)
    assert "Nested" in unseen(recorder) or "nested" in unseen(recorder)


# --- classes of tensors ---------------------------------------------------------------------------
def test_the_code_of_a_tensor_class_is_not_run_more_often_than_unwatched(recording, network, batch):
    def calls():
        Chatty.calls = 0
        x, y = batch
        F.cross_entropy(network(x.as_subclass(Chatty)), y).backward()
        return Chatty.calls

    plain = calls()
    recorder = recording(every=1)

    assert calls() == plain
    recorder.stop()
    assert recorder.trace().snapshots[0].batch is not None


def test_a_plain_number_is_told_from_what_only_looks_like_one():
    freed = torch.tensor(1.0)
    freed.untyped_storage().resize_(0)
    others = [torch.ones(1), torch.tensor(1), torch.tensor(1.0, device="meta"), freed]

    seen_inside = []
    torch.func.vmap(lambda x: seen_inside.append(is_plain_number(x)) or x)(torch.ones(2))

    assert is_plain_number(torch.tensor(1.0, requires_grad=True) * 2)
    assert not any(map(is_plain_number, others))
    assert seen_inside == [False]
