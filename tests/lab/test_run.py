import numpy as np
import pytest
import torch

from lifesigns._errors import UsageError
from lifesigns.lab import run as lab
from lifesigns.lab.design.design import Design
from lifesigns.lab.run import run
from lifesigns.lab.training.chunks import best_chunk, largest_chunk
from lifesigns.lab.training.members import Member
from lifesigns.lab.training.work_units import Shelf, Source, WorkUnit
from lifesigns.lab.training.workers import LocalWorkers
from lifesigns.nets import MLP, Recipe, accuracy, train
from lifesigns.nets.data import load

SMALL = Design(
    "iris",
    hidden=(8,),
    activations=("tanh", "none"),
    initialisers=("glorot_uniform",),
    rates=(0.001, 0.1),
    seeds=3,
    steps=60,
    chunk=4,
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


class Counting:
    """Trains in this process, counts, and breaks off where it is told to."""

    def __init__(self, most=10**9):
        self.done, self.most, self.jobs = 0, most, 1

    def train(self, units):
        for pair in LocalWorkers().train(units):
            if self.done == self.most:
                raise KeyboardInterrupt
            self.done += 1
            yield pair


def test_every_cell_gets_its_own_best_rate():
    outcome = run(SMALL)

    assert outcome.score == "accuracy"
    for result in outcome.results:
        assert result.tuning.shape == (2, 3)
        assert result.rate == SMALL.rates[int(result.tuning.mean(1).argmax())]
        assert result.scores.shape == (3,)
        assert result.rate_at_edge


def test_scores_are_those_of_training_alone_with_the_same_seed():
    result = run(SMALL).results[0]
    iris = load("iris")
    recipe = SMALL.recipe(result.cell, result.rate, iris)
    for position, score in enumerate(result.scores):
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(1000 + position)
            model = recipe.network.build()
        losses = train(recipe, model, recipe.make_optimizer(model.parameters()),
                       iris.inputs, iris.targets, 1000 + position)  # fmt: skip
        for _ in range(SMALL.steps):
            next(losses)

        assert score == pytest.approx(accuracy(model, iris.test_inputs, iris.test_targets))


def test_regression_is_scored_by_the_variance_explained():
    design = Design(
        "diabetes", hidden=(8,), losses=("squared_error", "absolute_error"), rates=(0.01, 0.05),
        seeds=2, steps=150, chunk=8,
    )  # fmt: skip

    outcome = run(design)

    assert outcome.score == "r2"
    assert all(0.2 < result.scores.mean() < 1 for result in outcome.results)


def test_an_interrupted_design_goes_on_where_it_stopped(tmp_path):
    whole = Counting()
    expected = run(SMALL, workers=whole)

    with pytest.raises(KeyboardInterrupt):
        run(SMALL, workers=Counting(2), folder=tmp_path)
    rest = Counting()
    outcome = run(SMALL, workers=rest, folder=tmp_path)

    assert rest.done == whole.done - 2
    for result, wanted in zip(outcome.results, expected.results, strict=True):
        np.testing.assert_array_equal(result.scores, wanted.scores)
        np.testing.assert_array_equal(result.history.losses, wanted.history.losses)


def test_a_damaged_result_is_trained_again(tmp_path):
    run(SMALL, folder=tmp_path)
    damaged = next(tmp_path.glob("*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    again = Counting()

    run(SMALL, workers=again, folder=tmp_path)

    assert again.done == 1


def test_two_processes_give_the_same_numbers_as_one():
    alone, shared = run(SMALL), run(SMALL, workers=LocalWorkers(2, at_once=True))

    for one, two in zip(alone.results, shared.results, strict=True):
        np.testing.assert_array_equal(one.history.losses, two.history.losses)


def test_progress_counts_up_to_the_whole():
    told = []

    run(SMALL, progress=lambda done, whole: told.append((done, whole)))

    first, second = 2 * 2 * 3 * 60, 2 * 3 * 60
    assert told[0] == (0, first)
    assert (first, first) in told
    assert told[-1] == (second, second)


def test_a_rate_at_which_a_seed_diverged_is_not_chosen():
    curve = np.array([[0.5, 0.5], [0.9, np.nan], [0.6, 0.6]])

    assert lab._best(curve) == 2


def test_a_diverged_cell_is_marked_and_kept():
    design = Design("diabetes", hidden=(8,), losses=("squared_error",), rates=(1e8,), seeds=2,
                    steps=40, chunk=4)  # fmt: skip

    (result,) = run(design).results

    assert result.diverged == 2
    assert np.isnan(result.tuning).all()


def test_cross_entropy_on_values_is_refused():
    with pytest.raises(UsageError, match="class labels"):
        run(Design("diabetes", steps=5, seeds=2))


def test_the_key_of_a_unit_tells_everything_apart():
    recipe = Recipe(MLP(4, (8,), 3), "cross_entropy")
    unit = WorkUnit((Member(recipe, 0),), Source("iris"), 10)
    others = [
        WorkUnit((Member(recipe, 1),), Source("iris"), 10),
        WorkUnit((Member(recipe, 0),), Source("iris", validation=True), 10),
        WorkUnit((Member(recipe, 0),), Source("iris"), 11),
    ]

    assert unit.key == WorkUnit((Member(recipe, 0),), Source("iris"), 10).key
    assert len({unit.key, *(other.key for other in others)}) == 4


def test_a_unit_is_another_one_when_the_users_file_changes(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b\n1,0\n")

    def unit():
        return WorkUnit((Member(Recipe(MLP(1, (), 2), "cross_entropy"), 0),), Source(str(file)), 1)

    before, again = unit().key, unit().key
    file.write_text("a,b\n1,0\n2,1\n")

    assert before == again
    assert unit().key != before


def test_an_empty_shelf_has_nothing(tmp_path):
    unit = WorkUnit((Member(Recipe(MLP(4, (), 3), "cross_entropy"), 0),), Source("iris"), 1)

    assert Shelf(tmp_path / "nowhere").get(unit) is None


def test_chunks_are_bounded_by_memory_and_by_the_members_there_are():
    iris = load("iris").for_loss("cross_entropy")
    small = Member(Recipe(MLP(4, (8,), 3), "cross_entropy"), 0)
    large = Member(Recipe(MLP(4, (3000, 3000), 3), "cross_entropy"), 0)

    assert largest_chunk(small, iris) > 512
    assert largest_chunk(large, iris) < 4
    assert best_chunk([small] * 3, iris) in (1, 2, 3)
    assert best_chunk([small] * 16, iris, jobs=4) <= 4
