"""Marks among the details of a loss: what is the same, what is cut off, what is hidden."""

import copy

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record, snapshot
from torch import nn

torch.set_num_threads(1)


def details(step, model=None):
    return snapshot(step, model).loss.details


# --- outputs that are alike along a dimension -----------------------------------------------------
@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("repeated", [False, True])
def test_an_output_that_is_repeated_along_a_dimension(by_hand, repeated):
    torch.manual_seed(0)
    model = nn.Linear(3, 1 if repeated else 5)
    x, y = torch.randn(8, 3), torch.randn(8, 5)

    class Forecast(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x).expand(-1, 5) if repeated else self.model(x)

    root = Forecast()

    def step():
        out = root(x)
        ((out - y).pow(2).mean() if by_hand else F.mse_loss(out, y)).backward()

    found = details(step, root)

    assert (found.get("alike_along"), found.get("alike_places")) == (
        (1.0, 5.0) if repeated else (None, None)
    )


def test_a_target_that_is_repeated_as_well_is_nothing_odd():
    model, x = nn.Linear(3, 1), torch.randn(8, 3)

    class Forecast(nn.Sequential):
        def forward(self, x):
            return super().forward(x).expand(-1, 5)

    root = Forecast(model)

    assert "alike_along" not in details(
        lambda: F.mse_loss(root(x), torch.randn(8, 1).expand(-1, 5)).backward(), root
    )


def test_classes_for_each_place():
    head, y = nn.Linear(3, 4), torch.randint(4, (8, 6))

    class Tagger(nn.Sequential):
        def forward(self, x):
            return super().forward(x)[:, None].expand(-1, 6, -1)

    root = Tagger(head)
    found = details(
        lambda: F.cross_entropy(root(torch.randn(8, 3)).reshape(-1, 4), y.reshape(-1)).backward(),
        root,
    )

    assert (found["alike_along"], found["alike_places"]) == (1.0, 6.0)


# --- input and target -----------------------------------------------------------------------------
def test_a_target_in_the_memory_of_the_input():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    clean = torch.randn(6, 4)

    def step(noisy):
        return lambda: F.mse_loss(model(noisy), clean).backward()

    assert "target_is_input" not in details(step(clean + 1), model)
    assert details(step(clean), model)["written_in_place"] == 0.0
    assert details(step(clean.add_(1)), model)["written_in_place"] == 1.0


def _denoiser(given, target):
    """A network that is given numbers beside an embedding of a time."""
    time, net = nn.Embedding(10, 3), nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 4))
    root = nn.ModuleList([time, net])
    rows = torch.cat([given, time(torch.arange(8))], 1)
    return details(lambda: F.mse_loss(net(rows), target).backward(), root)


def test_targets_among_the_columns_of_the_input():
    x = torch.randn(8, 4)
    almost = x + 1e-5 * (torch.arange(8) == 3)[:, None]

    assert _denoiser(x, x.clone()).items() >= {"told_beside": 1.0, "given_at": 1.0}.items()
    assert "target_is_input" not in _denoiser(x, almost)
    assert "target_is_input" not in _denoiser(torch.ones(8, 4), torch.ones(8, 4))


def test_targets_among_the_channels_of_the_input():
    net, x, other = nn.Conv2d(3, 2, 3, padding=1), torch.randn(8, 2, 5, 5), torch.randn(8, 1, 5, 5)

    def step(target):
        return lambda: F.mse_loss(net(torch.cat([other, x], 1)), target).backward()

    assert details(step(x), net)["told_beside"] == 1.0
    assert "told_beside" not in details(step(x.flip(0)), net)


def test_targets_among_the_features_of_steps():
    x = torch.randn(4, 6, 5)

    def found(target):
        net = nn.Linear(5, target.shape[-1])
        return details(lambda: F.mse_loss(net(x), target).backward(), net)

    assert found(x[..., 1:4])["told_beside"] == 1.0
    assert "told_beside" not in found(x[..., 1:4].roll(1, 1))
    assert found(x[..., 1:2])["told_in_place"] == 1.0
    assert "told_beside" not in found(x[..., 1:3])  # of a window the lesser part may come again


def test_what_a_layer_was_given_before_is_to_be_remembered():
    cell, x = nn.Linear(3, 2), torch.randn(8, 3)

    def step():
        F.mse_loss(cell(x) + cell(torch.zeros(8, 3)), x[:, :2]).backward()

    assert "told_beside" not in details(step, cell)


