"""Edits of a live run: rates, steps, and what is optimized."""

import copy

import pytest
import torch
from small_run import batch, step
from torch import nn
from torch.nn import functional as F

from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.clip_gradient import ClipGradient
from lifesigns.remedies.clip_less import ClipLess
from lifesigns.remedies.eval_mode import EvalMode
from lifesigns.remedies.hold_rate import HoldRate
from lifesigns.remedies.lower_decay import LowerDecay
from lifesigns.remedies.minimise import Minimise
from lifesigns.remedies.optimize_all import OptimizeAll
from lifesigns.remedies.raise_eps import RaiseEps
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.tell_mode import TellMode
from lifesigns.remedies.train_mode import TrainMode
from lifesigns.remedies.train_parameters import TrainParameters
from lifesigns.remedies.warm_up import WarmUp
from lifesigns.remedies.zero_grad import ZeroGrad


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


def test_the_decay_of_every_group_is_lowered(run):
    groups = [
        {"params": [p], "weight_decay": w}
        for p, w in zip(run.model.parameters(), (0.5, 0), strict=False)
    ]
    optimizer = torch.optim.AdamW(groups)

    LowerDecay().apply(LiveRun(run.model, optimizer))

    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.005, 0]
    assert "no weight decay" in LowerDecay().apply(run).reason


def test_passes_without_gradients_are_in_evaluation_mode_and_others_in_training_mode(run):
    modes = []
    run.model.register_forward_hook(lambda model, *_: modes.append(model.training))

    with EvalMode().apply(run):
        with torch.no_grad():
            run.model(batch()[0])
        step(run)

    assert modes == [False, True]


@pytest.mark.parametrize("set_to_none", [True, False])
def test_a_step_gets_the_gradients_that_were_cleared_just_before_it(run, set_to_none):
    before = copy.deepcopy(run.model)
    x, y = batch()

    with ZeroGrad().apply(run):
        for _ in range(2):
            F.mse_loss(run.model(x), y).backward()
            run.optimizer.zero_grad(set_to_none)
            run.optimizer.step()

    other = LiveRun(before, torch.optim.SGD(before.parameters(), lr=0.1))
    step(other)
    step(other)
    pairs = zip(run.model.parameters(), before.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_gradients_that_were_cleared_before_another_pass_do_not_come_back(run):
    x, y = batch()

    with ZeroGrad().apply(run):
        F.mse_loss(run.model(x), y).backward()
        run.optimizer.zero_grad()
        (0 * F.mse_loss(run.model(x), y)).backward()
        before = copy.deepcopy(run.model)
        run.optimizer.step()

    pairs = zip(run.model.parameters(), before.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert "zero_grad" not in vars(run.optimizer)


def test_functions_of_dropout_follow_the_mode_of_the_network(run):
    ones = torch.ones(100)

    with TellMode().apply(run):
        run.model.eval()
        assert torch.equal(F.dropout(ones, 0.5), ones)
        assert torch.equal(F.dropout(ones, 0.5, True), ones)
        run.model.train()
        assert (F.dropout(ones, 0.5) == 0).any()


def test_attention_drops_nothing_in_evaluation_mode(run):
    queries = torch.randn(1, 2, 4, 8)
    expected = F.scaled_dot_product_attention(queries, queries, queries)

    with TellMode().apply(run):
        run.model.eval()
        found = F.scaled_dot_product_attention(queries, queries, queries, dropout_p=0.5)

    assert torch.allclose(found, expected)


def test_an_eps_is_raised_and_an_optimizer_without_one_refused(run):
    assert "no eps" in RaiseEps().apply(run).reason
    run.optimizer = torch.optim.Adam(run.model.parameters())

    with RaiseEps().apply(run):
        assert run.optimizer.param_groups[0]["eps"] == 1e-4
