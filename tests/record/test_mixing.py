"""What one output depends on, asked with a gradient sent back by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from asked import BATCH, LENGTH, asked, encoder, step
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lifesigns.record.recorder import Recorder


class Network(nn.Module):
    """Layers, and how they are put together."""

    def __init__(self, forward: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.parts, self.put = nn.ModuleDict(layers), forward

    def forward(self, x: Tensor) -> Tensor:
        return self.put(x, **self.parts)


def _states(x: Tensor, gru: nn.GRU, out: nn.Linear) -> Tensor:
    return out(gru(x)[1].view(len(x), -1))


def _joined(x: Tensor, gru: nn.GRU, out: nn.Linear) -> Tensor:
    return out(torch.cat(tuple(gru(x)[1]), 1))


def _last(x: Tensor, layer: nn.Module, out: nn.Linear) -> Tensor:
    y = layer(x)
    return out((y[0] if isinstance(y, tuple) else y)[:, -1])


def _last_number(x: Tensor, layer: nn.Module, out: nn.Linear) -> Tensor:
    return _last(x, layer, out).squeeze(1)


def _over_batch(x: Tensor, a: nn.Linear, b: nn.Linear) -> Tensor:
    return b(torch.softmax(a(x), 0))


def _paired(x: Tensor, a: nn.Linear, b: nn.Linear) -> Tensor:
    h = a(x).relu()
    return b(h + h[torch.arange(len(x)).roll(1)])


def _normalised(x: Tensor, a: nn.Linear, norm: nn.Module, b: nn.Linear) -> Tensor:
    return b(norm(a(x)).relu())


def _dealt_out(x: Tensor, a: nn.Linear, b: nn.Linear) -> Tensor:
    return b(a(x.view(LENGTH, len(x), -1).transpose(0, 1)).relu().mean(1))


def _rearranged(x: Tensor, a: nn.Linear, b: nn.Linear) -> Tensor:
    return b(a(x.view(len(x), -1, LENGTH).transpose(1, 2)).relu().mean(1))


def _time_first(x: Tensor, a: nn.Linear, b: nn.Linear) -> Tensor:
    return b(a(x.transpose(0, 1)).relu().mean(0))


def _cut_and_pasted(x: Tensor, a: nn.Linear, b: nn.Linear) -> Tensor:
    return b(a(torch.cat([x[:, :4], x.roll(1, 0)[:, 4:]], 1)).relu().mean(1))


def _all_steps(x: Tensor, lstm: nn.LSTM, out: nn.Linear) -> Tensor:
    return out(lstm(x.transpose(0, 1))[0].reshape(len(x), -1))


def _all_steps_by_sample(x: Tensor, lstm: nn.LSTM, out: nn.Linear) -> Tensor:
    return out(lstm(x.transpose(0, 1))[0].transpose(0, 1).reshape(len(x), -1))


def _added_up(x: Tensor, a: nn.Linear, b: nn.Linear, *, apart: int) -> Tensor:
    """A chain of places in each sample; the first row of a sample is its number times `apart`."""
    sample, place = torch.meshgrid(torch.arange(len(x)), torch.arange(LENGTH - 1), indexing="ij")
    rows = (sample * apart + place).flatten()
    h = a(x).reshape(len(x) * LENGTH, -1)
    met = torch.zeros_like(h).index_add(0, rows, h.index_select(0, rows + 1))
    return b(met.view(len(x), LENGTH, -1).mean(1))


def _two_layers(forward: Callable[..., Tensor]) -> Callable[[], nn.Module]:
    return lambda: Network(forward, a=nn.Linear(8, 5), b=nn.Linear(5, 3))


def _bidirectional() -> nn.GRU:
    return nn.GRU(8, 6, batch_first=True, bidirectional=True)


SEQUENCE, ROWS = (BATCH, LENGTH, 8), (BATCH, 8)
MIXED: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module], str]] = {
    "a view of states": (
        SEQUENCE,
        lambda: Network(_states, gru=_bidirectional(), out=nn.Linear(12, 3)),
        "view",
    ),
    "a recurrence over the batch": (
        SEQUENCE,
        lambda: Network(_last, layer=nn.GRU(8, 6), out=nn.Linear(6, 3)),
        "gru",
    ),
    "a fused recurrence over the batch": (
        SEQUENCE,
        lambda: Network(_last, layer=nn.LSTM(8, 6), out=nn.Linear(6, 3)),
        "recurrence_over_samples",
    ),
    "a fused recurrence of both directions": (
        SEQUENCE,
        lambda: Network(_last, layer=nn.LSTM(8, 6, 2, bidirectional=True), out=nn.Linear(12, 3)),
        "lstm",
    ),
    "a recurrence over the batch, with one number for each sample": (
        SEQUENCE,
        lambda: Network(_last_number, layer=nn.LSTM(8, 6), out=nn.Linear(6, 1)),
        "recurrence_over_samples",
    ),
    "attention over the batch": (
        SEQUENCE,
        lambda: Network(_last, layer=encoder(False), out=nn.Linear(8, 3)),
        "matmul",
    ),
    "a softmax over the batch": (
        ROWS,
        lambda: Network(_over_batch, a=nn.Linear(8, 5), b=nn.Linear(5, 3)),
        "softmax",
    ),
    "all states of a fused recurrence, with time first": (
        SEQUENCE,
        lambda: Network(_all_steps, lstm=nn.LSTM(8, 6), out=nn.Linear(6 * LENGTH, 3)),
        "view",
    ),
    "an input dealt out anew": (SEQUENCE, _two_layers(_dealt_out), "view"),
    "pairs": (ROWS, lambda: Network(_paired, a=nn.Linear(8, 5), b=nn.Linear(5, 3)), "index"),
}
APART: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "states joined": (
        SEQUENCE,
        lambda: Network(_joined, gru=_bidirectional(), out=nn.Linear(12, 3)),
    ),
    "a recurrence": (
        SEQUENCE,
        lambda: Network(_last, layer=nn.LSTM(8, 6, batch_first=True), out=nn.Linear(6, 3)),
    ),
    "all states of a fused recurrence": (
        SEQUENCE,
        lambda: Network(_all_steps_by_sample, lstm=nn.LSTM(8, 6), out=nn.Linear(6 * LENGTH, 3)),
    ),
    "one number for each sample": (
        SEQUENCE,
        lambda: Network(_last_number, layer=nn.GRU(8, 6, batch_first=True), out=nn.Linear(6, 1)),
    ),
    "attention": (SEQUENCE, lambda: Network(_last, layer=encoder(True), out=nn.Linear(8, 3))),
    "an input rearranged within its samples": (SEQUENCE, _two_layers(_rearranged)),
    "an input with time first": (SEQUENCE, _two_layers(_time_first)),
    "a piece of one other sample": (SEQUENCE, _two_layers(_cut_and_pasted)),
    "batch normalisation": (
        ROWS,
        lambda: Network(_normalised, a=nn.Linear(8, 5), norm=nn.BatchNorm1d(5), b=nn.Linear(5, 3)),
    ),
    "convolutions": (
        (BATCH, 1, 6, 6),
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
        ),
    ),
}


def _classes(output: Tensor) -> Tensor:
    if output.dim() == 1:
        return F.binary_cross_entropy_with_logits(output, torch.arange(len(output)) % 2.0)
    return F.cross_entropy(output, torch.arange(len(output)) % output.shape[1])


@pytest.mark.parametrize("name", MIXED)
def test_an_output_that_depends_on_other_samples_is_proved_and_placed(name: str) -> None:
    torch.manual_seed(0)
    shape, network, operation = MIXED[name]

    found = asked(step(network(), torch.randn(shape), _classes))

    assert found is not None
    assert found.samples == BATCH - 1
    assert found.mixed > 0
    assert operation in found.between


@pytest.mark.parametrize("name", APART)
def test_samples_that_only_lie_beside_each_other_are_apart(name: str) -> None:
    torch.manual_seed(0)
    shape, network = APART[name]

    found = asked(step(network(), torch.randn(shape), _classes))

    assert found is not None
    assert (found.samples, found.mixed) == (BATCH - 1, 0)


@pytest.mark.parametrize(("apart", "merged"), [(LENGTH, False), (LENGTH - 1, True)])
def test_rows_added_up_by_an_index_into_those_of_all_samples(apart: int, merged: bool) -> None:
    torch.manual_seed(0)
    network = Network(partial(_added_up, apart=apart), a=nn.Linear(8, 5), b=nn.Linear(5, 3))

    found = asked(step(network, torch.randn(SEQUENCE), _classes))

    assert found is not None
    assert (found.mixed > 0, found.merged) == (merged, merged)


def test_time_in_front_is_not_taken_for_the_samples() -> None:
    torch.manual_seed(0)

    class Labels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.out = nn.LSTM(8, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.layer(x)[0])

    found = asked(step(Labels(), torch.randn(LENGTH, BATCH, 8), lambda y: y.square().mean()))

    assert found is not None
    assert found.mixed == 0


def _with_a_branch(x: Tensor, way: nn.Linear, branch: nn.Linear, out: nn.Linear) -> Tensor:
    return out(way(x) + branch(torch.erf(x * 2 + way(x))))


@pytest.mark.parametrize(("branch_of_zeros", "times"), [(False, 1), (True, 2)])
def test_it_is_asked_again_only_where_a_gradient_did_not_reach_everything(
    branch_of_zeros: bool, times: int
) -> None:
    torch.manual_seed(0)
    layers = {"way": nn.Linear(8, 8), "branch": nn.Linear(8, 8), "out": nn.Linear(8, 3)}
    if branch_of_zeros:
        nn.init.zeros_(layers["branch"].weight)
    model, recorder = Network(_with_a_branch, **layers), Recorder(every=1, strict=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    recorder.start()
    for _ in range(4):
        _classes(model(torch.randn(ROWS))).backward()
        optimizer.step()
    recorder.stop()

    assert [s.mixing is not None for s in recorder.trace().snapshots].count(True) == times


def test_hooks_and_kept_gradients_of_the_user_see_one_backward_pass() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))
    x, seen = torch.randn(ROWS), list[Tensor]()
    recorder = Recorder(every=1, strict=True)

    recorder.start()
    hidden = model[0](x)
    hidden.retain_grad()
    hidden.register_hook(seen.append)
    model[0].weight.register_post_accumulate_grad_hook(seen.append)
    loss = _classes(model[1:](hidden))
    wanted = torch.autograd.grad(loss, hidden, retain_graph=True)[0]
    seen.clear()
    hidden.grad = None
    loss.backward()
    recorder.stop()

    assert len(seen) == 2
    assert torch.equal(hidden.grad, wanted)


class Twice(torch.autograd.Function):
    """A function of the user's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


