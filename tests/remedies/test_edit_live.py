"""Edits of a live run: each does what it says, and nothing else."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from lifesigns.records import Kind, Site
from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.batch_first import BatchFirst
from lifesigns.remedies.clip_gradient import ClipGradient
from lifesigns.remedies.clip_less import ClipLess
from lifesigns.remedies.drop_activation import DropActivation
from lifesigns.remedies.guard_domain import GuardDomain
from lifesigns.remedies.hold_rate import HoldRate
from lifesigns.remedies.initialise import Initialise
from lifesigns.remedies.insert_activation import InsertActivation
from lifesigns.remedies.insert_norm import InsertNorm
from lifesigns.remedies.insert_residual import InsertResidual
from lifesigns.remedies.keep_precision import KeepPrecision
from lifesigns.remedies.log_input import LogInput
from lifesigns.remedies.lower_decay import LowerDecay
from lifesigns.remedies.match_shapes import MatchShapes
from lifesigns.remedies.mean_reduction import MeanReduction
from lifesigns.remedies.minimise import Minimise
from lifesigns.remedies.optimize_all import OptimizeAll
from lifesigns.remedies.reattach import Reattach
from lifesigns.remedies.register_layers import RegisterLayers
from lifesigns.remedies.scale_logits import ScaleLogits
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.shuffle import Shuffle
from lifesigns.remedies.sign_targets import SignTargets
from lifesigns.remedies.softmax_dim import SoftmaxDim
from lifesigns.remedies.standardise_inputs import StandardiseInputs
from lifesigns.remedies.standardise_targets import StandardiseTargets
from lifesigns.remedies.swap_activation import SwapActivation
from lifesigns.remedies.swap_loss import SwapLoss
from lifesigns.remedies.testing import site
from lifesigns.remedies.train_longer import TrainLonger
from lifesigns.remedies.train_mode import TrainMode
from lifesigns.remedies.train_parameters import TrainParameters
from lifesigns.remedies.warm_up import WarmUp
from lifesigns.remedies.weigh_terms import WeighTerms
from lifesigns.remedies.zero_grad import ZeroGrad


class Net(nn.Module):
    """Two functional activations of a kind, and a module of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.act = nn.Tanh()

    def forward(self, x):
        x = torch.sigmoid(self.first(x))
        x = self.act(self.second(x))
        return self.last(x).sigmoid()


@pytest.fixture
def run():
    torch.manual_seed(0)
    model = Net()
    loader = DataLoader(TensorDataset(torch.arange(64.0)), batch_size=16)
    return LiveRun(model, torch.optim.SGD(model.parameters(), lr=0.1), loader)


def batch(size=64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, 4, generator=generator), torch.rand(size, 1, generator=generator)


def step(run, loss=F.mse_loss):
    x, y = batch()
    run.optimizer.zero_grad()
    loss(run.model(x), y).backward()
    run.optimizer.step()


HIDDEN, OUTPUT = site(":sigmoid#0"), site(":sigmoid#1")
EVERY = [
    SwapActivation((HIDDEN, site("act:tanh#0")), "relu"),
    DropActivation(OUTPUT),
    InsertActivation(("first",), "tanh"),
    InsertNorm((site("act:tanh#0"),)),
    InsertResidual(("second",)),
    Initialise("he"),
    ScaleRate(0.1),
    HoldRate(),
    BatchFirst(),
    GuardDomain("sqrt"),
    GuardDomain("exp"),
    KeepPrecision(),
    ClipLess(),
    WarmUp(5),
    ClipGradient(),
    ZeroGrad(),
    TrainMode(),
    TrainParameters(("first.weight",)),
    OptimizeAll(),
    Reattach(),
    Shuffle(),
    StandardiseInputs(4),
    StandardiseTargets(),
    SwapLoss("mse_loss", "binary_cross_entropy"),
    MatchShapes((1,), ()),
    MeanReduction(),
    Minimise("loss"),
    LogInput("kl_div"),
    SoftmaxDim(site(":softmax#0")),
    WeighTerms("mse_loss", 0.1),
]


