"""Reductions as one C program, compiled where it runs: one pass, whatever is asked of a tensor.

torch's operations make a pass for each sum, and pay for a call each. Where there is no program (no
compiler, another device) they do the work, and the numbers are the same to one rounding.
"""

from lifesigns.record.measure.kernel.building import program
from lifesigns.record.measure.kernel.layout import layout
from lifesigns.record.measure.kernel.program import (
    FIELDS,
    LESSENED,
    MARKED,
    NOWHERE,
    NUMBERS,
    ZERO,
    Form,
    Program,
    form,
    matrix,
    reads,
    step,
)

__all__ = [
    "FIELDS", "LESSENED", "MARKED", "NOWHERE", "NUMBERS", "ZERO", "Form", "Program", "form",
    "layout", "matrix", "program", "reads", "step",
]  # fmt: skip
