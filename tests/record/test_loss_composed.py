"""torch's losses that are no single squared error or cross-entropy, against torch's own values."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

from lifesigns.evidence.constant import baseline
from lifesigns.functions.losses import OPERATIONS

torch.set_num_threads(1)
SAMPLES, CLASSES = 12, 5


class Scaled(nn.Module):
    """A network whose output is its input."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()).double())

    def forward(self, x):
        return self.factor * x


def read(x, loss):
    """The reading of `loss(output)`, and its value."""
    model, kept = Scaled(), []

    def step():
        kept.append(loss(model(x)))
        kept[0].backward()

    return snapshot(step, model).loss, kept[0].item()


def random(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


LOGITS = random(SAMPLES, CLASSES)
SOFT = (2 * random(SAMPLES, CLASSES, seed=1)).softmax(1)
LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4])
SIGNS = torch.tensor([1.0, -1, 1, 1, -1, 1, 1, -1, 1, 1, 1, -1]).double()
COUNTS = torch.tensor([0.0, 1, 0, 2, 5, 3, 0, 0, 1, 9, 4, 2]).double()
SCORES = random(SAMPLES, seed=2)
OTHER = random(SAMPLES, seed=3)
LISTS = torch.tensor([[0, 1, -1, 0, 0], [2, -1, 0, 0, 0], [0, 3, 4, -1, 0]] * 4)
SEQUENCES = torch.tensor([[1, 2, 3], [2, 1, 4]])
FRAMES, LENGTHS = torch.tensor([10, 10]), torch.tensor([3, 3])


def ctc(x, **options):
    return F.ctc_loss(x.log_softmax(2), SEQUENCES, FRAMES, LENGTHS, **options)


