"""What was measured in one step, and the snapshot that holds it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lifesigns.records.graph import Graph
from lifesigns.records.mixing import Mixing
from lifesigns.records.quantities import Quantity
from lifesigns.records.units import Floats, Ints, Shape, UnitSums


@dataclass(frozen=True, eq=False)
class SiteReading:
    """What was measured at one site in one step. A field is None where it could not be seen.

    Only activations, softmaxes and operations of kind `OTHER` are read. What a linear map, a
    convolution or a normalisation receives is the value of the activation before it, or the batch;
    what the loss compares is in `LossReading`.
    """

    site: int
    """Index into the graph's sites."""
    value: UnitSums | None = None
    """The output of an activation or softmax, or of a division of a value by its own length."""
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
    replaced: bool = False
    """Whether another parameter had this name in an earlier recorded step."""
    held_twice: bool = False
    """Whether two optimizers hold it that step side by side."""
    ungraded: bool = False
    """Whether its module ran with gradients switched off; read of what the loss does not reach."""
    checkpointed: bool = False
    """Whether that was within a reentrant checkpoint."""
    in_vain: bool = False
    """Whether the optimizer that holds it holds nothing that was trained; read of what no graph
    contained."""
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
    """How many different rows (units) the weight has, to 1e-5 of its scale; -1 if not a matrix."""
    distinct_gradient_rows: int = -1
    sign_coherence: float = float("nan")
    """Mean over units of |Σ g| / Σ |g|: 1 when each unit's gradient has a single sign."""
    stale_gradient_rms: float = float("nan")
    """Of the gradient the optimizer used, the part that was there before this cycle's first
    backward pass: 0 after `zero_grad`. Per element, on the sample of `update_rms`."""
    discarded_passes: int = 0
    """Backward passes of this cycle whose gradient was cleared before any step had used it, the
    weight being the same. Not those of a cycle whose step used anything but the last gradient."""
    used_gradient_rms: float = float("nan")
    """Of the gradient as the optimizer used it, which may have been clipped. Read where the losses
    were scaled, or several added up, on the sample of `update_rms`; nothing is undone."""
    lost_updates: float = float("nan")
    """Of the elements with a gradient, the share that the step left as they were, to the bit:
    lost to rounding. Read for parameters of 16 bits, on the sample of `update_rms`."""
    resolution: float = float("nan")
    """Distance of 1 to the next larger number of the parameter's dtype: 1.2e-7 for float32."""
    predicted_change: float = float("nan")
    """gᵀΔw: the change of the loss along this update to first order, in the loss's unit."""
    shards: int = 1
    """Over how many processes it is spread; its numbers and `shape` are those of the part here."""

    @property
    def update_ratio(self) -> float:
        """Size of the update relative to the weight; about 1e-3 is healthy (Karpathy)."""
        return self.update_rms / self.weight_rms if self.weight_rms > 0 else float("nan")

    @property
    def descent_cosine(self) -> float:
        """Cosine of the update and the negative gradient: 1 for plain descent, -1 for ascent."""
        lengths = self.gradient_rms * self.update_rms * float(np.prod(self.shape))
        return -self.predicted_change / lengths if lengths > 0 else float("nan")


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
    class_weights: Floats | None = None
    """What the loss multiplies each class by; None if it treats them alike."""
    entropy: float = float("nan")
    """Of the samples' own targets, where these are distributions: mean of -Σ y log y."""
    quantiles: Floats | None = None
    """Equally likely values of each unit, shape `[any, units]`, where the loss needs a median."""
    places: UnitSums | None = None
    """The same at each place of an image, over the batch: its units are places and channels, all or
    evenly spaced ones."""
    left_out: UnitSums | None = None
    """Targets, or classes as numbers, that a mask or an ignored index leaves out, as one unit; None
    if all count."""

    @property
    def one_hot(self) -> bool:
        """Rows of zeros with a single one."""
        return not self.is_index and self.class_counts is not None


@dataclass(frozen=True)
class Crossing:
    """N values that met N others, so that N² pairs of them went on to the loss."""

    operation: str
    given: Shape
    other: Shape
    result: Shape


