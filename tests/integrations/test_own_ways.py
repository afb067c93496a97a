"""What single libraries do in a way of their own, and what that asks of their integration."""

import importlib.util

import pytest
import torch
from contracts.frameworks import EPOCHS, batches, data, network, ready
from torch import nn

from lifesigns._errors import UsageError

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error:::lifesigns"),
]


@pytest.fixture
def needs():
    def look(library):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
        ready()

    return look


def engine(error):
    from ignite.engine import create_supervised_trainer

    model = network(error=error)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss()), model


def test_an_exception_that_an_engine_swallows_ends_neither_training_nor_watching(needs):
    needs("ignite")
    from ignite.engine import Events

    from lifesigns.integrations.ignite import LifesignsHandler

    (trainer, model), swallowed = engine(ValueError("mine")), []
    eye = LifesignsHandler(show=False).attach(trainer, model)
    trainer.add_event_handler(Events.EXCEPTION_RAISED, lambda _, error: swallowed.append(error))

    state = trainer.run(batches(), max_epochs=EPOCHS)

    assert [str(error) for error in swallowed] == ["mine"]
    assert state.epoch == EPOCHS
    assert eye.report.trace.info.outcome == "finished"
    assert eye.report.trace.steps > EPOCHS


def test_a_search_gives_each_net_a_callback_of_its_own(needs):
    needs("skorch")
    from sklearn.base import clone
    from skorch import NeuralNetClassifier

    from lifesigns.integrations.skorch import LifesignsCallback

    eye = LifesignsCallback(show=False, every=5)
    net = NeuralNetClassifier(
        network(), criterion=nn.CrossEntropyLoss, callbacks=[("eye", eye)], verbose=0
    )

    copied = clone(net).set_params(callbacks__eye__every=7)
    x, y = data()
    copied.fit(x.numpy(), y.numpy())

    ((_, other),) = [pair for pair in copied.callbacks_ if pair[0] == "eye"]
    assert other is not eye
    assert other.get_params() == {"show": False, "html": None, "every": 7}
    assert eye.get_params()["every"] == 5
    assert other.report.trace.steps > 0
    with pytest.raises(UsageError, match="Nothing was trained yet"):
        _ = eye.report


def test_keras_on_another_backend_is_refused_with_what_to_set(needs, monkeypatch):
    needs("keras")
    from lifesigns.integrations import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")

    with pytest.raises(UsageError, match="KERAS_BACKEND=torch"):
        keras.LifesignsCallback().on_train_begin()
