"""A hinge that keeps the features of each sample apart, where samples may become one.

`relu(1 - std)` as in VICReg, with the deviation over the units of a layer and not over the batch.
"""

from __future__ import annotations

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.products import Product, parameter_of
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING, source
from lifesigns.record.loss.summands import Term, Terms, parts_of

HINGES = frozenset({"Clamp", "ClampMin", "Relu"})
MAPS = frozenset({"Addmm", "Mm"})
TURNING = frozenset({"Permute", "T", "Transpose"})
PICKED = PASSING | {"Diagonal", "Index", "MaskedSelect", "Select", "Slice"}
"""What hands on elements of a matrix, all or some of them."""


def hinged_features(walked: Walk, terms: Terms) -> dict[str, float]:
    """Whether a loss holds up the deviation over units, and has nothing that does over samples.

    Args:
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        The mark `hinged_features`, how many such hinges there are, and `hinged_units`, over how
        many units; none where a term is of another form than these hinges, squares of covariances
        and differences of two outputs, which all can be 0 with one embedding for all samples.
    """
    if terms.penalties or not HINGES.intersection(walked.names):
        return {}
    hinges, drawn = list[int](), 0
    for term in terms.found:
        if units := _units(walked, term):
            hinges.append(units)
        elif _draws_together(walked, term):
            drawn += 1
        elif not _is_of_covariances(walked, term):
            return {}
    if not hinges or not drawn:
        return {}
    return {"hinged_features": float(len(hinges)), "hinged_units": float(min(hinges))}


def _units(walked: Walk, term: Term) -> int:
    """Over how many units of a linear map a hinge holds up the deviation; 0 for any other term."""
    i = term.node
    if i < 0 or term.factor <= 0 or walked.names[i] not in HINGES:
        return 0
    least = saved(walked.nodes[i], "min")
    at = walked.inputs[i][0]
    if (walked.names[i] != "Relu" and least != 0) or at is None or at < 0:
        return 0
    parts = parts_of(walked, at, 1.0) if walked.names[at] in ("Rsub", "Sub", "Add") else None
    if not parts or len(parts) != 1 or parts[0][1] >= 0:
        return 0
    return _deviation(walked, parts[0][0])


def _deviation(walked: Walk, i: int) -> int:
    """Over how many units of a linear map this is a deviation."""
    if i >= 0 and walked.names[i] == "Sqrt":
        below = source(walked, i, PASSING | {"Add", "ClampMin", "Clamp"})
        i = -1 if below is None or walked.names[below] != "Var" else below
    if i < 0 or walked.names[i] not in ("Std", "Var"):
        return 0
    shape, dims = _shape_given(walked, i), saved(walked.nodes[i], "dim")
    along = [signed(dim) for dim in dims] if isinstance(dims, list | tuple) else []
    if len(shape) != 2 or along not in ([1], [-1]) or min(shape) < 2:
        return 0
    below = source(walked, i, PASSING - TURNING)
    if below is None or walked.names[below] not in MAPS or walked.shape(below) != shape:
        return 0
    made_by = Product(below, *walked.inputs[below][-2:])
    return shape[1] if parameter_of(walked, made_by) is not None else 0


def _shape_given(walked: Walk, i: int) -> tuple[int, ...]:
    below = walked.inputs[i][0]
    return () if below is None or below < 0 else tuple(walked.shape(below))


def _draws_together(walked: Walk, term: Term) -> bool:
    """Whether it is the square of the difference of two values that both have a gradient."""
    i = term.node
    if i < 0 or term.factor <= 0:
        return False
    at: int | None = i
    if walked.names[i] != "MseLoss":
        at = source(walked, i) if _is_square(walked, i) else None
        at = at if at is not None and walked.names[at] == "Sub" else None
    return at is not None and len(walked.inputs[at]) > 1 and None not in walked.inputs[at][:2]


def _is_square(walked: Walk, i: int) -> bool:
    inputs = walked.inputs[i]
    if walked.names[i] == "Pow":
        return bool(saved(walked.nodes[i], "exponent") == 2)
    return walked.names[i] == "Mul" and len(inputs) == 2 and inputs[0] == inputs[1] is not None


def _is_of_covariances(walked: Walk, term: Term) -> bool:
    """Whether it is made of squares of a product of two tables, or takes its diagonal off."""
    i = term.node
    if i < 0 or not _is_square(walked, i):
        return False
    at, diagonal = walked.inputs[i][0], False
    while at is not None and at >= 0 and walked.names[at] not in ("Bmm", "Mm"):
        diagonal = diagonal or walked.names[at] == "Diagonal"
        present = [j for j in walked.inputs[at] if j is not None]
        scaled = walked.names[at] in ("Div", "Mul") and len(present) == 1
        if not scaled and walked.names[at] not in PICKED:
            return False
        at = present[0]
    return at is not None and at >= 0 and (term.factor > 0 or diagonal)