@pytest.mark.parametrize("edit", EVERY, ids=lambda edit: edit.name)
def test_other_parameters_and_the_random_numbers_stay(run, edit):
    before = copy.deepcopy(dict(run.model.named_parameters()))
    state = torch.get_rng_state()

    with edit.apply(run):
        assert torch.equal(torch.get_rng_state(), state)
        after = dict(run.model.named_parameters())
        assert before.keys() <= after.keys()
        for name in before:
            same = torch.equal(before[name], after[name])
            assert same or edit.name == "initialise", name
        step(run)

    assert all(torch.isfinite(p).all() for p in run.model.parameters())


@pytest.mark.parametrize("edit", EVERY, ids=lambda edit: edit.name)
def test_nothing_that_was_hooked_in_outlives_the_context(run, edit):
    with edit.apply(run):
        pass

    modules = list(run.model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)
    assert not run.optimizer._optimizer_step_pre_hooks
    assert not run.optimizer._optimizer_step_post_hooks
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks
    assert not torch.overrides._get_current_function_mode_stack()


def test_activations_are_swapped_at_the_sites_only(run):
    x, _ = batch()
    model = run.model
    expected = model.last(F.gelu(model.second(F.relu(model.first(x))))).sigmoid()

    with SwapActivation((HIDDEN,), "relu").apply(run):
        SwapActivation((site("act:tanh#0"),), "gelu").apply(run)

        assert torch.equal(model(x), expected)
        assert torch.equal(model(x), expected), "calls are counted anew in each pass"

    assert isinstance(model.act, nn.GELU)
    assert not torch.equal(model(x), expected), "a function is changed in the context only"


def test_a_dropped_activation_hands_on_what_entered_it(run):
    x, _ = batch()
    logits = torch.logit(run.model(x))

    with DropActivation(OUTPUT).apply(run):
        assert torch.allclose(run.model(x), logits, atol=1e-5)


def test_a_dropped_module_becomes_the_identity(run):
    DropActivation(site("act:tanh#0")).apply(run)

    assert isinstance(run.model.act, nn.Identity)


def test_an_activation_is_inserted_behind_a_layer(run):
    x, _ = batch()
    expected = run.model.first(x).relu()

    with InsertActivation(("first",)).apply(run):
        assert torch.equal(run.model.first(x), expected)


def test_a_norm_is_trained_in_the_same_way_as_the_rest(run):
    InsertNorm((site("act:tanh#0"),)).apply(run)

    norm, act = run.model.act
    assert isinstance(norm, nn.LayerNorm)
    assert isinstance(act, nn.Tanh)
    assert run.optimizer.param_groups[1]["params"] == [norm.weight, norm.bias]
    assert run.optimizer.param_groups[1]["lr"] == 0.1


def test_channels_are_normalised_over_the_batch():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    channels = Site("1", "relu", 0, Kind.ACTIVATION, (8, 3, 4, 4), unit_dim=1)

    InsertNorm((channels,)).apply(LiveRun(model))

    assert isinstance(model[1][0], nn.BatchNorm2d)
    assert model[1][0].num_features == 3


def test_a_norm_is_refused_where_a_function_is_called(run):
    assert "function" in InsertNorm((HIDDEN,)).apply(run).reason


def test_a_layer_is_led_around(run):
    h = torch.randn(3, 8)
    expected = h + run.model.second(h)

    with InsertResidual(("second",)).apply(run):
        assert torch.equal(run.model.second(h), expected)


def test_a_layer_that_changes_the_width_is_not_led_around(run):
    assert isinstance(InsertResidual(("first",)).apply(run), Refusal)


