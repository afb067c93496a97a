"""Whether the states that give the targets of Q-learning are those that are trained."""

import copy

import pytest
import torch
from torch import nn
from training_steps import sgd

PLACES = {
    "equal, elsewhere": lambda s: s.clone(),
    "others": lambda s: s + 1,
    "one row differs": lambda s: torch.cat([s[:-1], s[-1:] + 1]),
    "the same memory": lambda s: s,
    "another form": lambda s: s[:4].clone(),
}


@pytest.mark.parametrize(
    ("place", "chosen", "found"),
    [
        ("equal, elsewhere", True, 1),
        ("equal, elsewhere", False, None),
        ("others", True, 0),
        ("one row differs", True, 0),
        ("the same memory", True, None),
        ("another form", True, None),
    ],
)
@pytest.mark.parametrize("copied", [True, False])
def test_states_are_compared_with_those_of_the_copy(recording, place, chosen, found, copied):
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    target = copy.deepcopy(model) if copied else model
    recorder, optimizer = recording(every=1), sgd(model)

    for _ in range(2):
        states, actions = torch.randn(16, 3), torch.randint(2, (16, 1))
        following = PLACES[place](states)
        with torch.no_grad():
            best = target(following).amax(1, keepdim=True)
        values = model(states)
        values = values.gather(1, actions) if chosen else values[:, :1]
        nn.functional.mse_loss(values, best[0].expand_as(values)).backward()
        optimizer.step()
        optimizer.zero_grad()
    recorder.stop()

    details = [shot.loss.details for shot in recorder.trace().snapshots]
    assert [one.get("same_states") for one in details] == [found, found]


@pytest.mark.parametrize("asks", [True, False])
def test_that_a_network_is_asked_for_the_targets_of_a_largest_value_is_told(recording, asks):
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    recorder, optimizer = recording(every=1), sgd(model)

    for _ in range(2):
        states, following, best = torch.randn(16, 3), torch.randn(16, 3), torch.randn(16)
        if asks:
            with torch.no_grad():
                best = model(following).amax(1)
        nn.functional.mse_loss(model(states).max(1).values, best).backward()
        optimizer.step()
        optimizer.zero_grad()
    recorder.stop()

    details = [shot.loss.details for shot in recorder.trace().snapshots]
    assert ["asked_for_targets" in one for one in details] == [asks, asks]
