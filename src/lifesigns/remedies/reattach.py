"""reattach: the gradient goes on where the forward pass or the loss cuts it off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.overrides import TorchFunctionMode

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import OPTIMIZERS, scope_of, trained
from lifesigns.remedies._written import dropped
from lifesigns.remedies.testing import case

CUTS = frozenset({"detach", "detach_"})
COPIED = frozenset({"numpy", "__array__"})
"""What takes no tensor with a gradient; it is for looking at, and cut off there as before."""
NUMBERS = frozenset({"item", "__float__"})
NEW = frozenset({"tensor", "as_tensor"})
LOOKED_AT = ("cpu", "numpy", "item", "tolist", "clone")
"""What follows a `detach()` that is made to look at values or to keep them."""


@dataclass(frozen=True)
class Reattach(Edit):
    """What is detached keeps the graph that it was made by, up to its backward pass."""

    name: ClassVar[str] = "reattach"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if run.others:
            raise Refused("with several optimizers a cut may keep one network out of another's")
        return _attached(run.the_optimizer())

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        detached = _detached(script)
        node = one(
            [*_first(script, detached), *_switched_off(script), *_anew(script)], "cut", script
        )
        if node in detached:
            for call in _beside(script, node, detached):
                yield from dropped(script, call)
                yield from _kept_out(script, call)
        elif node in _anew(script):
            text, whole = script.text(_compared(node)), cst.Name | cst.Attribute | cst.Call
            is_whole = isinstance(_compared(node), whole)
            yield script.replaced(node, text if is_whole else f"({text})")
        else:
            yield script.replaced(node.func, script.spelled("torch.enable_grad"))


# --- in a live run --------------------------------------------------------------------------------
class _Whole(TorchFunctionMode):
    """While open, tensors whose backward pass is still to come cannot be cut off."""

    def __init__(self) -> None:
        super().__init__()
        self._since = 0
        self._number: tuple[float, Tensor] | None = None
        self._inside = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given, name = kwargs or {}, getattr(func, "__name__", "")
        if name == "backward":
            self.forget()
        elif name == "_set_grad_enabled" and self._inside and args[:1] == (False,):
            return None
        elif args and (name in NEW or self._is_fresh(args[0])):
            kept = self._kept(name, func, args[0], given)
            if kept is not None:
                return kept
            if name in COPIED:
                args = (args[0].detach(), *args[1:])
        return func(*args, **given)

    def forget(self, *_given: Any) -> None:
        """What was computed up to now has been used: detaching it is as it should be."""
        self._since, self._number = torch._C._autograd._get_sequence_nr(), None

    def enter(self, _module: nn.Module, _inputs: Any) -> None:
        """A module runs; from the outermost on, a forward pass that is trained stays one."""
        self._inside += bool(self._inside or torch.is_grad_enabled())

    def leave(self, *_given: Any) -> None:
        """A module has run."""
        self._inside = max(0, self._inside - 1)

    def _is_fresh(self, given: Any) -> bool:
        graph = given.grad_fn if type(given) is Tensor else None
        return graph is not None and graph._sequence_nr() >= self._since

    def _kept(self, name: str, func: Any, given: Any, settings: Any) -> Tensor | None:
        """What a call gives instead of a tensor without a graph; None if it makes none."""
        if name in NEW:
            return self._known(given) if settings.get("requires_grad") else None
        if name in NUMBERS:
            self._number = float(given.detach()), given
        is_data = name == "__get__" and func == torch.Tensor.data.__get__  # type: ignore[attr-defined]
        return given if name in CUTS or is_data else None

    def _known(self, given: Any) -> Tensor | None:
        """The tensor that a number was taken of, or the given one."""
        if self._is_fresh(given):
            return given  # type: ignore[no-any-return]
        number, tensor = self._number or (None, None)
        return tensor if isinstance(given, float) and given == number else None


@contextmanager
def _attached(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    whole = _Whole()
    with ExitStack() as stack:
        for handle in (
            modules.register_module_forward_pre_hook(whole.enter),
            modules.register_module_forward_hook(whole.leave, always_call=True),
            optimizer.register_step_pre_hook(whole.forget),
        ):
            stack.callback(handle.remove)
        stack.enter_context(whole)
        yield


# --- in the source --------------------------------------------------------------------------------
def _detached(script: Script) -> list[cst.Call]:
    """Calls of `detach()` that something is computed of."""
    calls = trained(script, script.method_calls("detach"))
    return [call for call in calls if not _is_looked_at(script, call)]


def _first(script: Script, cuts: Sequence[cst.Call]) -> list[cst.Call]:
    """Of the cuts in one line the first: states of a cell are cut off together."""
    return list({script.line(cut): cut for cut in reversed(cuts)}.values())


def _beside(script: Script, cut: cst.Call, cuts: Sequence[cst.Call]) -> list[cst.Call]:
    return [each for each in cuts if script.line(each) == script.line(cut)]


def _kept_out(script: Script, cut: cst.Call) -> Iterator[Change]:
    """What was cut off for a critic stays so where it is used before the first step: that one's.

    Behind that step the network that made it is trained through it.
    """
    if len(script.calls_to(*OPTIMIZERS)) < len(("its own", "another's")):
        return
    assign, scope = script.within(cut, cst.Assign), scope_of(script, cut)
    name = script.text(assign.targets[0].target) if assign and assign.value is cut else ""
    begin = script.span(cut)[1]
    steps = [script.span(c)[0] for c in script.method_calls("step", scope)]
    first = min((step for step in steps if step > begin), default=begin)
    uses = [n for n in script.of_kind(cst.Name, scope) if n.value == name]
    before = [n for n in uses if begin < script.span(n)[0] < first]
    if not before or not any(script.span(n)[0] > first for n in uses):
        raise Refused("with several optimizers a cut may keep one network out of another's")
    for use in before:
        end = script.span(use)[1]
        yield Change(end, end, ".detach()")


def _is_looked_at(script: Script, call: cst.Call) -> bool:
    around = next(script.around(call), None)
    return isinstance(around, cst.Attribute) and around.attr.value in LOOKED_AT


def _switched_off(script: Script) -> Iterable[cst.Call]:
    """Where a forward pass switches gradients off."""
    for call in script.calls_to("torch.no_grad"):
        function = script.within(call, cst.FunctionDef)
        is_block = script.within(call, cst.WithItem) is not None
        if is_block and function is not None and function.name.value == "forward":
            yield call


def _anew(script: Script) -> list[cst.Call]:
    """Tensors that are made anew of a number, and said to have a gradient."""
    return [
        call
        for call in script.calls_to("torch.tensor", "torch.as_tensor")
        if argument(call, "requires_grad") is not None and _compared(call) is not call
    ]


def _compared(call: cst.Call) -> cst.BaseExpression:
    """The tensor whose number a new tensor is made of; the call itself if there is none."""
    given = call.args[0].value
    if isinstance(given, cst.Name):
        return given
    if not isinstance(given, cst.Call):
        return call
    method = given.func
    if isinstance(method, cst.Attribute) and method.attr.value == "item":
        return method.value
    is_float = isinstance(method, cst.Name) and method.value == "float" and bool(given.args)
    return given.args[0].value if is_float else call


def made_for(finding: Finding, trace: Trace) -> Iterator[Reattach]:
    """One, where something is cut off; not where it is frozen or in no optimizer."""
    if finding.rule == "state-cut-off" or any(r.edit == Reattach.name for r in finding.remedies):
        yield Reattach()


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        {}


model = Net()
"""
_CUT = "z = torch.tanh(self.body(x))\n        return self.head(z{})"
_OFF = "with torch.{}():\n            z = torch.tanh(self.body(x))\n        return self.head(z)"
_ANEW = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seen = loss.detach().item()
"""
_TWICE = _CUT.format(".detach()").replace("body(x)", "body(x.detach())")


def _case(name: str, before: str, after: str | None) -> Any:
    """With a network of two parts."""
    return case(name, Reattach(), "model", before, after, frame=_NET)


_GAN = """
critic = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
other = torch.optim.SGD(critic.parameters(), lr=0.1)
for step in range(20):
    made = {}
    other.zero_grad()
    (critic({}).mean() - critic(y).mean()).backward()
    other.step()
    optimizer.zero_grad()
    loss = -critic(made).mean()
    loss.backward()
    optimizer.step()