@pytest.mark.parametrize(("scheme", "spread"), [("he", 2 / 400), ("glorot", 2 / 800)])
def test_weights_are_drawn_with_the_spread_of_the_scheme(scheme, spread):
    model = nn.Sequential(nn.Linear(400, 400), nn.Conv1d(1, 1, 1))
    nn.init.zeros_(model[0].weight)
    kept = model[1].weight.clone()

    Initialise(scheme).apply(LiveRun(model))

    assert model[0].weight.var().item() == pytest.approx(spread, rel=0.02)
    assert not model[0].bias.any()
    assert torch.equal(model[1].weight, kept)


def test_the_rate_is_scaled_in_each_step_and_a_schedule_does_not_see_it(run):
    schedule = torch.optim.lr_scheduler.LambdaLR(run.optimizer, lambda epoch: 0.5**epoch)
    plain = copy.deepcopy(run.model)
    other = torch.optim.SGD(plain.parameters(), lr=0.01)

    with ScaleRate(0.1).apply(run):
        step(run)
        schedule.step()
        assert run.optimizer.param_groups[0]["lr"] == 0.05
    step(LiveRun(plain, other))

    assert all(
        torch.allclose(a, b)
        for a, b in zip(run.model.parameters(), plain.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    ("schedule", "rate"),
    [
        (lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.1), 0.1),
        (lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda n: (n + 1) / 4000), 0.1),
        (lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=9), 0.5),
        (lambda o: o.param_groups[0].update(lr=1e-5), 0.1),
    ],
    ids=["a decay", "a rise", "a cycle", "by hand"],
)
def test_the_rate_is_held_at_what_it_was_meant_to_be(run, schedule, rate):
    made, rates = schedule(run.optimizer), []

    with HoldRate().apply(run):
        run.optimizer.register_step_post_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        for _ in range(3):
            step(run)
            if made is not None:
                made.step()

    assert rates == [rate] * 3


def test_a_warm_up_rises_as_linear_lr_does(run):
    rates, seen = [], run.optimizer
    seen.register_step_pre_hook(lambda o, *_: None)
    original = torch.optim.SGD(run.model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(original, 0.01, total_iters=4)

    with WarmUp(4).apply(run):
        seen.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        expected = []
        for _ in range(6):
            expected.append(original.param_groups[0]["lr"])
            step(run)
            original.step()
            schedule.step()

    assert rates == pytest.approx(expected)


EDGES = {
    "sqrt": lambda x: x.abs().sqrt(),
    "rsqrt": lambda x: torch.rsqrt(x.abs()),
    "log": lambda x: torch.log(x.abs()),
    "div": lambda x: 1 / x + x / x,
    "acos": lambda x: (1 + x).acos(),
    "softmax": lambda x: torch.where(x == 0, -torch.inf, x).softmax(dim=-1),
}


@pytest.mark.parametrize("operation", EDGES)
def test_at_the_edge_of_a_domain_value_and_slope_are_finite_and_elsewhere_the_same(run, operation):
    function = EDGES[operation]
    edge = torch.zeros(2, 3, requires_grad=True)
    inside = torch.full((2, 3), -0.5)

    with GuardDomain(operation).apply(run):
        value = function(edge)
        value.sum().backward()
        assert torch.allclose(function(inside), expected := EDGES[operation](inside))

    assert torch.isfinite(value).all()
    assert torch.isfinite(edge.grad).all()
    assert torch.allclose(function(inside), expected)
    assert not torch.isfinite(function(edge)).all() or operation in ("sqrt", "acos")


def test_a_softmax_by_hand_and_its_logarithm_are_those_of_torch(run):
    z = (1000 * torch.randn(8, 5)).requires_grad_()
    at = torch.arange(8) % 5

    with GuardDomain("exp").apply(run):
        p = z.exp() / z.exp().sum(1, keepdim=True)
        logs = [p.gather(1, at.unsqueeze(1)).log().squeeze(1), p[range(8), at].log()]
        logs.append(torch.log(torch.softmax(z, dim=1))[range(8), at])
        unlike = z.exp() / (2 * z).exp().sum(1, keepdim=True)

    assert torch.equal(p, z.softmax(1))
    assert all(torch.equal(log, -F.cross_entropy(z, at, reduction="none")) for log in logs)
    assert not torch.isfinite(unlike).all()


@pytest.mark.parametrize(
    "short",
    [lambda t: t.bfloat16(), lambda t: t.to(torch.bfloat16), lambda t: t.to(dtype=torch.half)],
)
def test_what_was_turned_to_16_bits_stays_in_32(short):
    model, (x, _) = short(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))), batch()
    run = LiveRun(model, torch.optim.SGD(model.parameters(), lr=0.1))
    given = short(x)

    with KeepPrecision().apply(run):
        first, second = model(given), model(short(x))
        second.sum().backward()
        run.optimizer.step()

    assert {first.dtype, second.dtype} == {torch.float32}
    assert {p.dtype for p in run.optimizer.param_groups[0]["params"]} == {torch.float32}
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}


