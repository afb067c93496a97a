"""Deep and narrow ReLU networks can be born dead: no input makes the output move."""

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Measurement, Result
from lifesigns.records import Floats
from lifesigns.report.figures import lines

WIDTH = 2
"""Of every hidden layer."""
PUBLISHED = {2: 0.0, 5: 0.49, 10: 0.885, 20: 0.991}
"""Share born dead by depth: the number of linear maps, one more than hidden layers."""
TOLERANCE = 0.03


def experiment(effort: Effort) -> Result:
    """Share of freshly drawn networks whose output is the same for every input."""
    draws = effort.of(20_000, 4_000)
    shares = {depth: _share_dead(depth, draws) for depth in PUBLISHED}
    rows = []
    measurements = []
    for depth, share in shares.items():
        error = 1.96 * float(np.sqrt(share * (1 - share) / draws))
        rows.append(
            {
                "layers": depth,
                "share born dead": share,
                "low": share - error,
                "high": share + error,
                "width": str(WIDTH),
            }
        )
        target = PUBLISHED[depth]
        measurements.append(
            Measurement(
                f"share born dead at depth {depth}",
                share,
                f"{target:g} ± {TOLERANCE:g}",
                abs(share - target) <= TOLERANCE,
                share - error,
                share + error,
            )
        )
    return Result(
        tuple(measurements),
        f"Of networks {WIDTH} wide and 10 deep {shares[10]:.1%} give the same output for every "
        f"input before any training, at depth 20 {shares[20]:.1%}. Once a whole layer is silent "
        "nothing behind it depends on the input, so depth multiplies the risk and width lowers it.",
        lines(
            rows,
            "layers",
            "share born dead",
            by="width",
            low="low",
            high="high",
            title="Networks born dead",
            subtitle=f"{draws:,} draws for each depth",
            points=True,
        ),
        seeds=draws,
    )


def _share_dead(depth: int, draws: int) -> float:
    random = np.random.default_rng(depth)
    x: Floats = random.uniform(-1, 1, (1, 200, 1))
    a = np.broadcast_to(x, (draws, 200, 1))
    fan_in = 1
    for _ in range(depth - 1):
        weight = random.standard_normal((draws, fan_in, WIDTH)) * np.sqrt(2 / fan_in)
        a = np.maximum(a @ weight, 0)
        fan_in = WIDTH
    spread = np.ptp(a, axis=1).max(1)
    return float((spread == 0).mean())


CLAIM = Claim(
    name="born-dead",
    sentences=(),
    text="ReLU networks can be born dead, the more probably the deeper they are.",
    source="Lu et al. 2019, Dying ReLU and Initialization",
    published="depth 2/5/10/20 at width 2: 0/.49/.885/.991",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
