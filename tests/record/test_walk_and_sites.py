"""Sites carry the names, units, kinds and edges of the network that was written."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import reading, snapshot
from sites import Net, edges, graph_of, names, site, squares, taken_of
from torch import nn

from lifesigns.record.graph.walk import walk
from lifesigns.records import Kind

torch.set_num_threads(1)


# --- what a node is -------------------------------------------------------------------------------
@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_layer_is_one_site(cell):
    model = Net(
        lambda self, x: self.head(torch.relu(self.cell(x)[0][:, -1])),
        cell=cell(3, 5, batch_first=True),
        head=nn.Linear(5, 1),
    )
    graph = graph_of(model, torch.randn(4, 6, 3))
    word = cell.__name__.lower()
    assert names(graph) == [f"cell:{word}#0", ":relu#0", "head:linear#0"]
    assert edges(graph) >= {(f"cell:{word}#0", ":relu#0"), (":relu#0", "head:linear#0")}
    recurrent = site(graph, f"cell:{word}#0")
    assert recurrent.kind is Kind.RECURRENT
    assert set(recurrent.parameters) == {
        f"cell.{p}" for p in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    }


def test_weights_name_their_site_and_give_its_fans():
    model = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Flatten(), nn.Linear(4 * 16, 7, bias=False))
    graph = graph_of(model, torch.randn(2, 3, 8, 8))
    conv, linear = site(graph, "0:conv2d#0"), site(graph, "2:linear#0")
    assert (conv.fan_in, conv.fan_out) == (3 * 25, 4)
    assert (linear.fan_in, linear.fan_out) == (64, 7)
    assert conv.parameters == ("0.weight", "0.bias")
    assert linear.parameters == ("2.weight",)


@pytest.mark.parametrize(
    ("layer", "x", "word"),
    [
        (nn.Conv1d(3, 4, 2), torch.randn(2, 3, 8), "conv1d"),
        (nn.Conv2d(3, 4, 2), torch.randn(2, 3, 8, 8), "conv2d"),
        (nn.Conv3d(3, 4, 2), torch.randn(2, 3, 4, 4, 4), "conv3d"),
    ],
)
def test_units_are_channels_below_a_convolution_and_last_behind_the_flattening(layer, x, word):
    model = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Tanh(), nn.LazyLinear(4), nn.Sigmoid())
    model(x)
    graph = graph_of(model, x)
    assert (site(graph, f"0:{word}#0").unit_dim, site(graph, f"0:{word}#0").units) == (1, 4)
    assert (site(graph, "1:relu#0").unit_dim, site(graph, "1:relu#0").units) == (1, 4)
    assert site(graph, "3:tanh#0").unit_dim == -1
    assert site(graph, "5:sigmoid#0").units == 4


def test_units_of_a_linear_map_behind_a_convolution_are_the_last_dimension():
    """Four channels and four outputs: nothing but the kind tells the dimensions apart."""
    model = nn.Sequential(nn.Conv1d(3, 4, 1), nn.Linear(4, 4), nn.ReLU())
    taken = taken_of(model, torch.randn(4, 3, 4))
    assert site(taken.graph, "1:linear#0").unit_dim == -1
    assert site(taken.graph, "2:relu#0").unit_dim == -1


def test_channels_stay_units_through_norm_pooling_and_dropout():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.GELU(), nn.Dropout2d()
    )
    graph = graph_of(model, torch.randn(2, 3, 8, 8))
    for name in ("1:batch_norm#0", "2:relu#0", "3:max_pool2d#0", "4:gelu#0"):
        assert site(graph, name).unit_dim == 1
    assert edges(graph) >= {("0:conv2d#0", "1:batch_norm#0"), ("3:max_pool2d#0", "4:gelu#0")}


def test_batch_norm_of_rows_and_layer_norm_keep_their_units():
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.LayerNorm(5), nn.Tanh())
    graph = graph_of(model, torch.randn(4, 3))
    assert site(graph, "1:batch_norm#0").units == 5
    assert site(graph, "3:layer_norm#0").units == 5
    assert site(graph, "4:tanh#0").units == 5


def test_a_residual_connection_is_an_edge_around_the_block():
    def forward(self, x):
        h = self.a(x)
        return self.c(h + F.relu(self.b(h)))

    model = Net(forward, a=nn.Linear(3, 3), b=nn.Linear(3, 3), c=nn.Linear(3, 1))
    found = edges(graph_of(model, torch.randn(4, 3)))
    assert found >= {
        ("a:linear#0", "b:linear#0"),
        ("a:linear#0", "c:linear#0"),
        (":relu#0", "c:linear#0"),
    }


def test_a_product_of_two_activations_is_attention_and_one_with_a_weight_is_linear():
    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        weights = torch.softmax(q @ k.transpose(1, 2) / 2, -1)
        return self.o(weights @ v)

    model = Net(forward, **{name: nn.Linear(4, 4) for name in "qkvo"})
    graph = graph_of(model, torch.randn(2, 3, 4))
    assert [s.name for s in graph.sites if s.kind is Kind.LINEAR] == [
        f"{name}:linear#0" for name in "qkvo"
    ]
    assert [s.name for s in graph.sites if s.kind is Kind.ATTENTION] == [":matmul#0", ":matmul#1"]
    assert edges(graph) >= {("q:linear#0", ":matmul#0"), (":matmul#0", ":softmax#0")}


def test_fused_attention_is_one_site():
    def forward(self, x):
        return self.o(F.scaled_dot_product_attention(self.q(x), self.q(x), self.q(x)))

    model = Net(forward, q=nn.Linear(4, 4), o=nn.Linear(4, 1))
    graph = graph_of(model, torch.randn(2, 1, 3, 4))
    assert any(s.kind is Kind.ATTENTION for s in graph.sites)


def test_weight_norm_is_part_of_the_weight_and_no_site_of_its_own():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    graph = graph_of(nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 1)), torch.randn(5, 3))
    (linear, relu, last) = names(graph)
    assert (linear, relu, last) == ("0:linear#0", "1:relu#0", "2:linear#0")
    assert "0.parametrizations.weight.original1" in site(graph, linear).parameters
    assert "0.bias" in site(graph, linear).parameters


def test_tied_parameters_are_named_once_and_used_twice():
    encoder, decoder = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
    decoder.weight = encoder.weight
    taken = taken_of(nn.Sequential(encoder, nn.Tanh(), decoder), torch.arange(7))
    assert site(taken.graph, "0:embedding#0").parameters == ("0.weight",)
    assert site(taken.graph, "2:linear#0").parameters == ("0.weight",)
    assert [p.name for p in taken.parameters] == ["0.weight"]


def test_a_frozen_layer_is_a_site_and_its_parameters_are_not_reached():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    model[2].requires_grad_(False)
    taken = taken_of(model, torch.randn(4, 3))
    assert names(taken.graph)[2] == "2:linear#0"
    frozen = taken.parameter("2.weight")
    assert (frozen.trainable, frozen.reached) == (False, False)
    assert taken.parameter("0.weight").reached


def test_what_lies_before_a_frozen_part_has_no_graph_and_no_sites():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    model[0].requires_grad_(False)
    taken = taken_of(model, torch.randn(4, 3))
    assert names(taken.graph) == ["2:linear#0"]
    assert {p.name for p in taken.parameters if not p.reached} == {"0.weight", "0.bias"}


def test_einsum_with_a_weight_is_linear():
    model = Net(
        lambda self, x: torch.relu(torch.einsum("bi,ij->bj", x, self.w)),
        w=nn.Parameter(torch.randn(3, 5)),
    )
    graph = graph_of(model, torch.randn(4, 3))
    assert names(graph) == [":linear#0", ":relu#0"]
    assert site(graph, ":linear#0").parameters == ("w",)
    assert edges(graph) >= {(":linear#0", ":relu#0")}


def test_rows_looked_up_in_a_parameter_are_an_embedding():
    """Matrix factorisation: without this everything would be a function of parameters alone."""
    model = Net(
        lambda self, i, j: (self.u[i] * self.v.index_select(0, j)).sum(1),
        u=nn.Parameter(torch.randn(5, 3)),
        v=nn.Parameter(torch.randn(4, 3)),
    )
    i, j = torch.tensor([0, 2, 1]), torch.tensor([3, 1, 1])
    taken = snapshot(lambda: ((model(i, j) - torch.ones(3)) ** 2).mean().backward(), model)
    assert [s.parameters for s in taken.graph.sites if s.kind is Kind.EMBEDDING] == [("u",), ("v",)]
    assert taken.loss.kind == "squared_error"


def test_bilinear_counts_as_more_than_linear():
    model = Net(
        lambda self, x: self.bilinear(self.a(x), self.b(x)),
        a=nn.Linear(3, 4),
        b=nn.Linear(3, 4),
        bilinear=nn.Bilinear(4, 4, 2),
    )
    graph = graph_of(model, torch.randn(5, 3))
    inside = [s for s in graph.sites if s.module == "bilinear"]
    assert inside
    assert all(s.kind is not Kind.LINEAR for s in inside)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        return 2 * g


def test_a_custom_function_is_opaque_and_said_to_be():
    model = Net(lambda self, x: F.relu(Doubled.apply(self.a(x))), a=nn.Linear(3, 3))
    taken = taken_of(model, torch.randn(4, 3))
    (opaque,) = (s for s in taken.graph.sites if s.kind is Kind.OPAQUE)
    assert taken.coverage.opaque == ("Doubled",)
    assert edges(taken.graph) >= {("a:linear#0", opaque.name), (opaque.name, ":relu#0")}


def test_an_activation_in_place_on_a_view_is_opaque():
    def forward(self, x):
        h = self.a(x) * 1.0
        h[:, :2].relu_()
        return self.b(h)

    model = Net(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 1))
    taken = taken_of(model, torch.randn(5, 3))
    assert "CopySlices" in taken.coverage.opaque
    assert edges(taken.graph) >= {(":copy_slices#0", "b:linear#0")}


def test_a_gate_of_zeros_and_ones_is_not_taken_for_a_linear_operation():
    """`x * (x > 0)` is a ReLU: calling it transparent would invent a linear collapse."""
    for mask in (lambda h: h > 0, lambda h: (h > 0).float()):
        gated = lambda self, x, mask=mask: self.b((h := self.a(x)) * mask(h))  # noqa: E731
        model = Net(gated, a=nn.Linear(3, 8), b=nn.Linear(8, 1))
        graph = graph_of(model, torch.randn(50, 3))
        between = [graph.sites[i] for i in graph.predecessors(graph.find("b:linear#0"))]
        assert [s.kind for s in between] == [Kind.OTHER]


def test_dropout_is_a_site_in_training_and_absent_in_evaluation():
    model = nn.Sequential(nn.Linear(3, 40), nn.Dropout(0.5), nn.Linear(40, 1))
    assert site(graph_of(model, torch.randn(9, 3)), "1:dropout#0").kind is Kind.DROPOUT
    assert all(s.kind is not Kind.DROPOUT for s in graph_of(model.eval(), torch.randn(9, 3)).sites)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_carries_its_probability(p):
    model = nn.Sequential(nn.Linear(3, 40), nn.Dropout(p), nn.Linear(40, 1))
    assert site(graph_of(model, torch.randn(9, 3)), "1:dropout#0").details == {
        "p": pytest.approx(p, abs=1e-5)
    }


def test_dropout_of_whole_channels_is_a_site_with_its_probability():
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.Dropout2d(0.25), nn.Conv2d(16, 1, 3))
    dropout = site(graph_of(model, torch.randn(9, 1, 6, 6)), "1:dropout#0")
    assert (dropout.kind, dropout.details) == (Kind.DROPOUT, {"p": pytest.approx(0.25, abs=1e-5)})


def test_dropout_with_a_node_of_its_own_carries_its_probability():
    """As on GPUs."""

    def dropped(self, x):
        return torch.native_dropout(self.a(x), 0.3, True)[0]

    graph = graph_of(Net(dropped, a=nn.Linear(3, 40)), torch.randn(9, 3))
    assert site(graph, ":dropout#0").details == {"p": pytest.approx(0.3)}


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_carries_its_dimension(name):
    for dim in (0, 1, -1):
        model = nn.Sequential(nn.Linear(3, 4), getattr(nn, name)(dim))
        (found,) = (s for s in graph_of(model, torch.randn(5, 3)).sites if s.kind is Kind.SOFTMAX)
        assert found.details["dim"] == dim


def test_constant_factors_casts_and_reshapes_are_transparent():
    def forward(self, x):
        h = (self.a(x) * 3 + 1).view(2, 2, 4).transpose(0, 1).reshape(4, 4).double().float() / 2
        return self.b(-h[:, [2, 0, 1, 3]])

    model = Net(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 1))
    graph = graph_of(model, torch.randn(4, 3))
    assert names(graph) == ["a:linear#0", "b:linear#0"]
    assert edges(graph) >= {("a:linear#0", "b:linear#0")}


def test_a_division_by_a_value_is_not_transparent():
    model = Net(lambda self, x: self.b(1 / self.a(x)), a=nn.Linear(3, 3), b=nn.Linear(3, 1))
    graph = graph_of(model, torch.randn(4, 3))
    assert ("a:linear#0", "b:linear#0") not in edges(graph)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (lambda y: F.cross_entropy(y, torch.arange(4)), ":nll_loss#0"),
        (lambda y: F.mse_loss(y, torch.zeros(4, 4)), ":mse_loss#0"),
    ],
)
def test_the_loss_is_a_site_behind_the_last_layer(loss, name):
    model = nn.Sequential(nn.Linear(3, 4))
    taken = taken_of(model, torch.randn(4, 3), loss)
    found = taken.graph.sites[taken.loss.site]
    assert (found.name, found.kind) == (name, Kind.LOSS)
    assert taken.graph.find("0:linear#0") in set(taken.graph.upstream(taken.loss.site))


def test_an_activation_of_the_loss_is_no_activation_of_the_network():
    taken = taken_of(nn.Linear(3, 2), torch.randn(4, 3), lambda y: torch.exp(y).mean())
    assert [s.kind for s in taken.graph.sites if s.operation == "exp"] == [Kind.OTHER]


# --- the walk -------------------------------------------------------------------------------------
def test_nodes_come_in_forward_order_each_after_its_inputs():
    model = nn.Sequential(*[nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(4)])
    walked = walk([squares(model(torch.randn(4, 3)) + model(torch.randn(4, 3)))])
    for index, inputs in enumerate(walked.inputs):
        assert all(i < index for i in inputs if i is not None)
    assert {id(leaf) for leaf in walked.leaves} == {id(p) for p in model.parameters()}
    assert walked.roots == [len(walked) - 1]


def test_a_deep_graph_is_walked_without_recursion():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1
    assert len(walk([y])) == 20_000


def test_several_losses_share_one_walk():
    model = nn.Linear(3, 2)
    y = model(torch.randn(4, 3))
    losses = [y[:, 0].sum(), y[:, 1].square().sum()]
    walked = walk(losses)
    assert len(walked.roots) == 2
    assert walked.names.count("Addmm") == 1


def test_a_loss_on_a_parameter_itself_is_recorded():
    parameter = nn.Parameter(torch.ones(3))
    taken = snapshot(lambda: parameter.sum().backward())
    assert taken.parameters[0].gradient_rms == pytest.approx(1.0)


def test_shared_inputs_are_read_once_for_each_use():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    x = torch.randn(4, 3)
    taken = snapshot(lambda: squares(model(x) + model(2 * x)).backward(), model)
    assert reading(taken, "1:tanh#0").value.total.tolist() != pytest.approx(
        reading(taken, "1:tanh#1").value.total.tolist()
    )


# --- constant factors of zeros --------------------------------------------------------------------
@pytest.mark.parametrize(
    "through",
    [nn.Dropout(1.0), lambda h: h * torch.zeros(8, 4), lambda h: h * torch.zeros(1)],
    ids=["a dropout of 1", "a mask of zeros", "a broadcast zero"],
)
def test_a_constant_factor_of_zeros_is_a_site_of_its_own(through):
    model = Net(lambda m, x: m.b(through(m.a(x).relu())), a=nn.Linear(3, 4), b=nn.Linear(4, 2))

    graph = graph_of(model, torch.randn(8, 3))

    zero = [s for s in graph.sites if s.details.get("factor") == 0]
    assert [s.operation for s in zero] == ["mul"]


def test_a_mask_that_keeps_something_is_no_such_site():
    mask = torch.ones(8, 1)
    model = Net(lambda m, x: m.b(m.a(x) * mask), a=nn.Linear(3, 4), b=nn.Linear(4, 2))

    graph = graph_of(model, torch.randn(8, 3))

    assert not any("factor" in s.details for s in graph.sites)