class Hidden(nn.Module):
    """Its layers are where no model looks for them."""

    def __init__(self, keep):
        super().__init__()
        self.inner = nn.Module()
        self.inner.parts = keep([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x):
        parts = self.inner.parts
        for each in parts.values() if hasattr(parts, "values") else parts:
            x = each(x)
        return x


@pytest.mark.parametrize("keep", [list, tuple, lambda each: dict(zip("ab", each, strict=True))])
def test_layers_in_a_plain_container_are_registered_and_trained(keep):
    model, (x, _), other = Hidden(keep), batch(), nn.Parameter(torch.ones(1))
    expected, run = model(x), LiveRun(model, torch.optim.SGD([other], lr=0.1))

    RegisterLayers(("inner.parts",)).apply(run)

    assert torch.equal(model(x), expected)
    assert len(list(model.parameters())) == 4
    held = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    assert held == {id(other), *map(id, model.parameters())}


@pytest.mark.parametrize("path", ["first", "nothing", "act.inplace"])
def test_what_holds_no_layers_is_not_registered(run, path):
    assert isinstance(RegisterLayers((path,)).apply(run), Refusal)


class Cut(nn.Module):
    """Its body is cut off from its head in one of several ways."""

    def __init__(self, how):
        super().__init__()
        self.body, self.head, self.how = nn.Linear(4, 8), nn.Linear(8, 1), how

    def forward(self, x):
        if self.how == "no_grad":
            with torch.no_grad():
                return self.head(self.body(x))
        z = self.body(x)
        assert len(z.detach().numpy()) == len(x)
        return self.head({"detach": z.detach, "data": lambda: z.data}.get(self.how, lambda: z)())


@pytest.mark.parametrize("how", ["detach", "data", "no_grad", "number"])
def test_what_is_cut_off_gets_its_gradient(how):
    model, (x, y) = Cut(how), batch()
    whole = copy.deepcopy(model)
    whole.how = ""
    run = LiveRun(model, torch.optim.SGD(model.parameters(), lr=0.1))

    with Reattach().apply(run):
        loss = F.mse_loss(model(x), y)
        loss = torch.tensor(loss.item(), requires_grad=True) if how == "number" else loss
        loss.backward()
        assert not loss.detach().requires_grad, "it was trained on already"
        with torch.no_grad():
            assert not model(x).requires_grad
    F.mse_loss(whole(x), y).backward()

    assert all(
        torch.equal(a.grad, b.grad)
        for a, b in zip(model.parameters(), whole.parameters(), strict=True)
    )


def test_a_state_that_goes_on_to_the_next_piece_is_detached_as_before():
    cell = nn.GRUCell(4, 4)
    run = LiveRun(cell, torch.optim.SGD(cell.parameters(), lr=0.1))
    state, (x, _) = torch.zeros(64, 4), batch()

    with Reattach().apply(run):
        for _ in range(2):
            state = cell(x, state.detach())
            state = cell(x, state.detach())
            state.sum().backward()

    assert state.grad_fn is not None


def test_networks_with_optimizers_of_their_own_stay_cut_off_from_each_other(run):
    refusal = Reattach().apply(LiveRun(run.model, run.optimizer, others=(run.optimizer,)))

    assert isinstance(refusal, Refusal)


@pytest.mark.parametrize(
    "make",
    [
        lambda **first: nn.GRU(4, 6, **first),
        lambda **first: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 1, 8, 0.0, **first), 2, enable_nested_tensor=False
        ),
    ],
    ids=["a recurrence", "attention"],
)
def test_a_layer_takes_the_first_axis_for_the_batch_wherever_it_is(run, make):
    layer, told = make(), make(batch_first=True)
    told.load_state_dict(layer.state_dict())
    x = torch.randn(5, 3, 4)

    with BatchFirst().apply(run):
        given, expected = layer(x), told(x)

    both = zip(given, expected, strict=True) if type(given) is tuple else [(given, expected)]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in both)


