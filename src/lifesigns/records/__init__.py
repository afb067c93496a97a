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

from lifesigns.records.as_json import from_json, to_json
from lifesigns.records.evaluations import (
    Answers,
    EvaluationPass,
    OwnScale,
    Scales,
    own_scale,
    standardised,
)
from lifesigns.records.findings import Finding, Remedy, Severity, grouped
from lifesigns.records.graph import WEIGHTED, Graph, Kind, Site
from lifesigns.records.loaders import Loader, StoredData
from lifesigns.records.loads import LatestSizes, Load, OwnLoad, Rewind
from lifesigns.records.long_momentum import LongMomentum
from lifesigns.records.mixing import Mixing
from lifesigns.records.quantities import EVERYTHING, Quantity
from lifesigns.records.readings import (
    BatchReading,
    Coverage,
    Crossing,
    LossReading,
    NonFinite,
    ParameterReading,
    SiteReading,
    Snapshot,
    TargetReading,
    TokenReading,
)
from lifesigns.records.trace import POOLED, Cost, LossCurve, Plateau, RateCurve, RunInfo, Trace
from lifesigns.records.units import Floats, Ints, Shape, UnitSums

SCHEMA_VERSION = 2
"""Version of the records' form; run files and JSON reports carry it."""

__all__ = [
    "EVERYTHING",
    "POOLED",
    "SCHEMA_VERSION",
    "WEIGHTED",
    "Answers",
    "BatchReading",
    "Cost",
    "Coverage",
    "Crossing",
    "EvaluationPass",
    "Finding",
    "Floats",
    "Graph",
    "Ints",
    "Kind",
    "LatestSizes",
    "Load",
    "Loader",
    "LongMomentum",
    "LossCurve",
    "LossReading",
    "Mixing",
    "NonFinite",
    "OwnLoad",
    "OwnScale",
    "ParameterReading",
    "Plateau",
    "Quantity",
    "RateCurve",
    "Remedy",
    "Rewind",
    "RunInfo",
    "Scales",
    "Severity",
    "Shape",
    "Site",
    "SiteReading",
    "Snapshot",
    "StoredData",
    "TargetReading",
    "TokenReading",
    "Trace",
    "UnitSums",
    "from_json",
    "grouped",
    "own_scale",
    "standardised",
    "to_json",
]