@dataclass(frozen=True, eq=False)
class LossReading:
    """The loss that was trained on in one step, traced back to prediction and target."""

    value: float
    """As passed to `backward`, with loss scaling and accumulation factors undone."""
    kind: str = "other"
    """A kind of `functions.losses.OPERATIONS`, such as `cross_entropy`, `squared_error` or
    `kl_divergence`; `hinge`, or `other`. Hand-written forms carry the same word as torch's own."""
    operation: str = ""
    """The operation it was recognised by, e.g. `nll_loss`, `mse_loss`, `log`, `pow`."""
    handwritten: bool = False
    fit: float = float("nan")
    """The data term alone (without penalties), in the scale of `value`; NaN if unknown."""
    scale: float = float("nan")
    """`fit` = `scale` x mean loss per observation (an element for squared and absolute error and
    binary cross-entropy, a sample for cross-entropy and whatever compares rows): 1 for a mean, the
    count for a sum."""
    site: int = -1
    """Index of the loss's site in the graph, -1 if none."""
    input_shape: Shape = ()
    """Shape of what the loss compares, before broadcasting."""
    target_shape: Shape = ()
    compared_shape: Shape = ()
    """Shape after broadcasting: different from `input_shape` when the prediction was expanded."""
    ignored_all: bool = False
    """Every target was ignored (`ignore_index`, zero weights, sequences that cannot be aligned):
    the loss says nothing."""
    prediction: UnitSums | None = None
    """What the loss compares with the target, per output unit: logits, log-probabilities or values
    as the loss receives them."""
    target: TargetReading | None = None
    correlation: float = float("nan")
    """Pearson correlation of prediction and target over the batch, mean over output units; of the
    probabilities, where the loss takes logits."""
    details: Mapping[str, float] = field(default_factory=dict)
    """The loss's own constants: `delta`, `margin`, `pos_weight`, `smoothing`."""
    constant: float = float("nan")
    """Mean loss per observation of the best constant prediction on this step's targets, where the
    sums of the targets do not tell it."""
    places: UnitSums | None = None
    """The predictions at the places of `TargetReading.places`."""
    others: tuple[LossReading, ...] = ()
    """The further data terms of a sum, each read like a loss of its own."""
    penalised: bool = False
    """Whether the sum has terms that are no comparison with targets, but depend on what the network
    makes of its input."""
    paired: bool = False
    """Whether the prediction was given another shape on its way from the network to the loss, by
    `unsqueeze` or a transposition, as all pairs are made on purpose."""
    crossing: Crossing | None = None
    """Where, in a loss written by hand, values met others of another shape."""

    @property
    def penalty(self) -> float:
        """What is left of the loss without its data terms."""
        return self.value - self.fit - sum(other.fit for other in self.others)

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
        return np.flatnonzero((self.features.span == 0) & (self.features.count > 1))


@dataclass(frozen=True)
class TokenReading:
    """A root module's first input in one step, where it is numbers to look up in a table."""

    shape: Shape
    table: int
    """Rows of the table."""
    lowest: int
    highest: int
    two: bool
    """Whether there is none but these two, or this one."""

    def merge(self, other: TokenReading) -> TokenReading:
        """The tokens of both steps together (or micro-batches, or ranks).

        Args:
            other: Of another step, with the shape of which nothing is done.
        """
        lowest, highest = min(self.lowest, other.lowest), max(self.highest, other.highest)
        ends = {self.lowest, self.highest, other.lowest, other.highest}
        two = self.two and other.two and ends <= {lowest, highest}
        return TokenReading(self.shape, self.table, lowest, highest, two)


@dataclass(frozen=True)
class NonFinite:
    """Where a NaN or infinity first appeared."""

    phase: str
    """`forward`, `backward`, `parameters` (already there before the step), `batch`, or `data`: what
    an operation is given beside what the network computed, such as targets."""
    place: str
    """Site name, parameter name or `input`."""
    operation: str
    """The operation whose inputs were finite and whose result was not, e.g. `log`, `exp`."""
    count: int
    input_minimum: float = float("nan")
    input_maximum: float = float("nan")
    masked_rows: int = 0
    """Of a softmax: rows of which a mask left nothing, so that all scores in them are -inf."""


@dataclass(frozen=True)
class Coverage:
    """What the recorder did not see in a step, so that silence is not taken for health."""

    nodes: int = 0
    opaque: tuple[str, ...] = ()
    """Names of nodes whose inside is not seen."""
    hooked_saves: int = 0
    """Nodes whose saved tensors are packed away (checkpointing, `save_on_cpu`)."""
    repeated: int = 0
    """Calls of compiled code whose layers were read in an eager repetition of the step."""
    unreadable: tuple[str, ...] = ()
    """Sites whose values could not be read, with the reason."""
    failures: tuple[str, ...] = ()
    """Failures of the recorder itself."""
    unmeasured: tuple[Quantity, ...] = ()
    """What was left out on purpose: no rule that was asked when it was recorded needs it."""


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
    tokens: TokenReading | None = None
    nonfinite: NonFinite | None = None
    evaluating: tuple[str, ...] = ()
    """Modules that ran in evaluation mode although this step trains: those that behave otherwise
    in training (dropout, batch normalisation), and roots (a root by its own path, mostly empty)."""
    mixing: Mixing | None = None
    """What one output depends on; read in one or two steps of a run."""
    coverage: Coverage = field(default_factory=Coverage)
    reason: str = "scheduled"
    """Why it was recorded: `scheduled`, `non-finite` or `spike`."""

    @property
    def is_notable(self) -> bool:
        """Recorded for a reason, or with a proof or a value not finite: a long run keeps it."""
        is_odd = self.reason != "scheduled" or self.nonfinite is not None
        return is_odd or self.mixing is not None

    def reading(self, site: int) -> SiteReading | None:
        """The reading at site index `site`, if there is one.

        Args:
            site: A position in `graph.sites`.

        Returns:
            None where the site was not measured in this step.
        """
        return self._readings.get(site)

    def reading_of(self, name: str) -> SiteReading | None:
        """The reading at the site called `name`, if there is one in this recording."""
        return self.reading(self.graph.find(name)) if name in self.graph else None

    def parameter(self, name: str) -> ParameterReading | None:
        """The reading of the parameter called `name`, if there is one.

        Args:
            name: As in `named_parameters()`.

        Returns:
            None where the parameter was not measured in this step.
        """
        return self._parameters.get(name)

    @cached_property
    def _readings(self) -> dict[int, SiteReading]:
        return {reading.site: reading for reading in self.sites}

    @cached_property
    def _parameters(self) -> dict[str, ParameterReading]:
        return {reading.name: reading for reading in reversed(self.parameters)}
