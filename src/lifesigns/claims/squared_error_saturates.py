"""Under squared error the update carries σ′(z): confidently wrong units learn slowly."""

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import below, near
from lifesigns.claims._neuron import EPOCHS, GENTLE, RATE, SURE, Course, train
from lifesigns.report.figures import Spec, lines


def experiment(effort: Effort) -> Result:
    """Both starts under squared error; the course is exact, so there is nothing to shorten."""
    gentle, sure = train(GENTLE, "squared_error"), train(SURE, "squared_error")
    first_move = float(sure.outputs[0] - sure.outputs[1])
    rows = [
        {"epoch": epoch, "output (target 0)": float(output), "start": name}
        for name, course in (("0.82", gentle), ("0.98", sure))
        for epoch, output in enumerate(course.outputs)
    ]
    return Result(
        (
            near("output at the start, mildly wrong", gentle.outputs[0], 0.818, 0.001),
            near(f"after {EPOCHS} epochs", gentle.outputs[-1], 0.094, 0.001),
            near("output at the start, wrong and sure", sure.outputs[0], 0.982, 0.001),
            near(f"after {EPOCHS} epochs, wrong and sure", sure.outputs[-1], 0.203, 0.001),
            near("epochs to half, mildly wrong", gentle.half_time, 47, 0),
            near("epochs to half, wrong and sure", sure.half_time, 233, 0),
            below("first move, wrong and sure", first_move, 1e-4),
        ),
        f"The unit that starts at {sure.outputs[0]:.3f} is more wrong than the one at "
        f"{gentle.outputs[0]:.3f}, yet needs {sure.half_time} epochs to halve its output against "
        f"{gentle.half_time}. σ′ there is {sure.outputs[0] * (1 - sure.outputs[0]):.4f}, and every "
        f"update is multiplied by it: the first one moves the output by {first_move:.1e}.",
        lines(
            rows,
            "epoch",
            "output (target 0)",
            by="start",
            title="One sigmoid neuron under squared error",
            subtitle=f"η = {RATE}",
        ),
        (_factors(sure),),
    )


def _factors(course: Course) -> Spec:
    """The update's two factors and what they come to, epoch by epoch."""
    error = course.outputs
    factors = {
        "error a − y": error,
        "slope σ′(z)": error * (1 - error),
        "update of the bias, over η": course.gradients,
    }
    rows = [
        {"epoch": epoch, "value": float(value), "factor": name}
        for name, values in factors.items()
        for epoch, value in enumerate(values)
    ]
    return lines(
        rows,
        "epoch",
        "value",
        by="factor",
        title="σ′ in the update of the unit that is wrong and sure",
        subtitle="the error is largest where the slope is smallest",
    )


CLAIM = Claim(
    name="squared-error-saturates",
    sentences=("squared-error-slow",),
    text="Under squared error a sigmoid unit that is wrong and sure learns very slowly at first.",
    source="textbook; M. Nielsen, Neural Networks and Deep Learning, chapter 3",
    published=".818 to .094 and .982 to .203 in 300 epochs at η = .15, about 150 of them flat",
    kind=Kind.DETERMINISTIC,
    experiment=experiment,
)
