"""What rules ask of a run, each question answered once.

A rule is handed a `Stream`: the snapshots and losses of one loss, its `course` (did it learn?), and
what is measured over them. The modules hold the questions:

- `stream`: `Run` and `Stream`, the view of a run; `course`: what the loss did.
- `signal` and `gradients`: forwards and backwards, layer by layer; `sites`: one place over steps.
- `output`: what shapes the output before the loss reads it; `blocked`: where a gradient stops.
- `shares`: how much of a run was recorded, and how far what was counted over samples may be off.
- `suspects`: what may be behind a loss that does not fall; `flat`: whether it is one.
- `thresholds`: the numbers that several rules compare with; `numbers`: all there are, and what they
  are compared with; `constant`, `blocks`, `scales`, `thinning`: what these are made of.

Like rules it knows `records` and the facts in `functions`: no torch, no files.
"""

from lifesigns.evidence.course import Course
from lifesigns.evidence.stream import Run, Stream
from lifesigns.evidence.thresholds import Threshold

__all__ = ["Course", "Run", "Stream", "Threshold"]
