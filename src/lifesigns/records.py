"""What lifesigns knows about a training run, as frozen dataclasses over NumPy.

The words, each with one meaning:

- A *site* is one place where a value is produced, named `(module path, operation, call index)`,
  written `encoder.0:relu#1`. A *unit* is a neuron or a channel at a site.
- A *graph* holds the sites of one training step and the dataflow between them.
- A *snapshot* is what the recorder saw in one step; a *trace* is a run's snapshots in order, with
  the loss of every step.
- A *finding* is what a rule concludes from a trace.

Nothing here imports torch: a record can be written by hand in a test, read from a run file, or made
by the recorder, and a rule cannot tell the difference. Records go to JSON and back without loss
(`to_json`, `from_json`).
"""

from __future__ import annotations

import base64
import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1
"""Version of the records' form; run files and JSON reports carry it."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shape = tuple[int, ...]
T = TypeVar("T")


class Kind(str, Enum):
    """What a site does, as far as learning is concerned."""

    LINEAR = "linear"
    CONVOLUTION = "convolution"
    RECURRENT = "recurrent"
    NORM = "norm"
    ACTIVATION = "activation"
    SOFTMAX = "softmax"
    DROPOUT = "dropout"
    ATTENTION = "attention"
    EMBEDDING = "embedding"
    POOLING = "pooling"
    LOSS = "loss"
    OTHER = "other"
    """A non-linear operation without a name of its own here (pow, log, a product of two values)."""
    OPAQUE = "opaque"
    """A node whose inside is not seen (custom function, compiled or scripted code)."""


WEIGHTED = frozenset({Kind.LINEAR, Kind.CONVOLUTION, Kind.RECURRENT})
"""Kinds that multiply by a weight; what lies between two of them decides what they can express."""


class Severity(str, Enum):
    """How much a finding matters; `note` is never an alarm."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, eq=False)
class UnitSums:
    """Sums over all observations of each unit; every field has shape `[units]`.

    Non-finite values are counted in `nonfinite` and left out of everything else, `count` included.
    """

    count: Ints
    total: Floats
    total_squared: Floats
    active: Ints
    """Observations different from zero (an activation's output, a gradient)."""
    saturated: Ints
    """Observations where the derivative factor was below 1 % of its maximum."""
    minimum: Floats
    maximum: Floats
    nonfinite: Ints

    @classmethod
    def of(cls, values: NDArray[Any], saturated: NDArray[np.bool_] | None = None) -> UnitSums:
        """The sums of `values` (shape `[observations, units]`), computed the obvious way."""
        values = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(values)
        kept = np.where(finite, values, 0.0)
        squashed = np.zeros(values.shape, bool) if saturated is None else saturated
        return cls(
            count=finite.sum(0),
            total=kept.sum(0),
            total_squared=(kept**2).sum(0),
            active=(kept != 0).sum(0),
            saturated=(squashed & finite).sum(0),
            minimum=np.where(finite, values, np.inf).min(0, initial=np.inf),
            maximum=np.where(finite, values, -np.inf).max(0, initial=-np.inf),
            nonfinite=(~finite).sum(0),
        )

    def merge(self, other: UnitSums) -> UnitSums:
        """The sums of both sets of observations together (across steps, micro-batches, ranks)."""
        low, high = ("minimum", "maximum")
        merged = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in dataclasses.fields(self)
            if f.name not in (low, high)
        }
        merged[low] = np.minimum(self.minimum, other.minimum)
        merged[high] = np.maximum(self.maximum, other.maximum)
        return UnitSums(**merged)

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.count)

    @property
    def mean(self) -> Floats:
        """Mean of each unit; NaN where nothing finite was observed."""
        return _ratio(self.total, self.count)

    @property
    def mean_square(self) -> Floats:
        """Mean of the squares of each unit."""
        return _ratio(self.total_squared, self.count)

    @property
    def variance(self) -> Floats:
        """Population variance of each unit (float32 sums: meaningless far below mean² · 1e-7)."""
        spread: Floats = np.maximum(self.mean_square - self.mean**2, 0.0)
        return spread

    @property
    def rms(self) -> float:
        """Root mean square over all units and observations."""
        return float(np.sqrt(_ratio(self.total_squared.sum(), self.count.sum())))

    @property
    def spread(self) -> Floats:
        """Range (maximum minus minimum) of each unit; 0 for a constant or unobserved unit."""
        seen = self.count > 0
        with np.errstate(invalid="ignore"):
            spread: Floats = np.where(seen, self.maximum - self.minimum, 0.0)
        return spread

    @property
    def active_share(self) -> Floats:
        """Share of observations different from zero, per unit."""
        return _ratio(self.active, self.count)

    @property
    def saturated_share(self) -> Floats:
        """Share of observations in saturation, per unit."""
        return _ratio(self.saturated, self.count)