LOSSES = {
    "kl_div": (LOGITS, lambda x: F.kl_div(x.log_softmax(1), SOFT, reduction="batchmean")),
    "kl_div sum": (LOGITS, lambda x: F.kl_div(x.log_softmax(1), SOFT, reduction="sum")),
    "kl_div log": (
        LOGITS,
        lambda x: F.kl_div(x.log_softmax(1), SOFT.log(), reduction="batchmean", log_target=True),
    ),
    "ctc_loss": (random(10, 2, CLASSES), ctc),
    "ctc_loss sum": (random(10, 2, CLASSES), lambda x: ctc(x, reduction="sum")),
    "ctc_loss finite": (random(10, 2, CLASSES), lambda x: ctc(x, zero_infinity=True)),
    "gaussian_nll_loss": (SCORES, lambda x: F.gaussian_nll_loss(x, OTHER, x.exp())),
    "soft_margin_loss": (SCORES, lambda x: F.soft_margin_loss(x, SIGNS)),
    "multi_margin_loss": (LOGITS, lambda x: F.multi_margin_loss(x, LABELS, margin=0.7)),
    "multi_margin_loss sum": (LOGITS, lambda x: F.multi_margin_loss(x, LABELS, reduction="sum")),
    "multilabel_margin_loss": (LOGITS, lambda x: F.multilabel_margin_loss(x, LISTS)),
    "hinge_embedding_loss": (SCORES.abs(), lambda x: F.hinge_embedding_loss(x, SIGNS, margin=2)),
    "margin_ranking_loss": (
        SCORES,
        lambda x: F.margin_ranking_loss(x.tanh(), (2 * x).tanh(), SIGNS, margin=0.5),
    ),
    "cosine_embedding_loss": (
        LOGITS,
        lambda x: F.cosine_embedding_loss(x, x.roll(1, 0), SIGNS, margin=0.2),
    ),
    "triplet_margin_loss": (
        LOGITS,
        lambda x: F.triplet_margin_loss(x, x.roll(1, 0), x.roll(2, 0), margin=2.0),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_torch_is_recognised_with_its_value(name):
    x, loss = LOSSES[name]

    reading, value = read(x, loss)

    word = name.split()[0]
    assert (reading.operation, reading.kind) == (word, OPERATIONS[word].kind)
    assert not reading.handwritten
    assert reading.fit == pytest.approx(value, rel=1e-5)
    assert np.isfinite(reading.scale)


@pytest.mark.parametrize("logged", [True, False])
def test_a_likelihood_of_counts_is_recognised(logged):
    reading, value = read(
        SCORES, lambda x: F.poisson_nll_loss(x if logged else x.exp(), COUNTS, log_input=logged)
    )

    assert reading.kind == "poisson"
    assert reading.fit == pytest.approx(value, rel=1e-5)
    assert np.isnan(baseline([reading])[0])  # of large counts a share of it says nothing


def test_a_likelihood_with_a_given_variance_is_a_weighted_squared_error():
    variance = COUNTS + 0.5

    reading, _ = read(SCORES, lambda x: F.gaussian_nll_loss(x, OTHER, variance))

    assert reading.kind == "squared_error"
    assert reading.fit == pytest.approx(((SCORES - OTHER).square() / variance / 2).mean().item())


MASK = (SIGNS > 0).double()


@pytest.mark.parametrize(
    "each",
    [
        lambda x: F.mse_loss(x, OTHER, reduction="none"),
        lambda x: (x - OTHER).square(),
        lambda x: F.smooth_l1_loss(x, OTHER, reduction="none"),
    ],
)
def test_a_mask_leaves_elements_out_of_loss_and_targets(each):
    reading, value = read(SCORES, lambda x: (each(x) * MASK).sum() / MASK.sum())

    kept = OTHER[MASK > 0].numpy()
    assert reading.fit == pytest.approx(value)
    assert reading.scale == pytest.approx(1)
    assert reading.target.sums.count.tolist() == [len(kept)]
    assert reading.target.sums.mean == pytest.approx([kept.mean()])


# --- the best constant prediction, against minimisation by brute force ----------------------------
def least(start, loss, steps=2000):
    """The least loss of outputs that do not depend on the input, by descent from `start`."""
    guess = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([guess], 0.05)
    best = float("inf")
    for step in range(steps):
        value = loss(guess)
        best = min(best, value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        optimizer.step()
    return best


ROWS = torch.zeros(1, CLASSES).double()
ONE = torch.zeros(1).double()
CONSTANTS = {
    "kl_div": (LOGITS, ROWS),
    "multi_margin_loss": (LOGITS, ROWS),
    "multilabel_margin_loss": (LOGITS, ROWS),
    "soft_margin_loss": (SCORES, ONE),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_baseline_is_the_loss_of_the_best_constant(name):
    x, start = CONSTANTS[name]
    loss = LOSSES[name][1]

    reading, _ = read(x, loss)

    best = least(start, lambda guess: loss(guess.expand(x.shape)))
    assert baseline([reading])[0] * reading.scale == pytest.approx(best, rel=0.02)


def test_the_baseline_of_ctc_is_near_that_of_one_distribution_for_all_frames():
    reading, _ = read(*LOSSES["ctc_loss"])

    best = least(torch.zeros(1, 1, CLASSES).double(), lambda g: ctc(g.expand(10, 2, CLASSES)))
    assert baseline([reading])[0] == pytest.approx(best, rel=0.1)
    assert baseline([reading])[0] > best - 1e-6


ELEMENTWISE = {
    "l1": lambda x: F.l1_loss(x, OTHER),
    "huber": lambda x: F.huber_loss(x, OTHER, delta=0.5),
    "smooth l1": lambda x: F.smooth_l1_loss(x, OTHER, beta=0.3),
    "positives": lambda x: F.binary_cross_entropy_with_logits(
        x, MASK, pos_weight=torch.tensor(3.0).double()
    ),
    "multilabel soft margin": lambda x: F.multilabel_soft_margin_loss(x[:, None], MASK[:, None]),
    "weighted squares": lambda x: ((x - OTHER).square() * (COUNTS + 1)).mean(),
    "rare counts": lambda x: F.poisson_nll_loss(x, MASK),
    "hinge": lambda x: F.relu(1 - SIGNS * x).mean(),
    "hinge by a clamp": lambda x: torch.clamp(1 - SIGNS * x, min=0).mean(),
    "hinge by the larger": lambda x: torch.max(torch.zeros(()).double(), 1 - SIGNS * x).mean(),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_baseline_of_an_elementwise_loss_is_that_of_the_best_number(name):
    loss = ELEMENTWISE[name]

    reading, value = read(SCORES, loss)

    best = least(ONE, lambda guess: loss(guess.expand(SAMPLES)))
    assert reading.fit == pytest.approx(value)
    assert baseline([reading])[0] * reading.scale == pytest.approx(best, rel=0.03)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"weight": True}])
@pytest.mark.parametrize("soft", [False, True])
def test_the_baseline_of_classes_knows_weights_and_smoothing(options, soft):
    weight = torch.tensor([1.0, 2, 3, 4, 5]).double() if "weight" in options else None
    target = SOFT.repeat(20, 1) if soft else LABELS.repeat(20)
    x = LOGITS.repeat(20, 1)

    def loss(x):
        return F.cross_entropy(x, target, **{**options, "weight": weight})

    reading, value = read(x, loss)

    best = least(ROWS, lambda guess: loss(guess.expand(x.shape)))
    assert reading.fit == pytest.approx(value)
    assert baseline([reading])[0] * reading.scale == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("triplet_margin_loss", 2.0),
        ("margin_ranking_loss", 0.5),
        ("cosine_embedding_loss", 0.8 * 4 / 12),
        ("hinge_embedding_loss", 2.0 * 4 / 12),
    ],
)
def test_equal_embeddings_leave_the_margin(name, level):
    reading, _ = read(*LOSSES[name])

    assert baseline([reading])[0] == pytest.approx(level)


