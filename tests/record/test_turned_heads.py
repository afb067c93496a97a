"""Rotary positions along the axis of the heads, and along that of the positions."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

B, T, H, D = 3, 7, 4, 6
X = torch.randint(0, 20, (B, T), generator=torch.Generator().manual_seed(1))


def angles(n):
    return torch.arange(n)[:, None] * 10.0 ** -(torch.arange(D // 2) / 3)


def halves(x, n, shape):
    """As in GPT-NeoX: both halves of a vector are a pair."""
    both = torch.cat([angles(n), angles(n)], -1).view(shape(n, D))
    a, b = x.chunk(2, -1)
    return x * both.cos() + torch.cat([-b, a], -1) * both.sin()


def neighbours(x, n, shape):
    """As in GPT-J: neighbours are a pair."""
    turn = angles(n).view(shape(n, D // 2))
    c, s, a, b = turn.cos(), turn.sin(), x[..., 0::2], x[..., 1::2]
    return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)


def numbers(x, n, shape):
    """As in LLaMA: pairs are complex numbers."""
    turn = torch.polar(torch.ones(n, D // 2), angles(n)).view(shape(n, D // 2))
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], D // 2, 2))
    return torch.view_as_real(pairs * turn).flatten(-2)


def part(x, n, shape):
    """A part of the width is turned."""
    turn = angles(n)[:, :2].repeat(1, 2).view(shape(n, 4))
    some, rest = x[..., :4], x[..., 4:]
    a, b = some.chunk(2, -1)
    return torch.cat([some * turn.cos() + torch.cat([-b, a], -1) * turn.sin(), rest], -1)


FORMS = {f.__name__: f for f in (halves, neighbours, numbers, part)}


def fused(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def by_hand(q, k, v):
    scores = (q @ k.transpose(-2, -1)) / D**0.5
    return scores.softmax(-1) @ v


def merged(q, k, v):
    q, k, v = (x.reshape(B * H, T, D) for x in (q, k, v))
    return (torch.bmm(q, k.transpose(1, 2)).softmax(-1) @ v).view(B, H, T, D)


class Attention(nn.Module):
    """Axes are exchanged before or behind the rotation, which goes along axis 1 or 2."""

    def __init__(self, turn, attend=fused, turn_key=True):
        super().__init__()
        self.words, self.maps = nn.Embedding(20, H * D), nn.Linear(H * D, 3 * H * D)
        self.turn, self.attend, self.turn_key = turn, attend, turn_key

    def forward(self, ids):
        q, k, v = self.maps(self.words(ids)).view(B, T, 3, H, D).unbind(2)
        q, k = self.turn(q), self.turn(k) if self.turn_key else k.transpose(1, 2)
        return self.attend(q, k, v.transpose(1, 2)).transpose(1, 2).flatten(2)


def along(axis, exchanged, form=halves):
    """The rotation by what stands along an axis, of values whose axes are exchanged or not yet."""

    def shape(n, width):
        return (1, n, 1, width) if axis == 1 else (1, 1, n, width)

    def turn(x):
        x = x.transpose(1, 2) if exchanged else x
        x = form(x, x.shape[axis], shape)
        return x if exchanged else x.transpose(1, 2)

    return turn


def details(model):
    torch.manual_seed(0)
    return snapshot(lambda: model(X).square().mean().backward(), model).loss.details


@pytest.mark.parametrize("attend", [fused, by_hand, merged])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axis", [1, 2])
def test_a_rotation_by_heads_is_told_and_one_by_positions_is_not(form, attend, axis):
    wrong, right = (along(axis, exchanged, FORMS[form]) for exchanged in (axis == 1, axis != 1))
    found = details(Attention(wrong, attend))
    assert (found["turned_heads"], found["turned_positions"]) == (H, T)
    assert "turned_heads" not in details(Attention(right, attend))


def test_a_table_that_broadcasts_without_a_batch():
    def turn(x):
        x = x.transpose(1, 2)
        return halves(x, H, lambda n, width: (n, 1, width))

    assert "turned_heads" in details(Attention(turn))


def test_a_side_that_is_not_turned():
    assert "turned_heads" not in details(Attention(along(1, True), turn_key=False))


def test_scales_of_heads_are_no_rotation():
    scales = torch.rand(1, H, 1, D) + 0.5

    def turn(x):
        return x.transpose(1, 2) * scales

    assert "turned_heads" not in details(Attention(turn))

    def twice(x):
        return turn(x) + x.transpose(1, 2) * scales.flip(1)

    assert "turned_heads" not in details(Attention(twice))


def test_learned_angles_are_left_alone():
    model = Attention(lambda x: x.transpose(1, 2) * model.scale.cos())
    model.scale = nn.Parameter(torch.rand(1, H, 1, D))
    assert "turned_heads" not in details(model)


def test_one_angle_for_all_heads_and_positions_is_left_alone():
    def turn(x):
        return halves(x.transpose(1, 2), 1, lambda n, width: (1, n, 1, width))

    assert "turned_heads" not in details(Attention(turn))


def test_angles_of_heads_and_positions():
    def turn(x):
        x = x.transpose(1, 2)
        whole = angles(H)[:, None] * (1 + torch.arange(T))[:, None]
        both = torch.cat([whole, whole], -1)
        a, b = x.chunk(2, -1)
        return x * both.cos() + torch.cat([-b, a], -1) * both.sin()

    assert "turned_heads" not in details(Attention(turn))


def test_turned_by_position_and_by_head():
    def turn(x):
        x = halves(x.transpose(1, 2), T, lambda n, width: (1, 1, n, width))
        return halves(x, H, lambda n, width: (1, n, 1, width))

    assert "turned_heads" not in details(Attention(turn))


def test_what_hooks_hold_is_left_alone():
    with torch.autograd.graph.save_on_cpu():
        assert "turned_heads" not in details(Attention(along(1, exchanged=True)))