@dataclass(frozen=True)
class Site:
    """One place where a value is produced."""

    module: str
    """Path of the innermost module it ran in, empty for the root or where none is known."""
    operation: str
    """What ran, in torch's words: `linear`, `conv2d`, `relu`, `log_softmax`, `mse_loss`."""
    call: int
    """Which call of this operation in this module, counted from 0 in forward order."""
    kind: Kind
    shape: Shape
    """Shape of the value produced, batch dimension included; empty if unknown or 0-d."""
    unit_dim: int = -1
    """The dimension of `shape` that holds the units."""
    parameters: tuple[str, ...] = ()
    """Names of the parameters this site multiplies by or adds (weight first, then bias)."""
    fan_in: int = 0
    fan_out: int = 0
    details: Mapping[str, float] = field(default_factory=dict)
    """The operation's own constants, e.g. `negative_slope`, `minimum`, `maximum`, `dim`."""

    @property
    def name(self) -> str:
        """`module:operation#call`, the name reports use."""
        return f"{self.module}:{self.operation}#{self.call}"

    @property
    def units(self) -> int:
        """Number of units; a value per sample (shape `[batch]`) is one unit."""
        return self.shape[self.unit_dim] if len(self.shape) > 1 else 1


@dataclass(frozen=True)
class Graph:
    """The sites of one step, in forward order, and the dataflow between them.

    An edge `(a, b)` says that the value of site `a` reaches site `b` through nothing but
    transparent operations (views, casts, additions, constant factors).
    """

    sites: tuple[Site, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()

    def successors(self, index: int) -> tuple[int, ...]:
        """Sites that read the value of site `index`."""
        return self._links[1].get(index, ())

    def predecessors(self, index: int) -> tuple[int, ...]:
        """Sites whose value site `index` reads."""
        return self._links[0].get(index, ())

    def downstream(self, index: int) -> Iterator[int]:
        """All sites the value of `index` flows into, nearest first, each once."""
        return self._closure(index, self.successors)

    def upstream(self, index: int) -> Iterator[int]:
        """All sites that flow into `index`, nearest first, each once."""
        return self._closure(index, self.predecessors)

    def find(self, name: str) -> int:
        """Index of the site called `name`; KeyError if there is none."""
        return self._index[name]

    def of_kind(self, *kinds: Kind) -> list[int]:
        """Indices of the sites of the given kinds, in forward order."""
        return [i for i, site in enumerate(self.sites) if site.kind in kinds]

    @staticmethod
    def _closure(start: int, step: typing.Callable[[int], tuple[int, ...]]) -> Iterator[int]:
        seen, queue = {start}, [start]
        while queue:
            for index in step(queue.pop(0)):
                if index not in seen:
                    seen.add(index)
                    queue.append(index)
                    yield index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {site.name: i for i, site in enumerate(self.sites)}

    @cached_property
    def _links(self) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
        before: dict[int, tuple[int, ...]] = {}
        after: dict[int, tuple[int, ...]] = {}
        for a, b in self.edges:
            after[a] = (*after.get(a, ()), b)
            before[b] = (*before.get(b, ()), a)
        return before, after


@dataclass(frozen=True, eq=False)
class SiteReading:
    """What was measured at one site in one step. A field is None where it could not be seen."""

    site: int
    """Index into the graph's sites."""
    value: UnitSums | None = None
    """The activation's output; for a linear map, a loss or another site, its *input* as saved."""
    output_gradient: UnitSums | None = None
    """Gradient of the loss with respect to the site's output (what arrives from above)."""
    input_gradient: UnitSums | None = None
    """Gradient with respect to its input (what is passed on). `saturated` counts observations
    where the measured factor input/output gradient was below 1 % of the function's maximum."""

    @property
    def derivative_factor(self) -> float:
        """Measured σ′: RMS of the gradient passed on over RMS of the gradient that arrived."""
        if self.output_gradient is None or self.input_gradient is None:
            return float("nan")
        arrived = self.output_gradient.rms
        return self.input_gradient.rms / arrived if arrived > 0 else float("nan")


@dataclass(frozen=True)
class ParameterReading:
    """One parameter in one step; RMS values are per element, NaN where not measured."""

    name: str
    shape: Shape
    trainable: bool = True
    reached: bool = True
    """Whether the loss's graph leads to it."""
    optimized: bool = True
    """Whether some optimizer holds it (True as long as no optimizer is known)."""
    learning_rate: float = float("nan")
    weight_rms: float = float("nan")
    gradient_rms: float = float("nan")
    """Loss scaling and accumulation factors undone. NaN if there was no gradient at all."""
    update_rms: float = float("nan")
    """Change made by the optimizer, on a sample of at most 65,536 elements."""
    gradient_is_zero: bool = False
    """Every element of the gradient is exactly 0."""
    nonfinite_weights: int = 0
    nonfinite_gradients: int = 0
    distinct_weight_rows: int = -1
    """How many different rows (units) the weight has, to 1e-6 of its scale; -1 if not a matrix."""
    distinct_gradient_rows: int = -1
    sign_coherence: float = float("nan")
    """Mean over units of |Σ g| / Σ |g|: 1 when each unit's gradient has a single sign."""

    @property
    def update_ratio(self) -> float:
        """Size of the update relative to the weight; about 1e-3 is healthy (Karpathy)."""
        return self.update_rms / self.weight_rms if self.weight_rms > 0 else float("nan")


@dataclass(frozen=True, eq=False)
class TargetReading:
    """The targets of one step, as sums that merge across steps."""

    shape: Shape
    """Shape before any broadcasting."""
    is_index: bool
    """Class indices (integers for `nll_loss` or `cross_entropy`) rather than values."""
    sums: UnitSums
    """Per output unit for values; a single unit for class indices."""
    integer_valued: bool = False
    class_counts: Ints | None = None
    """How often each class occurs: for class indices (index = class) and for one-hot rows."""

    @property
    def one_hot(self) -> bool:
        """Rows of zeros with a single one."""
        return not self.is_index and self.class_counts is not None


@dataclass(frozen=True, eq=False)
class LossReading:
    """The loss that was trained on in one step, traced back to prediction and target."""

    value: float
    """As passed to `backward`, with loss scaling and accumulation factors undone."""
    kind: str = "other"
    """`cross_entropy`, `binary_cross_entropy`, `squared_error`, `absolute_error`, `huber`, or
    `other`. Hand-written forms carry the same word as torch's own."""
    operation: str = ""
    """The operation it was recognised by, e.g. `nll_loss`, `mse_loss`, `log`, `pow`."""
    handwritten: bool = False
    fit: float = float("nan")
    """The data term alone (without penalties), in the scale of `value`; NaN if unknown."""
    scale: float = float("nan")
    """`fit` = `scale` x mean loss per observation (an element for squared and absolute error and
    binary cross-entropy, a sample for cross-entropy): 1 for a mean, the count for a sum."""
    site: int = -1
    """Index of the loss's site in the graph, -1 if none."""
    input_shape: Shape = ()
    """Shape of what the loss compares, before broadcasting."""
    target_shape: Shape = ()
    compared_shape: Shape = ()
    """Shape after broadcasting: different from `input_shape` when the prediction was expanded."""
    ignored_all: bool = False
    """Every target was ignored (`ignore_index`, zero weights): the loss says nothing."""
    prediction: UnitSums | None = None
    """What the loss compares with the target, per output unit: logits, log-probabilities or values
    as the loss receives them."""
    target: TargetReading | None = None
    correlation: float = float("nan")
    """Pearson correlation of prediction and target over the batch, mean over output units."""

    @property
    def cross_broadcast(self) -> bool:
        """Every prediction was compared with every target: (N, 1) against (N) or (1, N)."""
        n = self.input_shape[0] if self.input_shape else 1
        return n > 1 and np.prod(self.compared_shape) == n * np.prod(self.input_shape)


@dataclass(frozen=True, eq=False)
class BatchReading:
    """A root module's first floating-point input in one step, per feature (channel for images)."""

    shape: Shape
    features: UnitSums

    @property
    def constant(self) -> Ints:
        """Indices of the features with one value for every sample of this batch."""
        return np.flatnonzero((self.features.spread == 0) & (self.features.count > 1))


@dataclass(frozen=True)
class NonFinite:
    """Where a NaN or infinity first appeared."""

    phase: str
    """`forward`, `backward`, `parameters` (already there before the step) or `batch`."""
    place: str
    """Site name, parameter name or `input`."""
    operation: str
    """The operation whose inputs were finite and whose result was not, e.g. `log`, `exp`."""
    count: int
    input_minimum: float = float("nan")
    input_maximum: float = float("nan")


@dataclass(frozen=True)
class Coverage:
    """What the recorder did not see in a step, so that silence is not taken for health."""

    nodes: int = 0
    opaque: tuple[str, ...] = ()
    """Names of nodes whose inside is not seen."""
    hooked_saves: int = 0
    """Nodes whose saved tensors are packed away (checkpointing, `save_on_cpu`)."""
    unreadable: tuple[str, ...] = ()
    """Sites whose values could not be read, with the reason."""
    failures: tuple[str, ...] = ()
    """Failures of the recorder itself."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the recorder saw in one step (one backward pass of it)."""

    step: int
    """The cycle this belongs to: the number of completed optimizer steps before it."""
    graph: Graph
    stream: int = 0
    """Which loss of the cycle: 0 unless several different losses are trained in turn (a GAN)."""
    sites: tuple[SiteReading, ...] = ()
    parameters: tuple[ParameterReading, ...] = ()
    loss: LossReading | None = None
    batch: BatchReading | None = None
    nonfinite: NonFinite | None = None
    coverage: Coverage = field(default_factory=Coverage)
    reason: str = "scheduled"
    """Why it was recorded: `scheduled`, `non-finite` or `spike`."""

    def reading(self, site: int) -> SiteReading | None:
        """The reading at site index `site`, if there is one."""
        return self._readings.get(site)

    def parameter(self, name: str) -> ParameterReading | None:
        """The reading of the parameter called `name`, if there is one."""
        return next((p for p in self.parameters if p.name == name), None)

    @cached_property
    def _readings(self) -> dict[int, SiteReading]:
        return {reading.site: reading for reading in self.sites}


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The loss of every step, recorded or not; three arrays of equal length."""

    steps: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Floats = field(default_factory=lambda: np.zeros(0, np.float64))
    streams: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def stream(self, number: int = 0) -> Floats:
        """Values of one stream in order."""
        picked: Floats = self.values[self.streams == number]
        return picked

    @property
    def stream_count(self) -> int:
        """How many different losses were trained in turn."""
        return len(np.unique(self.streams))


@dataclass(frozen=True)
class Cost:
    """What watching cost, measured in this very run, in seconds of wall time."""

    watching: float = 0.0
    """Time spent inside lifesigns."""
    training: float = 0.0
    """Time from the first forward pass to the end, without `watching`."""

    @property
    def overhead(self) -> float:
        """Watching as a share of training; 0 before anything was trained."""
        return self.watching / self.training if self.training > 0 else 0.0


@dataclass(frozen=True)
class RunInfo:
    """Where a trace comes from."""

    command: str = ""
    started: str = ""
    """UTC, ISO 8601."""
    versions: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "running"
    """`running`, `finished`, `interrupted`, or `failed: <exception>`."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A run's snapshots in order, with the loss of every step."""

    snapshots: tuple[Snapshot, ...] = ()
    losses: LossCurve = field(default_factory=LossCurve)
    steps: int = 0
    """Completed cycles (every known optimizer has stepped), recorded or not."""
    optimizers: tuple[str, ...] = ()
    """Class names of the optimizers seen."""
    unseen: tuple[str, ...] = ()
    """What could not be watched at all, in sentences for the coverage line."""
    cost: Cost = field(default_factory=Cost)
    info: RunInfo = field(default_factory=RunInfo)

    @property
    def recorded_steps(self) -> int:
        """Number of different steps with at least one snapshot."""
        return len({snapshot.step for snapshot in self.snapshots})

    def stream(self, number: int = 0) -> tuple[Snapshot, ...]:
        """The snapshots of one loss."""
        return tuple(s for s in self.snapshots if s.stream == number)


@dataclass(frozen=True)
class Remedy:
    """One thing to do about a finding."""

    text: str
    code: str = ""
    """Python the user would write; empty if there is none to show."""


@dataclass(frozen=True)
class Finding:
    """Symptom, place, evidence, reason, remedies."""

    rule: str
    """The rule's name, e.g. `dead-units`."""
    code: str
    severity: Severity
    symptom: str
    """One line: what is wrong, with the numbers that matter."""
    site: str
    """Where: a site name, a parameter name, `input`, or `` for the whole run."""
    step: int
    """First step at which it was seen."""
    measured: str
    expected: str
    certainty: str
    why: str
    """Two sentences that teach."""
    causes: tuple[str, ...] = ()
    """Most probable first, in the words of the cause vocabulary."""
    remedies: tuple[Remedy, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)


# --- JSON in and out, without loss ---------------------------------------------------------------
_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def to_json(record: Any) -> Any:
    """A record as plain JSON values; arrays are packed little-endian in base64.

    Example:
        >>> to_json(Remedy("Lower the rate."))
        {'text': 'Lower the rate.', 'code': ''}
    """
    if dataclasses.is_dataclass(record):
        return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, np.ndarray):
        packed = np.ascontiguousarray(record).astype(record.dtype.newbyteorder("<"))
        data = base64.b64encode(packed.tobytes()).decode("ascii")
        return {"dtype": packed.dtype.str, "shape": list(packed.shape), "data": data}
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, float | np.floating):
        return float(record) if np.isfinite(record) else str(float(record))
    if isinstance(record, Mapping):
        return {key: to_json(value) for key, value in record.items()}
    if isinstance(record, tuple):
        return [to_json(item) for item in record]
    return record