# --- sums -----------------------------------------------------------------------------------------
def test_every_data_term_of_a_sum_is_a_loss_of_its_own():
    def loss(x):
        return F.cross_entropy(x, LABELS) + 2 * F.mse_loss(x[:, 0], OTHER) + F.l1_loss(x, SOFT)

    reading, value = read(LOGITS, loss)

    terms = [reading, *reading.others]
    assert [term.kind for term in terms] == ["cross_entropy", "squared_error", "absolute_error"]
    assert [term.scale for term in terms] == pytest.approx([1, 2, 1])
    assert sum(term.fit for term in terms) == pytest.approx(value)
    assert not reading.penalised
    assert reading.penalty == pytest.approx(0, abs=1e-6)
    assert baseline([reading.others[0]])[0] == pytest.approx(OTHER.var(unbiased=False).item())


def test_a_further_term_has_the_shapes_it_compared():
    with pytest.warns(UserWarning, match="target size"):
        reading, _ = read(
            LOGITS, lambda x: F.cross_entropy(x, LABELS) + F.mse_loss(x[:, :1], OTHER)
        )

    (further,) = reading.others
    count = len(LABELS)
    assert further.input_shape == (count, 1)
    assert further.compared_shape == (count, count)
    assert not further.handwritten
    assert further.cross_broadcast


def test_what_compares_nothing_is_a_penalty():
    def loss(x):
        return F.mse_loss(x, SOFT) + (x.exp() - x).mean()

    reading, _ = read(LOGITS, loss)

    assert reading.penalised
    assert reading.penalty == pytest.approx((LOGITS.exp() - LOGITS).mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    "shifted",
    [lambda v: v - 0.1, lambda v: 3 - v, lambda v: v / torch.tensor(2.0), lambda v: v * v],
)
def test_numbers_around_a_loss_do_not_stop_its_reading(shifted):
    reading, value = read(SCORES, lambda x: shifted(F.mse_loss(x, OTHER)))

    assert reading.value == pytest.approx(value) or reading.kind == "squared_error"


@pytest.mark.parametrize("call", [F.cosine_embedding_loss, F.hinge_embedding_loss])
def test_a_target_that_is_no_sign_counts_as_torch_counts_it(call):
    other, target = random(SAMPLES, CLASSES, seed=1), torch.arange(SAMPLES) % 2

    def loss(output):
        if call is F.cosine_embedding_loss:
            return call(output, other, target, margin=0.2)
        return call((output - other).norm(dim=1), target.double())

    reading, value = read(random(SAMPLES, CLASSES), loss)

    assert reading.fit == pytest.approx(value)
    assert set(reading.target.sums.minimum) | set(reading.target.sums.maximum) == {0.0, 1.0}


def test_pairs_that_are_near_and_belong_together_correlate():
    alike = torch.tensor([1.0, 1.0, -1.0, -1.0]).double()
    near = torch.tensor([0.1, 0.2, 1.0, 1.2]).double()

    reading, _ = read(near, lambda d: F.hinge_embedding_loss(d, alike))

    assert reading.correlation > 0.9


@pytest.mark.parametrize(("given", "sides"), [(True, 1), (False, 2)])
def test_a_cosine_tells_how_many_of_its_sides_are_trained(given, sides):
    target = torch.arange(SAMPLES) % 2

    def loss(output):
        other = output.flip(0).detach() if given else output.flip(0)
        return F.cosine_embedding_loss(output, other, target)

    reading, _ = read(random(SAMPLES, CLASSES), loss)

    assert reading.details["trained_sides"] == sides


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_a_ranking_of_zeros_and_ones_is_still_a_ranking(margin):
    target = (torch.arange(SAMPLES) % 2).double()

    def loss(output):
        return F.margin_ranking_loss(output[:, 0], output[:, 1], target, margin=margin)

    reading, value = read(random(SAMPLES, CLASSES), loss)

    assert reading.kind == "margin_ranking"
    assert reading.fit == pytest.approx(value)
    assert reading.target.sums.total == target.sum()


def test_texts_that_fit_no_input_are_all_ignored():
    def loss(output):
        lengths = torch.full((4,), 2), torch.full((4,), 3)
        logs = output.reshape(6, 4, CLASSES).log_softmax(2)
        text = torch.ones(4, 3, dtype=torch.long)
        return F.ctc_loss(logs, text, *lengths, zero_infinity=True)

    reading, value = read(random(24, CLASSES), loss)

    assert (reading.kind, reading.ignored_all, value) == ("ctc", True, 0.0)
