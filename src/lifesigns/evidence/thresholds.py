"""The numbers that several rules compare with, each once, with its unit and its source.

A number that one rule alone compares with stands in that rule's file. Steps are completed training
steps; a *share of the baseline learned* is `Course.gain`: 0 is as good as a constant
prediction, 1 a perfect fit.
"""

from __future__ import annotations


class Threshold(float):
    """A number to compare with, that knows what it means and where it comes from.

    It is a `float`, so that a condition reads like its sentence on the manual page.

    Args:
        value: The number.
        meaning: What is counted or compared, the unit first: `share of a layer that alarms`.
        source: Who found this number and where, or the arithmetic or statistics it comes from;
            `CALIBRATED` if `scripts/calibrate` shows how programs lie around it.

    Example:
        >>> LIMIT = Threshold(1.0, "update relative to the weight it changes", "CS231n")
        >>> 1.5 > LIMIT, f"below {LIMIT:g}", LIMIT.meaning
        (True, 'below 1', 'update relative to the weight it changes')
    """

    meaning: str
    source: str

    def __new__(cls, value: float, meaning: str, source: str) -> Threshold:
        """The number, with its meaning and source."""
        made = super().__new__(cls, value)
        made.meaning, made.source = meaning, source
        return made

    def __getnewargs__(self) -> tuple[float, str, str]:  # type: ignore[override]
        return float(self), self.meaning, self.source

    def __repr__(self) -> str:
        return f"Threshold({float(self):g}, {self.meaning!r}, {self.source!r})"


CALIBRATED = "calibrated, see docs/calibration.md"
"""Where our programs told the number, and how they are distributed around it."""

# --- steps ----------------------------------------------------------------------------------------
JUDGED = Threshold(20, "steps before anything is said about the course of a loss", CALIBRATED)
ENOUGH_STEPS = Threshold(40, "steps from which a weak fit says something", CALIBRATED)
SURE_STEPS = Threshold(
    100, "steps from which a fit no better than a constant is an error", CALIBRATED
)
PATIENCE = Threshold(
    250, "steps that a healthy network may rest at the level of a constant", CALIBRATED
)

# --- the fit --------------------------------------------------------------------------------------
RESOLVED = Threshold(
    0.002,
    "share of the baseline learned, or of its standard error, that can be told from none",
    CALIBRATED,
)
NOTHING = Threshold(0.02, "share of the baseline learned that is more than nothing", CALIBRATED)
LEARNED = Threshold(
    0.05, "share of the baseline learned, or of a loss, that is more than noise", CALIBRATED
)
WEAK = Threshold(0.2, "share of the baseline learned below which a fit is weak", CALIBRATED)
HALF = Threshold(0.5, "share of the baseline learned that excuses an odd output", CALIBRATED)
FALLING = Threshold(4.0, "standard errors of the slope called falling", "p < 1e-4")
STEADY = Threshold(
    10.0,
    "standard errors of the slope of a fall without a break",
    f"{CALIBRATED}: only a loss without batch noise, or a steep one, reaches it",
)
ROSE = Threshold(2.0, "end over start of a loss that rose", CALIBRATED)
NOISE = Threshold(
    4,
    "times the median change from step to step, by which a change stands out",
    "arithmetic: 3.8 standard deviations of normal noise, whose median change is 0.95 of one",
)
SURE = Threshold(2, "standard errors by which a value must differ to count", "normal: p < 5 %")
BLURRED = Threshold(
    0.25,
    "two standard errors of the gain, beyond which it cannot be told from none",
    "a definition: a fit that explains a quarter and one that explains nothing look alike",
)
RELATED = Threshold(0.3, "correlation of prediction and target", "Cohen 1988: medium")
HARDLY_RELATED = Threshold(
    0.15,
    "correlation of prediction and target that is not nothing",
    "Cohen 1988: 0.1 is small, 0.3 is medium",
)
RANKS = Threshold(
    0.5,
    "correlation of prediction and target that makes a good classifier, whatever its loss",
    "Cohen 1988: large; a few confident errors can lift a cross-entropy above chance",
)
ALIVE = Threshold(
    1e-3, "deviation of the outputs over that of the targets by which they differ", CALIBRATED
)
ALIKE = Threshold(
    0.01,
    "deviation of the outputs over that of the targets that is no answer to the input",
    "arithmetic: the outputs have a ten-thousandth of the targets' variance",
)

HALF_PRECISION = Threshold(
    0.01,
    "size of the rounding of probabilities, or of their sum, in half precision",
    "arithmetic: bfloat16 has 8 significant bits, 0.4 % a rounding",
)

# --- sizes ----------------------------------------------------------------------------------------
RAW_INPUT = Threshold(30.0, "RMS of a feature over 1, or 1 over it, called unscaled", CALIBRATED)
RAW_TARGET = Threshold(30.0, "RMS of targets over that of outputs, called unscaled", CALIBRATED)
LARGE_WEIGHTS = Threshold(
    5.0, "weights' RMS times √fan-in called large", "Glorot & Bengio 2010: 1, He et al. 2015: 1.4"
)
LARGE_UPDATE = Threshold(0.1, "update over weights called large", "TheDeepChecker: below 1e-1")
USUAL_UPDATE = Threshold(
    1e-3, "update over weights called healthy", "A. Karpathy, CS231n: about 1e-3"
)
SMALL_UPDATE = Threshold(1e-4, "update over weights called small", "TheDeepChecker: from 1e-4")
LITTLE_TRAVEL = Threshold(
    0.2,
    "sum of update over weights, called a short way",
    CALIBRATED,
)
LARGE_SIGNAL = Threshold(
    10,
    "largest RMS over the input's",
    "ten times what Glorot & Bengio 2010 keep from layer to layer",
)
FADING_SIGNAL = Threshold(
    0.1,
    "deviation over inputs at the last layer over that at the first",
    "a tenth of what Glorot & Bengio 2010 keep from layer to layer",
)
FADED_SIGNAL = Threshold(
    0.01,
    "deviation over inputs at the last layer over that at the first, with a stalled loss",
    "torch's default leaves 0.41⁵ ≈ 0.01 after five ReLU layers, and those learn",
)
FADED_GRADIENT = Threshold(
    0.02,
    "first layer's gradient over the last one's",
    f"{CALIBRATED}: the loss is flat already (AutoTrainer alarms at 1e-3 without that), and of "
    "the programs that learn only Adam copes with less",
)

# --- units ----------------------------------------------------------------------------------------
SATURATED = Threshold(0.5, "share of what was seen on a flat end", "Nielsen (2015), ch. 3: most")
SILENT_LAYER = Threshold(0.9, "share of a layer's units that give 0", CALIBRATED)
DEAD_SHARE = Threshold(
    0.40,
    "share of a layer that alarms if the loss is stalled",
    "CS231n, Neural Networks Part 1: 'as much as 40% of your network can be dead'",
)
SURE_SAMPLES = Threshold(
    60,
    "samples needed before anything but a note",
    "3/60 = 5 %: rule of three at 95 % (Hanley & Lippman-Hand 1983)",
)
HEAVY_DROPOUT = Threshold(
    0.75,
    "probability of dropout that hides the signal",
    "Srivastava et al. 2014: 0.5 within, 0.2 at the input; the noise is 1.7 times the signal",
)
FITTED = Threshold(0.9, "share of the baseline learned from which little is left to do", CALIBRATED)
SQUASHING = Threshold(0.5, "derivative factor called squashing", "sigmoid: at most 0.25; tanh: 1")
LAYERS = Threshold(3, "weighted layers needed to speak of depth", "definition")