def from_json(cls: type[T], data: Any) -> T:
    """The record of class `cls` that `to_json` turned into `data`.

    Fields this version does not know are left out; a missing one takes its default.

    Raises:
        TypeError: A field without a default is missing; the data was written by another version.
    """
    return typing.cast(T, _decode(cls, data))


def _decode(hint: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if data is None else _decode(inner, data)
    if origin is np.ndarray:
        flat = np.frombuffer(base64.b64decode(data["data"]), dtype=np.dtype(data["dtype"]))
        return flat.reshape(data["shape"]).astype(flat.dtype.newbyteorder("="))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return tuple(_decode(arguments[0], item) for item in data)
        return tuple(_decode(a, item) for a, item in zip(arguments, data, strict=True))
    if origin is not None:
        return {key: _decode(arguments[1], value) for key, value in data.items()}
    if dataclasses.is_dataclass(hint):
        hints = _hints(typing.cast(type, hint))
        return typing.cast(type, hint)(
            **{key: _decode(hints[key], value) for key, value in data.items() if key in hints}
        )
    if hint is float:
        return _SPECIAL[data] if isinstance(data, str) else float(data)
    return hint(data) if isinstance(hint, type) and issubclass(hint, Enum) else data


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _ratio(numerator: Any, denominator: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.asarray(np.true_divide(numerator, denominator), np.float64)
    return ratio
