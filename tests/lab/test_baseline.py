"""What is reached without learning."""

import numpy as np
import pytest
import torch

from lifesigns.lab.training.baseline import Baseline
from lifesigns.nets.data import Split, load


def labels(train, test):
    train, test = torch.tensor(train), torch.tensor(test)
    return Split(torch.zeros(len(train), 1), train, torch.zeros(len(test), 1), test, classes=3)


def test_for_classes_it_is_the_most_frequent_of_the_training_samples():
    baseline = Baseline.of(labels([0, 2, 2, 1], [2, 0, 0, 0]))

    assert (baseline.score, baseline.samples) == (0.25, 4)


def test_for_values_it_is_the_mean():
    baseline = Baseline.of(load("diabetes"))

    assert (baseline.score, baseline.samples) == (0.0, 89)


def test_guessed_classes_exceed_chance_in_about_a_twentieth_of_the_cases():
    random = np.random.default_rng(0)
    baseline = Baseline(0.5, 400, of_classes=True)
    scores = random.binomial(baseline.samples, baseline.score, 10_000) / baseline.samples

    assert (scores > baseline.chance).mean() == pytest.approx(0.05, abs=0.01)


def test_unrelated_values_exceed_chance_in_about_a_twentieth_of_the_cases():
    random = np.random.default_rng(0)
    baseline = Baseline.of(load("diabetes"))
    x, y = random.standard_normal((2, 10_000, baseline.samples))
    correlations = np.array([np.corrcoef(*pair)[0, 1] for pair in zip(x, y, strict=True)])
    rightly_signed = np.maximum(correlations, 0) ** 2

    assert (rightly_signed > baseline.chance).mean() == pytest.approx(0.05, abs=0.01)


def test_where_every_sample_is_of_one_class_nothing_is_beyond_chance():
    baseline = Baseline.of(labels([1, 1, 1], [1, 1]))

    assert baseline.chance == 1.0