class TwiceInPlace(torch.autograd.Function):
    """A function of the user's own that changes its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


def _half_in_place(x: Tensor) -> Tensor:
    """In the graph it is hidden inside of a node of torch."""
    changed = x.clone()
    TwiceInPlace.apply(changed[:, :2])
    return changed


HINDRANCES: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "a function of the user": (Twice.apply, "Twice is no operation of torch"),
    "a function of the user on a view": (_half_in_place, "written into a view"),
    "a checkpoint": (
        lambda x: checkpoint(torch.erf, x, use_reentrant=False),
        "packed away",
    ),
}


@pytest.mark.parametrize("name", HINDRANCES)
def test_it_is_not_asked_where_code_of_the_user_would_run(name: str) -> None:
    torch.manual_seed(0)
    function, why = HINDRANCES[name]
    layers = {"a": nn.Linear(8, 5), "b": nn.Linear(5, 3)}
    model = Network(lambda x, a, b: b(function(a(x))), **layers)

    recorder = step(model, torch.randn(ROWS), _classes)

    assert asked(recorder) is None
    assert any("samples are mixed" in text and why in text for text in recorder.trace().unseen)


@pytest.mark.parametrize("name", [*MIXED, *APART])
def test_gradients_and_random_numbers_are_the_same_with_it_and_without(name: str) -> None:
    shape, network = (MIXED.get(name) or APART[name])[:2]

    def gradients(watched: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model, x = network(), torch.randn(shape)
        if watched:
            step(model, x, _classes)
        else:
            _classes(model(x)).backward()
        return [*(p.grad for p in model.parameters()), torch.rand(3), *model.buffers()]

    pairs = zip(gradients(True), gradients(False), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
