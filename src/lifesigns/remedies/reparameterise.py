"""reparameterise: samples that pass the gradient on to the mean and spread they were drawn by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import distributions

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one, receiver_of
from lifesigns.remedies._sites import assigned, class_of
from lifesigns.remedies._training import receiver, trained
from lifesigns.remedies.testing import case

KINDS = (
    distributions.Normal,
    distributions.LogNormal,
    distributions.Laplace,
    distributions.MultivariateNormal,
    distributions.Uniform,
)
"""Distributions whose samples are a smooth function of their parameters."""
NAMES = {
    f"torch.distributions.{inner}{kind.__name__}"
    for kind in KINDS
    for inner in ("", f"{kind.__module__.rpartition('.')[2]}.")
}


@dataclass(frozen=True)
class Reparameterise(Edit):
    """What is drawn is the mean plus the spread times a number that depends on neither."""

    name: ClassVar[str] = "reparameterise"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return _passing_on()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        normal = [c for c in script.calls_to("torch.normal") if not _has_size(c)]
        samples = [c for c in script.method_calls("sample") if _is_of_kind(script, c)]
        call = one(trained(script, [*normal, *samples]), "sample without a gradient", script)
        if call in samples and isinstance(call.func, cst.Attribute):
            return [script.replaced(call.func.attr, "rsample")]
        return [script.replaced(call, _sum(script, call))]


@contextmanager
def _passing_on() -> Iterator[None]:
    with ExitStack() as stack:
        for kind in KINDS:
            if "sample" in vars(kind):
                stack.callback(setattr, kind, "sample", vars(kind)["sample"])
            else:
                stack.callback(delattr, kind, "sample")
            setattr(kind, "sample", kind.rsample)  # noqa: B010, mypy takes it for a method
        stack.enter_context(Answering(_drawn))
        yield


def _drawn(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = [*args, *(kwargs[k] for k in ("mean", "std") if k in kwargs)]
    tensors = [each for each in given if torch.is_tensor(each)]
    if name != "normal" or len(given) != 2 or not any(t.requires_grad for t in tensors):
        return NotImplemented
    mean, spread = given
    like = sum(torch.zeros_like(each) for each in tensors)
    return mean + spread * torch.randn_like(torch.as_tensor(like))


# --- in the source --------------------------------------------------------------------------------
def _has_size(call: cst.Call) -> bool:
    """Whether numbers, not tensors, are the mean and spread."""
    keywords = [arg.keyword.value for arg in call.args if arg.keyword is not None]
    return len(call.args) != 2 or bool(keywords)


def _is_of_kind(script: Script, call: cst.Call) -> bool:
    """Whether a distribution is sampled that can be reparameterised, and asked for nothing else.

    A policy is asked how probable its samples are: they are actions, which no gradient leads to.
    """
    owner = receiver_of(call, "sample")
    asked = [receiver(script, c) for c in script.method_calls("log_prob")]
    if owner is None or script.text(owner) in asked:
        return False
    values = assigned(script, owner) if isinstance(owner, cst.Name) else [owner]
    given = [back for value in values for back in _given_back(script, value)]
    return any(script.name(value) in NAMES for value in (*values, *given))


def _given_back(script: Script, value: cst.CSTNode) -> list[cst.BaseExpression]:
    """What the network of a call such as `encoder(x)` returns."""
    called = value.func if isinstance(value, cst.Call) else None
    built = assigned(script, called) if isinstance(called, cst.Name) else []
    owners = [owner for each in built if (owner := class_of(script, each)) is not None]
    methods = [m for owner in owners for m in script.of_kind(cst.FunctionDef, owner)]
    forward = [m for m in methods if m.name.value == "forward"]
    backs = [back for method in forward for back in script.of_kind(cst.Return, method)]
    return [back.value for back in backs if back.value is not None]


def _sum(script: Script, call: cst.Call) -> str:
    mean, spread = (arg.value for arg in call.args)
    name = isinstance(mean, cst.Name | cst.Attribute)
    if not name:
        raise Refused(f"line {script.line(call)} computes the mean where it draws")
    text = script.text(spread)
    factor = text if isinstance(spread, cst.Name | cst.Attribute | cst.Call) else f"({text})"
    like = f"{script.spelled('torch.randn_like')}({script.text(mean)})"
    return f"({script.text(mean)} + {factor} * {like})"


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.spread, self.head = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(2, 1)

    def forward(self, x):
        mean, spread = self.mean(x), self.spread(x)
        z = {}
        return self.head(z)


model = Net()
"""
_KIND = "torch.distributions.Normal(mean, spread.exp()).{}()"


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, Reparameterise(), "model", before, after, frame=_NET)


_ENCODER = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(4, 1)

    def forward(self, x):
        return torch.distributions.Normal(self.mean(x), 1.0)


model = Encoder()
"""
_OF_A_NETWORK = """
for step in range(20):
    q = model(x)
    loss = F.mse_loss(q.{}(), y) + q.mean.pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
MANUAL = Manual(
    name=Reparameterise.name,
    title="Samples that pass the gradient on",
    changes="What is drawn from a normal distribution, or another one that allows it: mean plus "
    "spread times a standard number, or `rsample`, instead of a draw that cuts the gradient off. "
    "The numbers that are drawn stay the same.",
    unsafe="Where the samples are actions whose probability is asked for afterwards.",
    references=("Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.4",),
    made_for=always(Reparameterise()),
    cases=(
        _case(
            "a draw by mean and spread",
            "torch.normal(mean, spread.exp())",
            "(mean + spread.exp() * torch.randn_like(mean))",
        ),
        _case("a distribution", _KIND.format("sample"), _KIND.format("rsample")),
        case(
            "a distribution that a network returns",
            Reparameterise(),
            "loop",
            _OF_A_NETWORK.format("sample"),
            _OF_A_NETWORK.format("rsample"),
            model=_ENCODER,
        ),
        _case(
            "refused: a mean that is computed there",
            "torch.normal(mean + 1, spread.exp())",
            None,
        ),
    ),
)