@pytest.mark.parametrize(
    "clip",
    [
        lambda given: nn.utils.clip_grad_norm_(given, 1e-4),
        lambda given: nn.utils.clip_grad_norm_(given, 1e-4, foreach=False),
        lambda given: nn.utils.clip_grad_value_(given, 1e-4),
    ],
)
def test_only_clipping_is_left_out(run, clip):
    given = [nn.Parameter(torch.ones(3))]
    given[0].grad = torch.full((3,), 2.0)

    with ClipLess().apply(run):
        length = clip(given)
        doubled = torch.ones(3).mul_(2)

    assert torch.equal(given[0].grad, doubled)
    assert length is None or torch.allclose(length, torch.tensor(12.0).sqrt())
    clip(given)
    assert given[0].grad.max() < 1e-3


def test_the_gradient_is_cut_before_the_step(run):
    with ClipGradient(1e-3).apply(run):
        step(run)

    lengths = torch.stack([p.grad.norm() for p in run.model.parameters()])
    assert lengths.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_the_optimizer_goes_down(run):
    upward = torch.optim.SGD(run.model.parameters(), lr=0.1, maximize=True)

    Minimise().apply(LiveRun(run.model, upward))

    assert not upward.param_groups[0]["maximize"]
    assert isinstance(Minimise().apply(run), Refusal)


def test_a_negated_loss_goes_down_whichever_way_it_is_differentiated(run):
    x, y = batch()

    with Minimise("loss").apply(run):
        (-F.mse_loss(run.model(x), y)).backward(retain_graph=True)
        torch.autograd.backward(-F.mse_loss(run.model(x), y))
    found = [p.grad.clone() for p in run.model.parameters()]
    run.optimizer.zero_grad()
    (2 * F.mse_loss(run.model(x), y)).backward()

    expected = [p.grad for p in run.model.parameters()]
    assert all(torch.allclose(a, b) for a, b in zip(found, expected, strict=True))


def test_gradients_do_not_pile_up(run):
    x, y = batch()

    with ZeroGrad().apply(run):
        for _ in range(2):
            F.mse_loss(run.model(x), y).backward()
            run.optimizer.step()

    assert all(p.grad is None for p in run.model.parameters())


def test_the_model_is_in_training_mode_where_gradients_are_wanted(run):
    x, _ = batch()
    run.model.eval()

    with TrainMode().apply(run):
        with torch.no_grad():
            run.model(x)
        assert not run.model.training
        run.model(x)

    assert run.model.training


def test_frozen_parameters_are_trained_and_the_others_stay():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model.requires_grad_(False)
    optimizer = torch.optim.Adam([model[1].weight], lr=0.5)

    TrainParameters(("0.weight", "1.weight")).apply(LiveRun(model, optimizer))

    wanted = [name for name, p in model.named_parameters() if p.requires_grad]
    assert wanted == ["0.weight", "1.weight"]
    assert optimizer.param_groups[1]["params"] == [model[0].weight]
    assert optimizer.param_groups[1]["lr"] == 0.5


