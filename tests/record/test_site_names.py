"""Sites are named by their module, their operation and the number of the call."""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from oracles.recorded import record, snapshot
from sites import Net, edges, graph_of, names, site, squares
from torch import nn

from lifesigns.record import Recorder
from lifesigns.record.graph.module_calls import Forward
from lifesigns.record.graph.sites import condense
from lifesigns.record.graph.walk import walk
from lifesigns.records import Kind

torch.set_num_threads(1)


def test_a_site_is_named_by_the_innermost_module_its_operation_and_the_call():
    block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model = nn.Sequential(block, nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()))
    graph = graph_of(model, torch.randn(4, 3))
    assert names(graph) == ["0.0:linear#0", "0.1:relu#0", "1.0:linear#0", "1.1:sigmoid#0"]
    assert edges(graph) >= {("0.0:linear#0", "0.1:relu#0"), ("0.1:relu#0", "1.0:linear#0")}


def test_one_module_used_three_times_is_three_calls():
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 3), relu, nn.Linear(3, 3), relu, nn.Linear(3, 3), relu)
    graph = graph_of(model, torch.randn(4, 3))
    assert [n for n in names(graph) if "relu" in n] == [f"1:relu#{k}" for k in range(3)]


def test_functions_belong_to_the_module_that_calls_them():
    inner = Net(lambda self, x: torch.tanh(self.a(x)).clamp(min=0), a=nn.Linear(3, 3))
    outer = Net(
        lambda self, x: F.relu(self.inner(F.relu(self.b(x)))), inner=inner, b=nn.Linear(3, 3)
    )
    assert names(graph_of(outer, torch.randn(4, 3))) == [
        "b:linear#0",
        ":relu#0",
        "inner.a:linear#0",
        "inner:tanh#0",
        "inner:clamp#0",
        ":relu#1",
    ]


def test_functions_on_bare_tensors_are_named_without_modules():
    weights = [torch.randn(3, 5, requires_grad=True), torch.randn(5, 1, requires_grad=True)]
    bias = torch.zeros(5, requires_grad=True)

    def step():
        hidden = torch.relu(torch.randn(4, 3) @ weights[0] + bias)
        squares(hidden @ weights[1]).backward()

    taken = snapshot(step)
    assert names(taken.graph) == [":linear#0", ":relu#0", ":linear#1"]
    assert len(taken.parameters) == 3
    assert taken.graph.sites[0].kind is Kind.LINEAR


def test_two_roots_are_told_apart_by_their_class():
    first, second = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 1), nn.Tanh())
    taken = snapshot(lambda: squares(second(first(torch.randn(4, 3)))).backward())
    assert names(taken.graph) == ["Linear:linear#0", "Sequential.0:linear#0", "Sequential.1:tanh#0"]
    assert {p.name for p in taken.parameters} == {
        "Linear.weight",
        "Linear.bias",
        "Sequential.0.weight",
        "Sequential.0.bias",
    }


def test_two_roots_of_one_class_are_numbered():
    twins = [nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(2)]
    taken = snapshot(lambda: squares(twins[1](twins[0](torch.randn(4, 3)))).backward())
    assert [n for n in names(taken.graph) if "tanh" in n] == [
        "Sequential0.1:tanh#0",
        "Sequential1.1:tanh#0",
    ]


def test_a_step_recorded_without_warning_keeps_the_names_it_had():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 9), nn.ReLU(), nn.Linear(9, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    recorder = Recorder(model, [optimizer], every=100, strict=True)
    recorder.start()
    for size in (1.0, 1.0, 1e6):
        squares(model(torch.full((4, 3), size))).backward()
        optimizer.step()
    recorder.stop()

    first, spike = recorder.trace().snapshots
    assert (first.reason, spike.reason) == ("scheduled", "spike")
    assert names(spike.graph) == names(first.graph) == ["0:linear#0", "1:relu#0", "2:linear#0"]


def test_a_smaller_last_batch_keeps_the_names_and_has_its_own_shapes():
    model, sizes = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), iter([8, 8, 5])
    trace = record(lambda: squares(model(torch.randn(next(sizes), 3))).backward(), model, steps=3)
    assert [site(s.graph, "1:relu#0").shape for s in trace.snapshots] == [(8, 3), (8, 3), (5, 3)]


def test_without_forward_hooks_the_nearest_parameter_names_a_site():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    by_id = {id(p): name for name, p in model.named_parameters()}
    walked = walk([squares(model(torch.randn(4, 3)))])
    graph = condense(walked, Forward(), lambda leaf: by_id[id(leaf)]).graph
    assert [s.module for s in graph.sites if s.kind is Kind.LINEAR] == ["0", "2"]
    assert [s.module for s in graph.sites if s.kind is Kind.ACTIVATION] == ["0"]


class KerasLayer(nn.Module):
    """What Keras on torch makes: parts and weights that torch lists under other names, or not."""

    def __init__(self, name, forward, weights=(), layers=()):
        super().__init__()
        self.name, self.call = name, forward
        self.__dict__["_layers"] = list(layers)
        self._torch_params = nn.ParameterDict({f"net/{name}/{k}": p for k, p in weights})
        self._trainable_variables = [SimpleNamespace(name=k, _value=p) for k, p in weights]

    def forward(self, x):
        return self.call(x)


def dense(name, inputs, outputs):
    kernel = nn.Parameter(torch.randn(inputs, outputs))
    return KerasLayer(name, lambda x: torch.relu(x @ kernel), [("kernel", kernel)])


def test_layers_of_keras_have_the_names_that_keras_gives_them():
    block = KerasLayer("block", lambda x: block_inner(x), layers=[block_inner := dense("d", 3, 3)])
    head = dense("head", 3, 1)
    model = KerasLayer("model", lambda x: head(block(x)), layers=[block, head])
    model.optimizer = SimpleNamespace(inner_optimizer=torch.Generator())
    recorder = Recorder(model, every=1, strict=True)
    recorder.start()
    squares(model(torch.randn(4, 3))).backward()
    recorder.stop()

    trace = recorder.trace()
    assert [n for n in names(trace.snapshots[0].graph) if "relu" in n] == [
        "block.d:relu#0",
        "head:relu#0",
    ]
    assert [p.name for p in trace.snapshots[0].parameters] == ["block.d.kernel", "head.kernel"]
    assert trace.optimizers == ("Generator",)


def test_an_optimizer_within_another_is_called_by_its_own_name():
    class Wrapper(torch.optim.Optimizer):
        def __init__(self, optimizer):
            self.optimizer = optimizer

    model = nn.Linear(3, 1)
    inner = torch.optim.RMSprop(model.parameters())
    recorder = Recorder(model, [Wrapper(inner)], every=1, strict=True)
    recorder.start()
    for _ in range(2):
        squares(model(torch.randn(4, 3))).backward()
        inner.step()
    recorder.stop()
    assert (recorder.trace().optimizers, recorder.trace().steps) == (("RMSprop",), 2)