def test_a_target_in_the_memory_of_the_input_beside_a_time():
    first, time, last = nn.Linear(4, 8), nn.Embedding(10, 8), nn.Linear(8, 4)
    root, x = nn.ModuleList([first, time, last]), torch.randn(6, 4)

    def step(*times):
        return lambda: F.mse_loss(last(first(x) + sum(map(time, times))), x).backward()

    assert "told_beside" not in details(step(), root)
    assert details(step(torch.arange(6)), root)["told_beside"] == 1.0
    assert "told_beside" not in details(step(torch.arange(4)[:, None].sum(0)), root)


# --- what a data term does not reach --------------------------------------------------------------
@pytest.mark.parametrize(
    ("draw", "is_cut"),
    [
        (lambda mean: mean + torch.randn_like(mean), False),
        (lambda mean: torch.normal(mean, torch.ones_like(mean)), True),
        (lambda mean: torch.distributions.Normal(mean, 1.0).sample(), True),
        (lambda mean: mean.round(), True),
    ],
)
def test_a_code_that_is_drawn(draw, is_cut):
    encoder, decoder, x = nn.Linear(6, 2), nn.Linear(2, 6), torch.randn(8, 6)

    def step():
        mean = encoder(x)
        (F.mse_loss(decoder(draw(mean)), x) + mean.square().sum() / 8).backward()

    assert ("cut_off" in details(step)) == is_cut


@pytest.mark.parametrize("given", [lambda x: x, lambda x: x[torch.arange(8)]])
def test_a_policy_beside_a_value_is_no_cut(given):
    policy, value, x = nn.Linear(6, 6), nn.Linear(6, 1), torch.randn(8, 6)

    def step():
        chosen = policy(given(x)).log_softmax(1)[:, 0]
        (F.mse_loss(value(given(x)), torch.randn(8, 1)) - chosen.exp().mean()).backward()

    assert "cut_off" not in details(step)


# --- order and masks ------------------------------------------------------------------------------
class Encoder(nn.Module):
    def __init__(self, places=False, mask=None, dropout=0.0, shape=(6, 8), dropped=0.0, scale=1):
        super().__init__()
        self.tokens, self.mask, self.scale = nn.Embedding(5, 8), mask, scale
        self.places = nn.Parameter(torch.randn(shape)) if places else 0
        self.dropped = nn.Dropout(dropped)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=dropout, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, ids):
        mask = {"src_mask": self.mask} if self.mask is not None else {}
        padding = {"src_key_padding_mask": ids == 0} if self.mask is None else {}
        given = self.dropped(self.scale * self.tokens(ids) + self.places)
        return self.head(self.layer(given, **mask, **padding))


CAUSAL = nn.Transformer.generate_square_subsequent_mask(6)
IDS = torch.randint(4, (16, 6), generator=torch.Generator().manual_seed(0))


def of_encoder(targets, ids=IDS, **options):
    torch.manual_seed(0)
    model = Encoder(**options)
    return details(
        lambda: F.cross_entropy(model(ids).reshape(-1, 5), targets.reshape(-1)).backward(), model
    )


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_attention_without_positions_sees_no_order(dropout):
    assert of_encoder(IDS.flip(1), dropout=dropout)["order_unseen"] == 6.0
    assert "order_unseen" not in of_encoder(IDS.flip(1), dropout=dropout, places=True)
    assert "order_unseen" not in of_encoder(IDS.flip(1), dropout=dropout, mask=CAUSAL)


@pytest.mark.parametrize("dropped", [0.0, 0.1])
def test_positions_along_the_batch_are_seen_as_none(dropped):
    shift = {"places": True, "shape": (16, 1, 8), "dropped": dropped}
    found = of_encoder(IDS.flip(1), **shift)

    assert (found["order_unseen"], found["by_sequence"]) == (6.0, 1.0)
    assert "order_unseen" not in of_encoder(IDS.flip(1), **shift, mask=CAUSAL)


def test_a_dropout_on_the_tokens_does_not_hide_that_positions_are_missing():
    found = of_encoder(IDS.flip(1), dropped=0.3)

    assert found["order_unseen"] == 6.0
    assert "by_sequence" not in found
    assert "order_unseen" not in of_encoder(IDS.flip(1), dropped=0.3, places=True)


@pytest.mark.parametrize("dropped", [0.0, 0.3])
def test_what_is_left_of_the_tokens_beside_their_positions(dropped):
    swamped = of_encoder(IDS, dropped=dropped, places=True, scale=0.01)["token_share"]
    usual = of_encoder(IDS, dropped=dropped, places=True)["token_share"]

    assert swamped == pytest.approx(0.01, rel=0.5)
    assert 0.5 < usual <= 1
    assert of_encoder(IDS, dropped=dropped)["token_share"] == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_causal_mask_hides_what_is_to_be_said(dropout):
    found = of_encoder(IDS.flip(1), places=True, mask=CAUSAL, dropout=dropout)

    assert (found["hidden_sources"], found["positions"]) == (3.0, 6.0)


