import csv

import numpy as np
import pytest
import torch
from torch import nn

from lifesigns._errors import UsageError
from lifesigns.lab import compare
from lifesigns.lab.design.design import Design
from lifesigns.nets.data import load

torch.set_num_threads(1)


def shallow():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


class Blind(nn.Module):
    """Sees one constant only; batch normalisation keeps it from being batched."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))

    def forward(self, x):
        return self.layers(x * 0)


def test_own_models_are_ranked_each_at_its_own_rate():
    ranking = compare(
        model_factory={"blind": Blind, "shallow": shallow, "local": lambda: nn.Linear(4, 3)},
        data="iris", rates=(1e-4, 0.1), seeds=3, steps=80,
    )  # fmt: skip

    assert ranking.places[-1].label == "blind"
    assert ranking.places[-1].score.mean < 0.5 < ranking.places[0].score.mean
    assert {place.label: place.result.rate for place in ranking.places}["shallow"] == 0.1
    assert any("sgd only" in caveat for caveat in ranking.caveats)


def test_a_comparison_of_own_models_leaves_a_page_and_tables(tmp_path):
    models = {"shallow": shallow, "line": lambda: nn.Linear(4, 3)}

    compare(model_factory=models, data="iris", rates=(0.01, 0.1), seeds=2, steps=10, out=tmp_path)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Learning curves" in page
    assert "loss cross_entropy; optimizer sgd; 10 steps; batches of 32" in page
    assert "<script src" not in page
    with (tmp_path / "ranking.csv").open(newline="") as file:
        assert {row["cell"] for row in csv.DictReader(file)} == set(models)
    with (tmp_path / "runs.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    assert not (tmp_path / "design.toml").exists()


def test_main_effects_are_a_table_of_their_own(tmp_path):
    design = Design(
        data="iris", activations=("relu", "tanh"), initialisers=("he_normal", "glorot_uniform"),
        rates=(0.1,), seeds=2, steps=10,
    )  # fmt: skip

    ranking = compare(design, out=tmp_path)

    with (tmp_path / "effects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["level"] for row in rows] == [effect.level for effect in ranking.effects]
    assert (tmp_path / "design.toml").is_file()


def test_the_score_is_that_of_training_the_module_by_hand():
    iris = load("iris")

    (place,) = compare(model_factory=shallow, data=iris, rates=(0.1,), seeds=2, steps=4).places

    for position, score in enumerate(place.result.scores):
        torch.manual_seed(1000 + position)
        model = shallow()
        order = torch.randperm(120, generator=torch.Generator().manual_seed(1000 + position))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for rows in order.split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(iris.inputs[rows]), iris.targets[rows]).backward()
            optimizer.step()
        right = model(iris.test_inputs).argmax(1) == iris.test_targets
        assert score == pytest.approx(right.double().mean().item())


def test_a_loss_of_ones_own_gets_outputs_and_labels():
    def margin(output, labels):
        return nn.functional.multi_margin_loss(output, labels)

    named = compare(model_factory=shallow, data="iris", loss=margin, rates=(0.1,), seeds=2,
                    steps=100)  # fmt: skip

    assert named.places[0].result.cell.loss == "margin"
    assert named.places[0].score.mean > 0.7


def test_a_design_gives_the_same_ranking_as_the_command():
    design = Design("iris", hidden=(8,), activations=("tanh", "none"), rates=(0.01, 0.1), seeds=2,
                    steps=30, chunk=4)  # fmt: skip

    ranking = compare(design)

    assert {place.label for place in ranking.places} == {"tanh", "none"}


@pytest.mark.parametrize(
    "wrong",
    [{}, {"model_factory": shallow, "rates": (-1.0,)}, {"model_factory": shallow, "seeds": 1},
     {"model_factory": shallow, "loss": "cross_entropie"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        compare(data="iris", **wrong)


def test_the_top_and_the_bottom_cell_are_where_training_alone_puts_them():
    design = Design("digits", hidden=(32,), activations=("relu", "sigmoid"),
                    initialisers=("he_normal", "zeros"), rates=(0.001, 0.1), seeds=3,
                    steps=100)  # fmt: skip
    digits = load("digits")

    ranking = compare(design)
    top, bottom = ranking.places[0], ranking.places[-1]
    alone = [train_alone(design.recipe(p.result.cell, p.result.rate, digits), digits)
             for p in (top, bottom)]  # fmt: skip

    assert alone[0] > alone[1]
    np.testing.assert_allclose(alone, [top.result.scores[0], bottom.result.scores[0]], atol=0.01)


def train_alone(recipe, data):
    torch.manual_seed(1000)
    model = recipe.network.build()
    optimizer = recipe.make_optimizer(model.parameters())
    order, done = torch.Generator().manual_seed(1000), 0
    while True:
        for rows in torch.randperm(len(data.inputs), generator=order).split(recipe.batch_size):
            if done == 100:
                return (model(data.test_inputs).argmax(1) == data.test_targets).double().mean()
            optimizer.zero_grad()
            recipe.loss_fn(model(data.inputs[rows]), data.targets[rows]).backward()
            optimizer.step()
            done += 1
