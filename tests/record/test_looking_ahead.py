"""Which positions of a sequence its outputs depend on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from asked import BATCH, LENGTH, asked, encoder, step
from torch import Tensor, nn

TOKENS = 9


class Reader(nn.Module):
    """Predicts the next token from all positions, or from the earlier ones."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(TOKENS, 8), nn.Linear(8, TOKENS)
        self.layer, self.masked = encoder(True), masked

    def forward(self, tokens: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.out(self.layer(self.embed(tokens), mask if self.masked else None))


@pytest.mark.parametrize("masked", [True, False])
def test_a_network_without_a_mask_depends_on_the_token_it_predicts(masked: bool) -> None:
    torch.manual_seed(0)
    text = torch.randint(0, TOKENS, (BATCH, LENGTH + 1))

    def loss(output: Tensor) -> Tensor:
        return F.cross_entropy(output.flatten(0, 1), text[:, 1:].flatten())

    found = asked(step(Reader(masked), text[:, :-1], loss))

    assert found is not None
    assert (found.later, found.ahead) == (3, 0 if masked else 3)


class Heads(nn.Module):
    """Causal attention of two heads, put together again with their positions or without."""

    def __init__(self, put_back: bool) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(TOKENS, 8), nn.Linear(8, TOKENS)
        self.put_back = put_back

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.embed(tokens)
        x = h.unflatten(-1, (2, 4)).transpose(1, 2)
        y = F.scaled_dot_product_attention(x, x, x, is_causal=True)
        return self.out(h + (y.transpose(1, 2) if self.put_back else y).reshape(h.shape))


def _next(text: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda output: F.cross_entropy(output.flatten(0, 1), text[:, 1:].flatten())


@pytest.mark.parametrize("put_back", [True, False])
def test_a_layout_mistake_that_spares_the_middle_is_seen_ahead(put_back: bool) -> None:
    torch.manual_seed(0)
    text = torch.randint(0, TOKENS, (BATCH, 8 + 1))

    found = asked(step(Heads(put_back), text[:, :-1], _next(text)))

    assert found is not None
    assert (found.later, found.ahead) == (3, 0 if put_back else 3)


def test_positions_whose_target_is_ignored_may_see_ahead() -> None:
    class Prefixed(Reader):
        def forward(self, tokens: Tensor) -> Tensor:
            h = self.embed(tokens)
            first = h.mean(1, keepdim=True)  # of all tokens, at a position that predicts nothing
            return self.out(torch.cat([first, h[:, 1:]], 1))

    torch.manual_seed(0)
    text = torch.randint(0, TOKENS, (BATCH, LENGTH + 1))
    wanted = text.clone()
    wanted[:, 1] = -100

    found = asked(step(Prefixed(True), text[:, :-1], _next(wanted)))

    assert found is not None
    assert (found.later, found.ahead) == (3, 0)


def test_positions_are_not_asked_where_the_targets_are_not_the_next_tokens() -> None:
    torch.manual_seed(0)
    text = torch.randint(0, TOKENS, (BATCH, LENGTH))

    def loss(output: Tensor) -> Tensor:
        return F.cross_entropy(output.flatten(0, 1), text.flip(1).flatten())

    found = asked(step(Reader(False), text, loss))

    assert found is None or not found.later


@pytest.mark.parametrize("batch_first", [True, False])
def test_next_tokens_tell_which_axis_is_the_sequence(batch_first: bool) -> None:
    torch.manual_seed(0)
    text = torch.randint(TOKENS, (BATCH, LENGTH + 1))

    class Writer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(TOKENS, BATCH)  # as wide as there are samples
            self.layer = nn.LSTM(BATCH, 6, batch_first=batch_first)
            self.out = nn.Linear(6, TOKENS)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.layer(self.words(x))[0])

    found = asked(step(Writer(), text[:, :-1], _next(text)))

    assert found is not None
    assert (found.mixed > 0) is not batch_first
    assert found.later > 0


@pytest.mark.parametrize("masked", [True, False])
def test_a_network_that_reads_forward_is_told_a_target_at_its_own_place(masked: bool) -> None:
    torch.manual_seed(0)
    text = torch.randint(0, TOKENS, (BATCH, LENGTH))

    def loss(output: Tensor) -> Tensor:
        return F.cross_entropy(output.flatten(0, 1), text.flatten())

    found = asked(step(Reader(masked), text, loss))

    assert found is not None
    assert (found.told, found.ahead) == (3 if masked else 0, 0)


def test_a_network_that_moves_its_input_itself_is_not_told() -> None:
    class Moves(Reader):
        def forward(self, tokens: Tensor) -> Tensor:
            mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
            moved = F.pad(self.embed(tokens), (0, 0, 1, 0))[:, :-1]
            return self.out(self.layer(moved, mask))

    torch.manual_seed(0)
    text = torch.randint(0, TOKENS, (BATCH, LENGTH))

    def loss(output: Tensor) -> Tensor:
        return F.cross_entropy(output.flatten(0, 1), text.flatten())

    found = asked(step(Moves(True), text, loss))

    assert found is not None
    assert found.told == 0