@pytest.mark.parametrize("targets", [IDS.roll(-2, 1), IDS, torch.zeros_like(IDS)])
def test_what_lies_at_one_distance_or_nowhere_is_not_hidden(targets):
    kept = targets.clone()
    kept[:, -2:] = torch.randint(4, (16, 2))

    assert "hidden_sources" not in of_encoder(kept, places=True, mask=CAUSAL)


STEMS = torch.randint(4, (16, 4), generator=torch.Generator().manual_seed(1)).repeat(1, 2)[:, :7]
PROMPTED = STEMS[:, 1:].clone()
PROMPTED[::2, :2] = -100


@pytest.mark.parametrize("targets", [STEMS[:, 1:], PROMPTED])
def test_the_next_token_is_not_hidden_where_some_are_repeated(targets):
    found = of_encoder(targets, STEMS[:, :-1], places=True, mask=CAUSAL)

    assert "hidden_sources" not in found


def test_neighbours_that_are_exchanged_are_hidden_at_one_distance():
    targets = IDS.unflatten(1, (3, 2)).flip(2).flatten(1)

    assert of_encoder(targets, places=True, mask=CAUSAL)["hidden_sources"] == 3.0


def test_without_a_mask_nothing_is_hidden():
    assert "hidden_sources" not in of_encoder(IDS.flip(1), places=True)


# --- copies and running statistics ----------------------------------------------------------------
@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_a_copy_that_was_random_and_never_changes(follows, trained):
    torch.manual_seed(0)
    online = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    if trained:
        nn.init.normal_(online[0].weight, std=3.0)
    target = copy.deepcopy(online)
    optimizer = torch.optim.SGD(online.parameters(), lr=0.1)

    def step():
        x = torch.randn(8, 3)
        with torch.no_grad():
            goal = target(x) + 1
        optimizer.zero_grad()
        F.mse_loss(online(x), goal).backward()
        optimizer.step()
        if follows:
            target.load_state_dict(online.state_dict())

    trace = record(step, optimizers=[optimizer], steps=3)

    stands = not follows and not trained
    assert trace.standing == (("Sequential",) if stands else ())
    assert ("copy_stands_still" in trace.snapshots[-1].loss.details) == stands


def test_the_momentum_of_running_statistics():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.9), nn.Linear(4, 1))

    taken = snapshot(lambda: model(torch.randn(8, 3)).square().mean().backward(), model)

    assert taken.graph.sites[taken.graph.find("1:batch_norm#0")].details["momentum"] == 0.9


# --- pairs ----------------------------------------------------------------------------------------
def test_a_contrast_of_pairs_by_hand():
    torch.manual_seed(0)
    embed, a, b = nn.Linear(4, 2), torch.randn(20, 4), torch.randn(20, 4)
    unlike = torch.arange(20) % 4 == 0
    values = []

    def step():
        distance = F.pairwise_distance(embed(a), embed(b))
        far = unlike.float()
        loss = ((1 - far) * distance**2 + far * (2 - distance).clamp(min=0) ** 2).mean()
        values.append(float(loss.detach()))
        loss.backward()

    loss = snapshot(step, embed).loss

    assert loss.kind == "contrast"
    assert loss.fit == pytest.approx(values[0], rel=1e-5)
    assert loss.details["margin"] == pytest.approx(2.0, rel=1e-5)
    levels = torch.linspace(0, 2, 2001)
    lowest = (0.75 * levels**2 + 0.25 * (2 - levels) ** 2).min()
    assert loss.constant == pytest.approx(float(lowest), rel=1e-4)


# --- heads of one body ----------------------------------------------------------------------------
def test_what_one_head_makes_is_not_taken_for_data_of_the_other():
    torch.manual_seed(0)
    body, actor, critic = nn.Linear(4, 8), nn.Linear(8, 4), nn.Linear(8, 1)
    model, states = nn.ModuleList([body, actor, critic]), torch.randn(6, 4)

    def step():
        h = body(states).tanh()
        advantage = torch.randn(6) - critic(h).squeeze(1)
        chosen = actor(h).log_softmax(1)[:, 0]
        (0.5 * advantage.pow(2).mean() - (chosen * advantage.detach()).mean()).backward()

    assert "cut_off" not in details(step, model)
