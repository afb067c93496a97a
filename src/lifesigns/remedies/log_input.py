"""log-input: logarithms for a loss that takes them, or the word that it is not given any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from lifesigns.evidence.output import is_normalised
from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._training import loss_called, loss_named
from lifesigns.remedies.testing import case

CLASSES = {"ctc_loss": -1, "kl_div": -1, "nll_loss": 1}
"""By the loss that takes log-probabilities: the dimension of the classes."""
RATES = "poisson_nll_loss"
"""The loss that takes logarithms of rates unless it is told otherwise."""
SMALLEST = 1e-12
"""Of a probability: float32 holds its logarithm and its gradient with ease."""
INPUTS = ("input", "log_probs")
"""How the first argument of these losses is called."""


@dataclass(frozen=True)
class LogInput(Edit):
    """The input of `loss` becomes log-probabilities; a likelihood of counts is told it is rates."""

    name: ClassVar[str] = "log-input"
    loss: str
    """A name in `torch.nn.functional`."""
    logits: bool = False
    """Whether the input is the network's raw output, not probabilities or rates."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name != self.loss:
                return NotImplemented
            function = getattr(F, name)
            if name == RATES:
                return function(*args[:2], **{**kwargs, "log_input": False})
            if args:
                return function(self._logarithm(args[0]), *args[1:], **kwargs)
            return function(
                **{k: self._logarithm(v) if k in INPUTS else v for k, v in kwargs.items()}
            )

        return Answering(answer)

    def _logarithm(self, given: Tensor) -> Tensor:
        if self.logits:
            return given.log_softmax(CLASSES[self.loss])
        return given.clamp_min(SMALLEST).log()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        if self.loss == RATES:
            call = one(loss_named(script, RATES), f"loss {RATES}", script)
            position = 0 if script.name(call) == module_name(RATES) else 2
            return script.keyword(call, "log_input", "False", position)
        call = loss_called(script, (self.loss,))
        given = argument(call, INPUTS[self.loss == "ctc_loss"], 0)
        if given is None:
            raise Refused("the loss is not called with an input")
        text, method = script.text(given.value), self._method()
        if text.endswith(method):
            return []
        bare = isinstance(given.value, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
        return [script.replaced(given.value, (text if bare else f"({text})") + method)]

    def _method(self) -> str:
        if self.logits:
            return f".log_softmax({CLASSES[self.loss]})"
        return f".clamp_min({SMALLEST:g}).log()"


def made_for(finding: Finding, trace: Trace) -> Iterator[LogInput]:
    """By the run's loss; for a likelihood of classes that is given logits there is another loss."""
    shot = next((s for s in reversed(trace.snapshots) if s.loss), None)
    if shot is None or shot.loss is None or shot.loss.handwritten:
        return
    loss, logits = shot.loss.operation, not is_normalised(shot)
    if loss == RATES:
        yield LogInput(RATES)
    elif loss in CLASSES and not (loss == "nll_loss" and logits):
        yield LogInput(loss, logits)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
{}
for step in range(20):
    out = model(x)
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_WIDE = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))"
_SHARES = "shares = torch.rand(64, 3).softmax(1)\ndivergence = nn.KLDivLoss(reduction='batchmean')"
_TEXT = "text, sizes = torch.ones(8, 2).long(), (torch.full((8,), 8), torch.full((8,), 2))"
_RATES = "model = nn.Sequential(nn.Linear(4, 1), nn.Softplus())"
MANUAL = Manual(
    name=LogInput.name,
    title="Logarithms for a loss that takes them",
    changes="What a divergence, a likelihood or CTC is given: the logarithm of probabilities, or "
    "the log-softmax of raw outputs. A likelihood of counts is told that its input are rates.",
    unsafe="Where the input is the logarithm of something already, or is no distribution over the "
    "dimension of the classes (the last one; the second of `nll_loss`).",
    references=("PyTorch documentation: KLDivLoss, CTCLoss, NLLLoss and PoissonNLLLoss, inputs",),
    made_for=made_for,
    cases=(
        case(
            "a module, given probabilities",
            LogInput("kl_div"),
            "loop",
            _LOOP.format(_SHARES, "divergence(F.softmax(out, dim=1), shares)"),
            _LOOP.format(
                _SHARES, "divergence(F.softmax(out, dim=1).clamp_min(1e-12).log(), shares)"
            ),
            model=_WIDE,
        ),
        case(
            "a function, given raw outputs",
            LogInput("kl_div", logits=True),
            "loop",
            _LOOP.format(_SHARES, "F.kl_div(out / 2, shares, reduction='batchmean')"),
            _LOOP.format(
                _SHARES, "F.kl_div((out / 2).log_softmax(-1), shares, reduction='batchmean')"
            ),
            model=_WIDE,
        ),
        case(
            "CTC by its keyword",
            LogInput("ctc_loss", logits=True),
            "loop",
            _LOOP.format(_TEXT, "F.ctc_loss(targets=text, log_probs=out.view(8, 8, 3), "
                         "input_lengths=sizes[0], target_lengths=sizes[1])"),
            _LOOP.format(_TEXT, "F.ctc_loss(targets=text, log_probs=out.view(8, 8, 3)"
                         ".log_softmax(-1), input_lengths=sizes[0], target_lengths=sizes[1])"),
            model=_WIDE,
        ),
        case(
            "a module for counts",
            LogInput(RATES),
            "loop",
            _LOOP.format("counts = nn.PoissonNLLLoss(log_input=True)", "counts(out, y)"),
            _LOOP.format("counts = nn.PoissonNLLLoss(log_input=False)", "counts(out, y)"),
            model=_RATES,
        ),
        case(
            "a function for counts",
            LogInput(RATES),
            "loop",
            _LOOP.format("", "F.poisson_nll_loss(out, y)"),
            _LOOP.format("", "F.poisson_nll_loss(out, y, log_input=False)"),
            model=_RATES,
        ),
        case(
            "refused: two divergences",
            LogInput("kl_div"),
            "loop",
            _LOOP.format(_SHARES, "divergence(out, shares) + divergence(-out, shares)"),
            None,
            model=_WIDE,
        ),
    ),
)  # fmt: skip
