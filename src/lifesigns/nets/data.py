"""Data to train small networks on: bundled, generated, installed, or the user's own table.

Whatever the source, a `Split` comes out: inputs standardised with the mean and the standard
deviation of the *training* samples only, regression targets likewise, class labels counted from 0.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns._errors import UsageError, extra
from lifesigns.nets.recipe import OF_CLASSES
from lifesigns.nets.samples import Table
from lifesigns.nets.tables import read_table

with extra("lab"):
    import sklearn
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

HELD_OUT = 0.2
"""Share of the samples kept for measuring."""
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package `dataset-fashion-mnist` puts its files."""


@dataclass(frozen=True, eq=False)
class Split:
    """Training and held-out samples."""

    inputs: Tensor
    """float32, shape `[samples, features]`."""
    targets: Tensor
    """int64 labels, shape `[samples]`, or float32 values, shape `[samples, outputs]`."""
    test_inputs: Tensor
    test_targets: Tensor
    name: str = ""
    classes: int = 0
    """Number of classes; 0 for regression."""

    @property
    def features(self) -> int:
        """Number of input features."""
        return int(self.inputs[0].numel())

    @property
    def outputs(self) -> int:
        """How many outputs a network for it has: one for each class, or for each value."""
        return self.classes or self.targets.shape[-1]

    def for_loss(self, loss: object) -> Split:
        """The same samples with targets as the loss wants them: labels, or one-hot rows.

        A function instead of a name gets the targets as they are.

        Args:
            loss: A name from `nets.LOSSES`, or a function.

        Returns:
            Labels `[n]` for cross-entropy, one-hot rows `[n, classes]` for other losses by name;
            regression targets as they are.

        Raises:
            UsageError: A loss of classes was asked for on targets that are values.
        """
        if loss in OF_CLASSES and not self.classes:
            raise UsageError(
                f"{loss} needs class labels; the targets of {self.name} are values. "
                "Take squared_error, absolute_error or huber."
            )
        if loss == "cross_entropy" or not (self.classes and isinstance(loss, str)):
            return self
        return replace(
            self,
            targets=_one_hot(self.targets, self.classes),
            test_targets=_one_hot(self.test_targets, self.classes),
        )

    def validation(self, seed: int = 0) -> Split:
        """Holds out a part of the training samples instead; the test samples stay unseen.

        Args:
            seed: Which samples are held out; classes keep their shares.

        Returns:
            The same split with what was held out in the place of the test samples.

        Raises:
            UsageError: A class has too few samples to be divided.
        """
        labels = self.targets.numpy() if self.classes else None
        kept, held = _held_out(len(self.inputs), labels, self.name, seed)
        return replace(
            self,
            inputs=self.inputs[kept],
            targets=self.targets[kept],
            test_inputs=self.inputs[held],
            test_targets=self.targets[held],
        )


def load(source: str | Path, *, target: str | None = None, seed: int = 0) -> Split:
    """The data of this name, or of this CSV or NPZ file.

    Args:
        source: A key of `DATA`, or a path that ends in `.csv` or `.npz`.
        target: Column of the targets in a CSV file; the last one by default.
        seed: Decides which samples are held out.

    Raises:
        UsageError: There is no such data, or the file cannot be used; the message says what to do.

    Example:
        >>> iris = load("iris")
        >>> iris.inputs.shape, iris.classes
        (torch.Size([120, 4]), 3)
    """
    name = str(source)
    if name in DATA:
        x, y = DATA[name]()
        return _split(Table(x, y, classes=_classes_of(y)), name, seed)
    if Path(name).suffix.lower() in (".csv", ".npz"):
        return _split(read_table(Path(name), target), Path(name).name, seed)
    near = get_close_matches(name, DATA, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(DATA)}."
    raise UsageError(f"There is no data called {name!r}. {hint} Or give a .csv or .npz file.")


