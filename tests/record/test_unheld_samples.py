"""Log-probabilities of samples that nobody holds."""

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal
from training_steps import sgd

from lifesigns.record.graph.unheld_samples import JUDGING, SAMPLING, TRIES, UnheldSamples


def unheld(recording, log_probability, *, weigh=True, form=None):
    """How many log-probabilities of unheld actions a policy's loss weighs."""
    policy, x = nn.Linear(3, 4), torch.randn(32, 3)
    recorder, optimizer = recording(every=1), sgd(policy)
    form = form or (lambda out: Categorical(logits=out))
    found = log_probability(form(policy(x)))
    weights = torch.randn(32) if weigh else 1.0
    (-(found * weights)).mean().backward()
    optimizer.step()
    recorder.stop()
    return recorder.trace().snapshots[0].loss.details.get("unheld_actions")


def independent(out):
    return Independent(Normal(out, 1.0), 1)


FORMS = [None, independent]


@pytest.mark.parametrize("form", FORMS)
def test_a_sample_that_is_gone_with_the_line_was_no_action(recording, form):
    assert unheld(recording, lambda p: p.log_prob(p.sample()), form=form) == 32


@pytest.mark.parametrize("form", FORMS)
def test_an_action_in_a_variable_may_have_been_taken(recording, form):
    def taken(chances):
        action = chances.sample()
        return chances.log_prob(action)

    assert unheld(recording, taken, form=form) is None


def test_an_action_in_a_list_may_have_been_taken(recording):
    actions = []

    def taken(chances):
        actions.append(chances.sample())
        return chances.log_prob(actions[-1])

    assert unheld(recording, taken) is None


def test_a_function_may_have_taken_the_action_that_it_returns(recording):
    def act(chances):
        action = chances.sample()
        action.tolist()
        return action

    assert unheld(recording, lambda p: p.log_prob(act(p))) is None


def test_an_action_of_before_is_no_sample(recording):
    before = torch.randint(4, (32, 1))

    assert unheld(recording, lambda p: p.log_prob(before.squeeze(1))) is None


def test_an_estimate_that_nothing_is_weighed_with_is_none(recording):
    assert unheld(recording, lambda p: p.log_prob(p.sample()), weigh=False) is None


def test_steps_that_are_stacked_are_counted_together(recording):
    policy = nn.Linear(3, 4)
    recorder, optimizer = recording(every=1), sgd(policy)
    found = []
    for _ in range(5):
        chances = Categorical(logits=policy(torch.randn(8, 3)))
        found.append(chances.log_prob(chances.sample()))
    (-(torch.stack(found) * torch.randn(5, 8)).sum() / 8).backward()
    optimizer.step()
    recorder.stop()

    assert recorder.trace().snapshots[0].loss.details["unheld_actions"] == 40


def test_the_methods_are_as_they_were(recording):
    before = [vars(m._owner)[m._name] for m in (*SAMPLING, *JUDGING)]
    recorder = recording(every=1)
    wrapped = [vars(m._owner)[m._name] for m in (*SAMPLING, *JUDGING)]
    recorder.stop()

    assert not any(one is other for one, other in zip(before, wrapped, strict=True))
    assert [vars(m._owner)[m._name] for m in (*SAMPLING, *JUDGING)] == before


@pytest.mark.parametrize("draws", [True, False])
def test_a_run_that_draws_no_samples_is_not_waited_for(draws):
    samples, own = UnheldSamples(), Normal.sample
    for _ in range(TRIES):
        samples.listen(True)
        if draws:
            Normal(0.0, 1.0).sample()
        samples.listen(False)

    samples.listen(True)
    is_wrapped = Normal.sample is not own
    samples.listen(False)

    assert is_wrapped == draws
    assert Normal.sample is own
