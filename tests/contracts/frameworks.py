"""The tools people train with, each as one description that the contract suite runs.

All train the same small network on the same data: 96 rows in three batches, `EPOCHS` times.
"""

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

EPOCHS = 20
ROWS, BATCH = 96, 32


class Tripwire(nn.Module):
    """Raises at a forward pass, as a mistake in the user's own code or Ctrl-C would."""

    def __init__(self, error=None, call=4):
        super().__init__()
        self.error, self.left = error, call

    def forward(self, x):
        self.left -= 1
        if self.error is not None and self.left == 0:
            raise self.error
        return x


class Rows(Dataset):
    """The data as Hugging Face's trainer takes it."""

    def __len__(self):
        return ROWS

    def __getitem__(self, i):
        x, y = data()
        return {"x": x[i], "labels": y[i]}


@functools.cache
def data():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(ROWS, 16, generator=generator)
    flipped = torch.rand(ROWS, generator=generator) < 0.15  # or it would be too easy to be healthy
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0)
    return x, torch.where(flipped, (y + 1) % 3, y)


def batches():
    x, y = data()
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, ROWS, BATCH)]


def network(*, faulty=False, error=None):
    """A healthy classifier; faulty with a softmax in front of a loss that has its own."""
    torch.manual_seed(0)
    layers = [nn.Linear(16, 8), Tripwire(error), nn.ReLU(), nn.Linear(8, 3)]
    return nn.Sequential(*layers, *([nn.Softmax(dim=1)] if faulty else []))


class Classifier(nn.Module):
    """A model in Hugging Face's form: it computes its own loss."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x, labels=None):
        logits = self.body(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def lightning(eye, body):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.body = body

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.body(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 0.01)

    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", callbacks=[eye] if eye else [], **quiet
    )
    trainer.fit(Module(), DataLoader(TensorDataset(*data()), BATCH))


def huggingface(eye, body):
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        "unused",
        use_cpu=True,
        report_to=[],
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=0.01,
        max_grad_norm=0.0,
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        full_determinism=False,
    )
    Trainer(
        Classifier(body), arguments, train_dataset=Rows(), callbacks=[eye] if eye else []
    ).train()


def skorch(eye, body):
    from skorch import NeuralNetClassifier

    x, y = data()
    NeuralNetClassifier(
        body,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        train_split=None,
        callbacks=[("lifesigns", eye)] if eye else [],
        verbose=0,
    ).fit(x.numpy(), y.numpy())


def ignite(eye, body):
    from ignite.engine import create_supervised_trainer

    optimizer = torch.optim.Adam(body.parameters(), 0.01)
    trainer = create_supervised_trainer(body, optimizer, nn.CrossEntropyLoss())
    if eye:
        eye.attach(trainer, body, optimizer)
    trainer.run(batches(), max_epochs=EPOCHS)


def accelerate(eye, body):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, log_with=[eye] if eye else None)
    optimizer = torch.optim.Adam(body.parameters(), 0.01)
    model, optimizer = accelerator.prepare(body, optimizer)
    accelerator.init_trackers("contract")
    for x, y in batches() * EPOCHS:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
    accelerator.end_training()


def fastai(eye, body):
    from fastai.callback import progress  # noqa: F401  gives a learner `no_bar`
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner

    loader = DataLoader(TensorDataset(*data()), BATCH)
    learner = Learner(
        DataLoaders(loader, loader), body, nn.CrossEntropyLoss(), cbs=[eye] if eye else []
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit(EPOCHS, 0.01)


def keras_network(*, faulty=False, error=None):
    import keras

    class KerasTripwire(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.tripwire = Tripwire(error, call=6)  # building a model calls its layers, too

        def call(self, x):
            return self.tripwire.module(x)

    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(8, name="hidden"),
        KerasTripwire(),
        keras.layers.ReLU(),
        keras.layers.Dense(3, activation="softmax" if faulty else None, name="head"),
    ]
    return keras.Sequential([keras.Input((16,)), *layers])


def keras(eye, body):
    import keras

    x, y = data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    body.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
    body.fit(
        x.numpy(), y.numpy(), batch_size=BATCH, epochs=EPOCHS, verbose=0,
        callbacks=[eye] if eye else [],
    )  # fmt: skip


@dataclass(frozen=True)
class Framework:
    """One integration, and how its library trains."""

    name: str
    """Of the module in `lifesigns.integrations`, of the extra, and mostly of the library."""
    train: Callable[..., None]
    """Trains a network with a callback, or without if that is None."""
    callback: str = "LifesignsCallback"
    library: str = ""
    network: Callable[..., nn.Module] = network
    place: str = "4:softmax#0"
    """The faulty network's softmax, as a finding names it."""
    weight: str = "3.weight"
    optimizer: str = "Adam"
    """As the report names it; empty where the library's own are none of torch's."""
    tells_exceptions: bool = False
    """Whether the library tells a callback of them; if not, a `with` block does."""

    @property
    def is_installed(self):
        return importlib.util.find_spec(self.library or self.name) is not None

    def eye(self, **options):
        module = importlib.import_module(f"lifesigns.integrations.{self.name}")
        return getattr(module, self.callback)(**options)


INNER = {"place": "body.4:softmax#0", "weight": "body.3.weight"}
"""Where the network is a part of what is trained."""
FRAMEWORKS = [
    Framework("lightning", lightning, **INNER, tells_exceptions=True),
    Framework("huggingface", huggingface, library="transformers", **INNER, optimizer="AdamW"),
    Framework("keras", keras, network=keras_network, place="head:softmax#0", weight="head.kernel"),
    Framework("skorch", skorch),
    Framework("ignite", ignite, callback="LifesignsHandler", tells_exceptions=True),
    Framework("accelerate", accelerate, callback="LifesignsTracker"),
    Framework("fastai", fastai, optimizer=""),
]


def ready():
    """What the libraries need of the environment before they are imported."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("ACCELERATE_USE_CPU", "1")