def _split(table: Table, name: str, seed: int) -> Split:
    labels = table.targets if table.classes else None
    kept, held = _held_out(len(table.inputs), labels, name, seed)
    x, test_x = _standardised(table.inputs[kept], table.inputs[held])
    if table.classes:
        y, test_y = (torch.from_numpy(table.targets[k].astype(np.int64)) for k in (kept, held))
    else:
        values = table.targets.reshape(len(table.targets), -1)
        y, test_y = _standardised(values[kept], values[held])
    return Split(x, y, test_x, test_y, name, table.classes)


def _held_out(
    samples: int, labels: NDArray[Any] | None, name: str, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which samples are kept and which held out, each class in proportion."""
    rows = np.arange(samples)
    try:
        kept, held = train_test_split(rows, test_size=HELD_OUT, random_state=seed, stratify=labels)
    except ValueError as error:  # too few samples of some class
        raise UsageError(
            f"{name}: {HELD_OUT:.0%} of the samples cannot be held out ({error}). "
            "Give at least five samples of every class."
        ) from error
    return kept, held


def _standardised(train: NDArray[Any], test: NDArray[Any]) -> tuple[Tensor, Tensor]:
    mean, spread = train.mean(0), train.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    return tuple(
        torch.from_numpy(((values - mean) / spread).astype(np.float32)) for values in (train, test)
    )  # type: ignore[return-value]


def _classes_of(targets: NDArray[Any]) -> int:
    return int(targets.max()) + 1 if np.issubdtype(targets.dtype, np.integer) else 0


def _one_hot(labels: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(labels, classes).float()


# --- sources --------------------------------------------------------------------------------------
Arrays = tuple[NDArray[Any], NDArray[Any]]


def _bundled(reader: Callable[..., Any]) -> Callable[[], Arrays]:
    def read() -> Arrays:
        x, y = reader(return_X_y=True)
        return np.asarray(x, np.float64), np.asarray(y)

    return read


def _moons() -> Arrays:
    x, y = datasets.make_moons(1000, noise=0.15, random_state=0)
    return x, y.astype(np.int64)


def _rings() -> Arrays:
    x, y = datasets.make_circles(1000, noise=0.08, factor=0.5, random_state=0)
    return x, y.astype(np.int64)


def _spirals() -> Arrays:
    random = np.random.default_rng(0)
    y = np.arange(999) % 3
    radius = np.sqrt(random.uniform(0.02, 1, len(y)))
    angle = 2 * np.pi * (radius + y / 3) + 0.1 * random.standard_normal(len(y))
    return radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), 1), y.astype(np.int64)


def _xor() -> Arrays:
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def _gaussians() -> Arrays:
    random = np.random.default_rng(0)
    y = np.arange(1000) % 4
    corners = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
    return 1.5 * corners[y] + random.standard_normal((len(y), 2)), y.astype(np.int64)


def _fashion_mnist() -> Arrays:
    """10,000 of the 60,000 training images, 28 x 28."""
    if not FASHION_MNIST.is_dir():
        raise UsageError(
            f"Fashion-MNIST is not installed: {FASHION_MNIST} does not exist. "
            "On Debian and Ubuntu: apt install dataset-fashion-mnist."
        )
    with gzip.open(FASHION_MNIST / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(FASHION_MNIST / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images[:10_000].astype(np.float64), labels[:10_000].astype(np.int64)


def data_version() -> str:
    """What the bundled and installed data are: changes when they do."""
    files = sorted(FASHION_MNIST.glob("*"))
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"scikit-learn {sklearn.__version__}, Fashion-MNIST {stats}"


DATA = MappingProxyType[str, Callable[[], Arrays]](
    {
        "digits": _bundled(datasets.load_digits),
        "iris": _bundled(datasets.load_iris),
        "wine": _bundled(datasets.load_wine),
        "breast_cancer": _bundled(datasets.load_breast_cancer),
        "diabetes": _bundled(datasets.load_diabetes),
        "moons": _moons,
        "rings": _rings,
        "spirals": _spirals,
        "xor": _xor,
        "gaussians": _gaussians,
        "fashion_mnist": _fashion_mnist,
    }
)
"""By name: functions that return inputs and targets (integers are classes) as NumPy arrays."""