def test_parameters_that_were_left_out_are_given_to_the_optimizer_once(run):
    optimizer = torch.optim.SGD(run.model.last.parameters(), lr=0.3)

    OptimizeAll().apply(LiveRun(run.model, optimizer))
    OptimizeAll().apply(LiveRun(run.model, optimizer))

    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 4]


def test_the_loader_shuffles_and_hands_out_each_sample_once(run):
    Shuffle().apply(run)

    epochs = [torch.cat([x for (x,) in run.loader]) for _ in range(2)]
    assert not torch.equal(epochs[0], torch.arange(64.0))
    assert not torch.equal(*epochs)
    assert torch.equal(epochs[0].sort().values, torch.arange(64.0))


def test_a_loader_that_shuffles_already_is_left_alone(run):
    loader = DataLoader(TensorDataset(torch.arange(8.0)), shuffle=True)

    assert isinstance(Shuffle().apply(LiveRun(run.model, run.optimizer, loader)), Refusal)


def test_inputs_are_standardised_by_the_batch_in_training_and_by_all_in_evaluation():
    model = nn.Sequential(nn.Identity())
    x = torch.randn(64, 4) * torch.tensor([1.0, 1e3, 1e-2, 1.0]) + 7

    with StandardiseInputs(4).apply(LiveRun(model)):
        trained = model(x)
        for _ in range(300):
            model(x)
        model.eval()
        one = model(x[:1])

    assert torch.allclose(trained.mean(0), torch.zeros(4), atol=1e-3)
    assert torch.allclose(trained.std(0), torch.ones(4), atol=0.1)
    assert torch.allclose(one, trained[:1], atol=0.1)


def test_targets_are_standardised_by_the_first_batch(run):
    output, target = torch.zeros(8, 1), torch.arange(8.0).view(8, 1)

    with StandardiseTargets().apply(run):
        first = F.mse_loss(output, target)
        later = nn.MSELoss()(output, target + target.std())

    assert first.item() == pytest.approx(7 / 8)
    assert later.item() == pytest.approx(1 + 7 / 8)


def test_another_loss_is_computed_of_the_same_arguments(run):
    output, target = torch.rand(8, 1), torch.rand(8, 1)
    edit = SwapLoss("mse_loss", "binary_cross_entropy")

    with edit.apply(run):
        found = [F.mse_loss(output, target), nn.MSELoss()(output, target)]
        other = F.l1_loss(output, target)

    assert found == [F.binary_cross_entropy(output, target)] * 2
    assert other == F.l1_loss(output, target)


def test_a_softmax_runs_over_the_classes_as_module_and_in_calls():
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=0))
    x, _ = batch()
    logits = model[0](x)

    SoftmaxDim(site("1:softmax#0")).apply(LiveRun(model))
    with SoftmaxDim(site(":log_softmax#0")).apply(LiveRun(model)):
        made, outside = model(x), F.log_softmax(logits, 0)

    assert torch.equal(made, logits.softmax(1))
    assert torch.equal(outside, logits.log_softmax(1))


def test_one_side_of_a_sum_counts_less_where_it_can_be_told(run):
    x, y = batch()
    out = run.model(x)
    fit, penalty = F.mse_loss(out, y), 3 * out.exp().mean()

    with WeighTerms("mse_loss", 0.5).apply(run), WeighTerms("l1_loss", 0.5).apply(run):
        data = fit / 2 + penalty
    with WeighTerms("mse_loss", 0.5, other=True).apply(run):
        others = [
            fit - penalty,
            penalty + fit + penalty,
            fit + fit,
            fit.detach() + penalty.detach(),
        ]

    assert data == 0.25 * fit + penalty
    expected = [fit - penalty / 2, fit + penalty, 2 * fit, fit + penalty]
    assert torch.allclose(torch.stack(others), torch.stack(expected))


