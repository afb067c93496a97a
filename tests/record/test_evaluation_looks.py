"""What the first passes of an evaluation show, and that nothing of the look is left."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.utils.checkpoint import checkpoint

import lifesigns
from lifesigns.record.measure.norm_shift import shift_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.schedule.evaluation_looks import LOOKS, MOST_PLACES
from lifesigns.store import read_run

ENTERS = (
    *(torch.no_grad.__enter__, torch.inference_mode.__enter__, torch.set_grad_enabled.__enter__),
    *(F.dropout, F.cross_entropy, F.nll_loss),
)


class Network(nn.Module):
    def __init__(self, drop=None):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)
        self.dropout, self.drop = nn.Dropout(0.5), drop

    def forward(self, x):
        x = self.norm(self.first(x))
        return self.last(self.dropout(x) if self.drop is None else self.drop(x))


def evaluated(network, evaluate, steps=8, **watched):
    """Trains, and evaluates after each third step; what was seen, and the weights."""
    torch.manual_seed(0)
    x, optimizer = torch.randn(16, 4), torch.optim.SGD(network.parameters(), 0.1)
    watcher = lifesigns.watch(network, strict=True, every=3, **watched)
    for step in range(steps):
        network.train()
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
        if step % 3 == 2:
            evaluate(network)
    return watcher.detach().trace.evaluations


def test_what_is_checkpointed_is_trained():
    network = Network()
    recomputed = []
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    watcher = lifesigns.watch(network, strict=True, every=3)
    for _ in range(6):
        x = torch.randn(16, 4, requires_grad=True)
        optimizer.zero_grad()
        checkpoint(network, x, use_reentrant=True).square().mean().backward()
        optimizer.step()
        recomputed.append(x.grad is not None)

    assert all(recomputed)
    assert watcher.detach().trace.evaluations == ()


@pytest.mark.parametrize("passes", [1, 4])
def test_passes_over_a_whole_test_set_are_an_average(passes):
    test = [torch.full((3, 4), float(i)) for i in range(5)]

    def draw(network):
        network.eval()
        with torch.no_grad():
            for _ in range(passes):
                for x in test:
                    network(x + 0)

    seen = evaluated(Network(lambda x: F.dropout(x)), draw)

    assert [one.is_again for one in seen if one.step == 3] == [passes > 1, False]


def in_training_mode(network):
    with torch.no_grad():
        network(torch.ones(1, 4) if not network.training else torch.randn(2, 4) + 100)


def in_evaluation_mode(network):
    network.eval()
    with torch.inference_mode():
        network(torch.ones(3, 4))


def test_a_pass_in_training_mode_shows_what_drops_and_what_normalises():
    first, second = evaluated(Network(), in_training_mode)

    assert (first.step, second.step, first.place, second.place) == (3, 6, 0, 0)
    assert (first.training, first.samples) == (True, 2)
    assert (first.dropouts, first.norm, first.norm_samples) == (("dropout",), "norm", 2)
    assert first.inputs.mean.mean() > 90
    assert first.inputs.count == 2


@pytest.mark.parametrize("mode", [True, False])
def test_an_average_of_the_network_is_evaluated_in_its_place(mode):
    network = Network()
    average = torch.optim.swa_utils.AveragedModel(network)

    def draw(_):
        average.update_parameters(network)
        average.train(mode)
        with torch.no_grad():
            average(torch.randn(2, 4) + 100)

    first, second = evaluated(network, draw)

    assert (first.step, second.step) == (3, 6)
    assert (first.training, first.samples) == (mode, 2)
    assert first.dropouts == (("dropout",) if mode else ())
    assert first.norm == ("norm" if mode else "")
    assert first.inputs.mean.mean() > 90


def test_an_average_of_another_network_is_none():
    other = torch.optim.swa_utils.AveragedModel(nn.Linear(4, 1))

    def draw(_):
        with torch.no_grad():
            other(torch.randn(2, 4))

    assert evaluated(Network(), draw) == ()


def shift(network, batch):
    """What a test after 51 steps, which 16 others precede, shows of the normalisation."""
    waiting = iter([False] * 16 + [True])

    def test(network):
        if next(waiting):
            with torch.no_grad():
                network(batch)

    (seen,) = evaluated(network, test, 51)
    return seen


def test_batches_like_those_of_the_training_have_its_statistics():
    torch.manual_seed(0)
    alike = shift(Network(nn.Identity()), torch.randn(16, 4))

    assert alike.norm_shift < 0.4
    assert alike.shifted_norm == "norm"


@pytest.mark.parametrize(
    "batch", [torch.randn(16, 4) + 3, torch.ones(16, 4)], ids=["elsewhere", "all the same"]
)
def test_how_far_others_are_moved_is_seen(batch):
    assert shift(Network(nn.Identity()), batch).norm_shift > 0.5


def test_the_shift_is_that_between_both_ways_to_normalise():
    torch.manual_seed(0)
    norm, batch = nn.BatchNorm2d(3), 2 * torch.randn(40, 3, 5, 5) + 1
    pack = Pack()
    shift = shift_of("norm", norm, batch, 100, pack).of(pack.fetch())
    with torch.no_grad():
        own, running = norm(batch), nn.BatchNorm2d(3).eval()(batch)
    square = (own - running).square().mean((0, 2, 3)).median()

    assert shift == pytest.approx((square - 1.5 * batch.var() / 39).sqrt().item(), rel=0.02)


def test_a_running_mean_of_few_steps_or_none_tells_nothing():
    batch, pack = torch.randn(8, 3), Pack()

    assert shift_of("norm", nn.BatchNorm1d(3), batch, 20, pack) is None
    assert shift_of("norm", nn.BatchNorm1d(3, momentum=None), batch, 99, pack) is None
    assert shift_of("norm", nn.BatchNorm1d(3, track_running_stats=False), batch, 99, pack) is None


def test_one_in_evaluation_mode_shows_neither():
    first, *_ = evaluated(Network(), in_evaluation_mode)

    assert (first.training, first.dropouts, first.loose, first.norm) == (False, (), (), "")


@pytest.mark.parametrize(
    "drop",
    [lambda x: F.dropout(x, 0.5), lambda x: nn.Dropout(0.5)(x), nn.Dropout(0.5)],
    ids=["a function", "made anew", "no part of it"],
)
def test_what_evaluation_mode_does_not_reach_is_seen(drop):
    network = Network()
    object.__setattr__(network, "drop", drop)

    passes = evaluated(network, in_evaluation_mode)

    assert {one.loose for one in passes} == {("",)}


def test_a_pass_of_the_same_tensor_is_known_again():
    def average(network):
        x = torch.ones(3, 4)
        for _ in range(2):
            with torch.no_grad():
                network(x)

    passes = evaluated(Network(), average)

    assert [one.is_again for one in passes] == [True, True, True, True]


def test_statistics_that_are_gathered_are_no_evaluation():
    def gather(network):
        network.norm.momentum = None
        with torch.no_grad():
            network(torch.randn(16, 4))
        network.norm.momentum = 0.1

    assert evaluated(Network(), gather) == ()


def test_a_place_is_looked_at_a_few_times_and_many_places_are_not():
    assert len({one.step for one in evaluated(Network(), in_training_mode, 40)}) == LOOKS
    text = "\n".join(f"with torch.no_grad():\n    network(x)\n# {i}" for i in range(40))

    def everywhere(network):
        exec(text, {"torch": torch, "network": network, "x": torch.randn(2, 4)})

    assert len({one.place for one in evaluated(Network(), everywhere)}) == MOST_PLACES


def test_training_is_the_same_to_the_bit_and_nothing_is_left():
    first = Network(lambda x: F.dropout(x, 0.5))
    second = copy.deepcopy(first)
    evaluated(first, in_training_mode)
    torch.manual_seed(0)
    x, optimizer = torch.randn(16, 4), torch.optim.SGD(second.parameters(), 0.1)
    for step in range(8):
        second.train()
        optimizer.zero_grad()
        second(x).square().mean().backward()
        optimizer.step()
        if step % 3 == 2:
            in_training_mode(second)

    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert vars(first).keys() == vars(second).keys()
    assert (
        *(torch.no_grad.__enter__, torch.inference_mode.__enter__),
        *(torch.set_grad_enabled.__enter__, F.dropout, F.cross_entropy, F.nll_loss),
    ) == ENTERS
    assert not module_hooks._global_forward_pre_hooks
    assert not module_hooks._global_forward_hooks


def test_a_network_can_be_kept_within_an_evaluation():
    def keep(network):
        network.eval()
        with torch.no_grad():
            assert pickle.loads(pickle.dumps(network)).training is False
            network(torch.ones(3, 4))

    assert evaluated(Network(), keep)


def test_the_run_file_holds_them(tmp_path):
    live = evaluated(Network(), in_training_mode, save=tmp_path / "run.ls")

    stored = read_run(tmp_path / "run.ls").evaluations
    assert [one.dropouts for one in stored] == [one.dropouts for one in live]
    assert (stored[0].inputs.mean == live[0].inputs.mean).all()


def test_compiled_networks_are_not_traced_with_it():
    from torch._dynamo.utils import counters

    network = Network()
    compiled = torch.compile(network, backend="eager")
    counters.clear()

    evaluated(network, lambda _: in_evaluation_mode(compiled))

    assert counters["stats"]["unique_graphs"] <= 1


SCORES = torch.tensor([[9.0, 0, 0], [0, 9, 0], [9, 0, 0], [0, 0, 9]])
LABELS = torch.tensor([0, 2, 0, -100])


class Scores(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return x[:, :3] + self.weight


def answers(judge, last=lambda scores: scores):
    network = Scores()
    optimizer = torch.optim.SGD(network.parameters(), 0.0)
    watcher = lifesigns.watch(network, strict=True, every=1)
    for _ in range(2):
        network(SCORES).square().mean().backward()
        optimizer.step()
    network.train(False)
    with torch.set_grad_enabled(False):
        judged = judge(last(network(SCORES)))
    (seen,) = watcher.detach().trace.evaluations
    return seen.answers, judged


@pytest.mark.parametrize(
    "judge",
    [
        lambda scores: F.cross_entropy(scores, LABELS),
        lambda scores: F.cross_entropy(target=LABELS, input=scores, reduction="sum"),
        lambda scores: F.nll_loss(scores, target=LABELS),
    ],
)
def test_answers_are_counted_by_their_label(judge):
    told, judged = answers(judge)

    assert told.counts.tolist() == [[2, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert told.loss == pytest.approx(3.0, abs=0.01)
    assert torch.equal(judged, judge(SCORES))


def test_a_module_that_compares_is_seen_and_what_is_not_the_output_is_not():
    criterion = nn.CrossEntropyLoss()

    assert answers(lambda scores: criterion(scores, LABELS))[0].counts.sum() == 3
    assert answers(lambda scores: F.cross_entropy(SCORES, LABELS))[0] is None
    assert answers(lambda scores: F.cross_entropy(scores, SCORES.softmax(1)))[0] is None
    assert answers(lambda scores: scores.argmax(1))[0] is None


def test_a_mistake_in_a_loss_is_that_of_the_program():
    with pytest.raises(TypeError, match="unexpected keyword"):
        answers(lambda scores: F.cross_entropy(scores, LABELS, other=1))