"""
MANUAL = Manual(
    name=Reattach.name,
    title="The gradient goes on where it was cut off",
    changes="What `detach()`, `.data`, `no_grad` within a forward pass, and a new tensor of the "
    "loss's number give: the tensor itself. What was trained on already is detached as before, "
    "such as a state that is carried on from one piece of a sequence. What a generator made "
    "stays cut off in its critic's loss, not in its own.",
    unsafe="Where the cut is meant: targets of a critic or a teacher, a pretrained part that is to "
    "stay as it is, a copy without a gradient in the place of a step function.",
    references=("PyTorch documentation, Autograd mechanics: locally disabling gradients",),
    made_for=made_for,
    cases=(
        _case("a method", _CUT.format(".detach()"), _CUT.format("")),
        _case("two in a line", _CUT.format(".detach() + z.detach()"), _CUT.format(" + z")),
        _case("gradients switched off", _OFF.format("no_grad"), _OFF.format("enable_grad")),
        case(
            "a loss that is made anew, and another that is looked at",
            Reattach(),
            "loop",
            _ANEW.format("torch.tensor(loss.item(), requires_grad=True)"),
            _ANEW.format("loss"),
        ),
        case(
            "what was cut off for the critic and is used for the generator, too",
            Reattach(),
            "loop",
            _GAN.format("model(x).detach()", "made"),
            _GAN.format("model(x)", "made.detach()"),
            optimizer="",
        ),
        _case("refused: two cuts", _TWICE, None),
    ),
)
