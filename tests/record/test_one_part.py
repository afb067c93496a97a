"""What cannot be read, or fails, costs one part of a recording and no more."""

import torch
import torch.nn.functional as F
from torch import nn

from lifesigns.record import reading
from lifesigns.record.attach.guard import described


def one_step(model, x, y):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def test_a_sparse_batch_alone_is_left_out_and_named(recording, network, batch):
    recorder = recording(network, every=1)

    for _ in range(3):
        one_step(network, batch[0].to_sparse(), batch[1])
    recorder.stop()

    taken = recorder.trace().snapshots
    assert len(taken) == 3
    assert all(s.batch is None and s.sites and s.loss for s in taken)
    assert taken[0].coverage.unreadable == ("the batch: sparse_coo",)


def test_a_part_that_fails_is_named_by_one_line_and_the_rest_is_read(
    recording, network, batch, monkeypatch
):
    def fails(*_):
        raise NotImplementedError("no such operation\n" + 300 * "CPU: registered at\n")

    monkeypatch.setattr(reading, "read_loss", fails)
    recorder = recording(network, every=1, strict=False)
    one_step(network, *batch)
    recorder.stop()

    (taken,) = recorder.trace().snapshots
    assert taken.coverage.failures == ("the loss: NotImplementedError: no such operation",)
    assert taken.sites
    assert taken.parameters
    assert taken.batch is not None


def test_an_exception_without_a_text_is_told_by_its_kind():
    assert described(ValueError()) == "ValueError"


def test_a_model_trained_before_the_next_one_is_not_called_unreached(recording, batch):
    models = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in range(2)]
    recorder = recording(every=1)

    for model in models:
        for _ in range(3):
            one_step(model, *batch)
    recorder.stop()

    taken = recorder.trace().snapshots
    assert len(taken) == 6
    assert all(p.reached for s in taken for p in s.parameters)