def test_the_decay_of_every_group_is_lowered(run):
    groups = [
        {"params": [p], "weight_decay": w}
        for p, w in zip(run.model.parameters(), (0.5, 0), strict=False)
    ]
    optimizer = torch.optim.AdamW(groups)

    LowerDecay().apply(LiveRun(run.model, optimizer))

    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.005, 0]
    assert "no weight decay" in LowerDecay().apply(run).reason


def test_targets_become_signs_and_logits_sharper(run):
    a, b, alike = torch.randn(8, 3), torch.randn(8, 3), torch.arange(8) % 2
    signs = 2 * alike - 1

    with SignTargets("cosine_embedding_loss").apply(run), ScaleLogits(10.0).apply(run):
        found = [
            nn.CosineEmbeddingLoss()(a, b, alike),
            F.cosine_embedding_loss(a, b, target=alike),
            F.cross_entropy(input=a, target=alike),
            nn.CrossEntropyLoss()(a, alike),
        ]

    expected = [F.cosine_embedding_loss(a, b, signs), F.cross_entropy(10 * a, alike)]
    assert torch.equal(torch.stack(found), torch.stack(expected).repeat_interleave(2))


def test_losses_of_logarithms_get_some(run):
    logits, wanted = torch.randn(8, 3), torch.rand(8, 3).softmax(1)
    text, sizes = torch.ones(1, 2).long(), (torch.tensor([8]), torch.tensor([2]))
    log_p = logits.log_softmax(1)

    with LogInput("kl_div").apply(run), LogInput("ctc_loss", logits=True).apply(run):
        divergence = nn.KLDivLoss(reduction="sum")(logits.softmax(1), wanted)
        alignment = F.ctc_loss(
            log_probs=logits.unsqueeze(1),
            targets=text,
            input_lengths=sizes[0],
            target_lengths=sizes[1],
        )
    with LogInput("poisson_nll_loss").apply(run):
        counts = nn.PoissonNLLLoss()(wanted, wanted)

    assert torch.allclose(divergence, F.kl_div(log_p, wanted, reduction="sum"))
    assert torch.allclose(alignment, F.ctc_loss(log_p.unsqueeze(1), text, *sizes))
    assert counts == F.poisson_nll_loss(wanted, wanted, log_input=False)


def test_a_flat_target_meets_each_output_once(run):
    output, target = torch.rand(8, 1), torch.rand(8)
    expected = F.mse_loss(output.flatten(), target)

    with MatchShapes((1,), ()).apply(run):
        found = [
            F.mse_loss(output, target),
            nn.MSELoss()(output, target),
            ((output - target) ** 2).mean(),
            ((target - output) ** 2).mean(),
            (output.neg() + target).square().mean(),
        ]
        product, quotient = target * output, target / output

    assert torch.allclose(torch.stack(found), expected)
    assert torch.equal(product, target * output.flatten())
    assert torch.equal(quotient, target / output.flatten())


def test_a_sum_becomes_a_mean_and_a_mean_stays(run):
    output, target = torch.rand(8, 1), torch.rand(8, 1)
    expected = F.mse_loss(output, target)

    with MeanReduction().apply(run):
        assert nn.MSELoss(reduction="sum")(output, target) == expected
        assert F.mse_loss(output, target) == expected


def test_what_only_the_source_can_say_is_refused(run):
    assert "source" in TrainLonger().apply(run).reason
    assert "source" in MeanReduction(handwritten=True).apply(run).reason


def test_a_run_without_what_is_to_be_changed_is_refused(run):
    bare = LiveRun(run.model)

    assert "optimizer" in ScaleRate(0.1).apply(bare).reason
    assert "DataLoader" in Shuffle().apply(bare).reason
    assert "no module 9" in SwapActivation((site("9:relu#0"),), "gelu").apply(bare).reason
    assert "no parameter" in TrainParameters(("9.weight",)).apply(bare).reason
    assert "Conv2d" in Initialise("he", ("Conv2d",)).apply(bare).reason
