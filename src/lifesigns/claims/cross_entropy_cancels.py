"""Under cross-entropy σ′ cancels, and the update follows the error."""

import numpy as np
import torch

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, below, near
from lifesigns.claims._neuron import GENTLE, RATE, SURE, train
from lifesigns.report.figures import lines


def experiment(effort: Effort) -> Result:
    """The same neuron under both losses, and ∂C/∂z against autograd."""
    courses = {
        (loss, start): train(start, loss)
        for loss in ("squared_error", "cross_entropy")
        for start in (GENTLE, SURE)
    }
    slow, fast = courses["squared_error", SURE], courses["cross_entropy", SURE]
    moves = [course.outputs[0] - course.outputs[1] for course in (slow, fast)]
    rows = [
        {"epoch": epoch, "output (target 0)": float(output), "loss": loss.replace("_", " ")}
        for (loss, start), course in courses.items()
        if start == SURE
        for epoch, output in enumerate(course.outputs)
    ]
    return Result(
        (
            near("epochs to half, mildly wrong", courses["cross_entropy", GENTLE].half_time, 10, 0),
            near("epochs to half, wrong and sure", fast.half_time, 17, 0),
            near("the same under squared error", slow.half_time, 233, 0),
            near("∂C/∂z at the start, wrong and sure", fast.gradients[0], 0.982, 0.001),
            near("∂C/∂z at the start under squared error", slow.gradients[0], 0.0173, 0.0001),
            above("first move against that of squared error", moves[1] / moves[0], 60),
            below("largest |∂C/∂z - (a - y)| against autograd", _derivative_error(), 1e-12),
        ),
        f"With cross-entropy the same neuron at the same rate halves its output in "
        f"{fast.half_time} epochs instead of {slow.half_time}. Its gradient with respect to z is "
        f"a − y = {fast.gradients[0]:.3f} where squared error leaves {slow.gradients[0]:.4f}, so "
        f"the first move is {moves[1] / moves[0]:.0f} times as large.",
        lines(
            rows,
            "epoch",
            "output (target 0)",
            by="loss",
            title="A confidently wrong neuron under both losses",
            subtitle=f"start (2, 2), η = {RATE}",
        ),
    )


def _derivative_error() -> float:
    z = torch.linspace(-8, 8, 161, dtype=torch.float64, requires_grad=True)
    worst = 0.0
    for target in (0.0, 0.3, 1.0):
        y = torch.full_like(z, target)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, z)
        rest = gradient.numpy() - (1 / (1 + np.exp(-z.detach().numpy())) - target)
        worst = max(worst, float(np.abs(rest).max()))
    return worst


CLAIM = Claim(
    name="cross-entropy-cancels",
    sentences=("cross-entropy-fast",),
    text="Under cross-entropy σ′ cancels: the update is proportional to the error.",
    source="textbook; M. Nielsen, Neural Networks and Deep Learning, chapter 3",
    published="47 and 233 epochs to half under squared error, 10 and 17 under cross-entropy",
    kind=Kind.DETERMINISTIC,
    experiment=experiment,
    correction="A popular web demonstration prints ∂C/∂z = 1/(1 − a) for the target 0; that is "
    "∂C/∂a. With respect to z it is a(1 − a) / (1 − a) = a, which stays below 1.",
)
