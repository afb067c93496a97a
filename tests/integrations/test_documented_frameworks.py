"""What README and docs/integrations.md show of each framework runs as it stands there.

A block is run with what the text takes for granted: a network, data, and the framework's own names.
A block whose library is not installed is skipped, by name.
"""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from contracts.frameworks import Rows, batches, data, keras_network, network, ready
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lifesigns

ROOT = Path(__file__).parents[2]
LIBRARIES = {"huggingface": "transformers"}
IMPORTED = re.compile(r"from lifesigns\.integrations\.(\w+) import")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error:::lifesigns"),
]


def blocks():
    for document in ("README.md", "docs/integrations.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for source in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found = IMPORTED.search(source)
            if found or document.startswith("docs"):
                name = found[1] if found else re.search(r"\w+", source)[0]
                yield pytest.param(found[1] if found else "", source, id=f"{document} {name}")


def train(*given):
    """Trains a network for a few steps, through accelerate where that is given first."""
    accelerator, model, optimizer = given if len(given) == 3 else (None, *given, None)
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.1)
    for x, y in batches():
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        accelerator.backward(loss) if accelerator else loss.backward()
        optimizer.step()


class Trainer:
    """Somebody's own, with a place before the training and one behind it."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def train(self, batches):
        self.on_start()
        train(self.model)
        self.on_end()


def granted(name):
    """What a block takes for granted, by the framework it shows."""
    x, y = data()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    loader = DataLoader(TensorDataset(x, y), 32)
    names = {"model": model, "optimizer": optimizer, "batches": batches(), "loader": loader}
    names |= {"nn": nn, "lifesigns": lifesigns, "train": train, "Trainer": Trainer}
    return names | globals().get(f"_{name}", dict)()


def _lightning():
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.body = network()

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.body(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    return {"lightning": lightning, "module": Module()}


def _huggingface():
    from contracts.frameworks import Classifier
    from transformers import Trainer, TrainingArguments

    def arguments(folder):
        return TrainingArguments(folder, use_cpu=True, report_to=[], num_train_epochs=1)

    names = {"Trainer": Trainer, "TrainingArguments": arguments}
    return names | {"model": Classifier(network()), "rows": Rows()}


def _keras():
    import keras

    model, (x, y) = keras_network(), data()
    model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(True))
    return {"model": model, "x": x.numpy(), "y": y.numpy()}


def _skorch():
    from skorch import NeuralNetClassifier

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(network(), nn.LogSoftmax(-1))

        def forward(self, x):
            return self.body(x).exp()

    x, y = data()
    names = {"NeuralNetClassifier": NeuralNetClassifier, "Network": Network}
    return names | {"x": x.numpy(), "y": y.numpy()}


def _ignite():
    from ignite.engine import create_supervised_trainer

    return {"create_supervised_trainer": create_supervised_trainer}


def _accelerate():
    from accelerate import Accelerator

    return {"Accelerator": Accelerator}


def _fastai():
    from fastai.callback import progress  # noqa: F401  gives a learner its bar
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner

    loader = DataLoader(TensorDataset(*data()), 32)
    return {"Learner": Learner, "dls": DataLoaders(loader, loader)}


@pytest.mark.parametrize(("name", "source"), list(blocks()))
def test_a_block_runs_as_it_stands(name, source, monkeypatch, tmp_path, capsys):
    library = LIBRARIES.get(name, name)
    for needed in filter(None, [library, "pandas" if "to_frame" in source else ""]):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    monkeypatch.chdir(tmp_path)
    ready()
    names = granted(name)
    if "watcher.report" in source and "as watcher" not in source:
        with lifesigns.watch(names["model"]) as names["watcher"]:
            train(names["model"])

    exec(compile(source, name or "recipe", "exec"), names)

    written = [path.name for path in tmp_path.iterdir()]
    shown = "lifesigns" in capsys.readouterr().err
    assert shown or written or "Printing" in source
