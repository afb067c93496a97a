"""Whether targets are rewards plus what the network itself says of next states."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd

DISCOUNT = 0.9


def network(out=2):
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, out))


def largest(model, target, following):
    with torch.no_grad():
        return target(following).amax(1)


def detached(model, target, following):
    return target(following).max(1)[0].detach()


def double(model, target, following):
    with torch.no_grad():
        choice = model(following).argmax(1, keepdim=True)
        return target(following).gather(1, choice).squeeze(1)


def of_itself(model, target, following):
    with torch.no_grad():
        return model(following).amax(1)


VALUES = [largest, detached, double, of_itself]


def recorded(recording, values=largest, reward=1.0, ends=(), loss=F.smooth_l1_loss, out=2):
    model = network(out)
    target = network(out)
    recorder, optimizer = recording(every=1), sgd(model)
    states, following = torch.randn(16, 3), torch.randn(16, 3)
    done = torch.zeros(16)
    done[list(ends)] = 1.0
    wanted = reward + DISCOUNT * values(model, target, following) * (1 - done)
    loss(model(states).gather(1, torch.randint(out, (16, 1))).squeeze(1), wanted).backward()
    optimizer.step()
    recorder.stop()
    return recorder.trace().snapshots[0].loss.details


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.mse_loss, F.huber_loss])
def test_targets_that_all_bootstrap_lie_on_one_line(recording, values, loss):
    details = recorded(recording, values, loss=loss)

    assert (details["answered_rows"], details["on_one_line"]) == (16, 1)
    assert details["discount"] == pytest.approx(DISCOUNT, rel=1e-3)
    assert details["reward"] == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("values", VALUES)
def test_one_row_that_ends_an_episode_does_not(recording, values):
    details = recorded(recording, values, ends=[5])

    assert details["answered_rows"] == 16
    assert "on_one_line" not in details


def test_rewards_that_differ_do_not(recording):
    assert "on_one_line" not in recorded(recording, reward=torch.rand(16))


# --- targets that rows share ----------------------------------------------------------------------
def of_the_batch(model, target, following):
    with torch.no_grad():
        return target(following).max()


def shared(details):
    """Target and rows of each kind, of those whose largest values differ."""
    kinds = [word.removeprefix("shared_target") for word in details if "shared_target" in word]
    return [
        (details[f"shared_target{kind}"], details[f"sharing_rows{kind}"])
        for kind in kinds
        if details[f"sharing_range{kind}"] > 1e-4
    ]


def test_a_target_that_rows_share_whose_next_states_differ(recording):
    rewards = torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(4)

    details = recorded(recording, of_the_batch, reward=rewards)

    added = DISCOUNT * details["largest_answer_0"]
    assert shared(details) == [
        (pytest.approx(added, rel=1e-5), 12),
        (pytest.approx(1 + added, rel=1e-5), 4),
    ]


@pytest.mark.parametrize("values", VALUES)
def test_rows_with_values_of_their_own_share_none(recording, values):
    details = recorded(recording, values)

    assert "largest_answer_0" in details
    assert not shared(details)


def test_rows_of_one_next_state_share_a_target_and_its_value(recording):
    def in_pairs(model, target, following):
        following[1::2] = following[::2]
        return largest(model, target, following)

    details = recorded(recording, in_pairs)

    assert details["sharing_rows_0_0"] == 2
    assert not shared(details)


def test_another_reward_in_each_row_is_another_target(recording):
    assert not shared(recorded(recording, of_the_batch, reward=torch.rand(16)))


def test_there_is_no_largest_of_one_action(recording):
    def value(model, target, following):
        with torch.no_grad():
            return target(following).max()

    assert "largest_answer_0" not in recorded(recording, value, out=1)


# --- which answers there are ----------------------------------------------------------------------
def test_the_value_of_a_state_is_the_only_output(recording):
    def value(model, target, following):
        with torch.no_grad():
            return target(following).squeeze(1)

    assert recorded(recording, value, out=1)["on_one_line"] == 1


def test_a_square_by_hand_is_known_to_have_been_asked_for(recording):
    details = recorded(recording, loss=lambda q, wanted: (q - wanted).pow(2).mean())

    assert details["own_answers"] == 1
    assert "answered_rows" not in details


def test_a_network_of_another_form_is_not_its_copy(recording):
    teacher = network(5)

    def other(model, target, following):
        with torch.no_grad():
            return teacher(following).amax(1)

    assert "own_answers" not in recorded(recording, other)


def test_what_is_trained_is_no_answer(recording):
    model = network()
    recorder, optimizer = recording(every=1), sgd(model)
    for _ in range(2):
        F.mse_loss(model(torch.randn(16, 3)), torch.randn(16, 2)).backward()
    optimizer.step()
    recorder.stop()

    assert all("own_answers" not in s.loss.details for s in recorder.trace().snapshots)


def test_the_copy_is_left_alone(recording):
    model = network()
    target = copy.deepcopy(model)
    recorder, optimizer = recording(every=1), sgd(model)
    with torch.no_grad():
        wanted = target(torch.randn(16, 3)).amax(1)
    F.mse_loss(model(torch.randn(16, 3)).amax(1), wanted).backward()
    optimizer.step()
    recorder.stop()

    assert not target._forward_hooks
    assert not target._forward_pre_hooks
