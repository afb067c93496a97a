"""match-names: a checkpoint whose tensors have the names that the network gives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one, receiver_of
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class MatchNames(Edit):
    """Names of the checkpoint that begin with `prefix` begin with `instead_of` in its place."""

    name: ClassVar[str] = "match-names"
    prefix: str
    instead_of: str = ""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("the checkpoint is loaded before the first step")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        found = list(_filtered(script)) or list(_passed_over(script))
        state = one(found, "checkpoint of which only what fits is taken", script)
        if not _is_renamed(state):
            text = script.text(state)
            yield script.replaced(state, f"{{{self._new_name}: v for k, v in {text}.items()}}")

    @property
    def _new_name(self) -> str:
        rest = f'k.removeprefix("{self.prefix}")' if self.prefix else "k"
        return f'"{self.instead_of}" + {rest}' if self.instead_of else rest


def _passed_over(script: Script) -> Iterator[cst.BaseExpression]:
    """The checkpoints that are loaded with `strict=False`."""
    for call in script.method_calls("load_state_dict"):
        strict, state = argument(call, "strict", 1), argument(call, "state_dict", 0)
        if strict is not None and script.text(strict.value) == "False" and state is not None:
            yield state.value


def _filtered(script: Script) -> Iterator[cst.BaseExpression]:
    """The checkpoints in `{k: v for k, v in checkpoint.items() if k in …}`."""
    for kept in script.of_kind(cst.DictComp):
        checkpoint = receiver_of(kept.for_in.iter, "items")
        if kept.for_in.ifs and checkpoint is not None:
            yield checkpoint


def _is_renamed(state: cst.BaseExpression) -> bool:
    return isinstance(state, cst.DictComp) and not isinstance(state.key, cst.Name)


def made_for(finding: Finding, trace: Trace) -> Iterator[MatchNames]:
    """For each load of which more would fit under other names."""
    for load in trace.loads:
        if load.fitting > load.taken and (load.prefix or load.instead_of):
            yield MatchNames(load.prefix, load.instead_of)


# --- cases ----------------------------------------------------------------------------------------
_WRAPPED = 'saved = {f"module.{k}": v for k, v in model.state_dict().items()}'
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)"
_LOAD = "model.load_state_dict({}, strict=False)"
_FILTER = """
own = model.state_dict()
own.update({{k: v for k, v in {}.items() if k in own}})
model.load_state_dict(own)"""
_RENAMED = '{{{}k.removeprefix("module."): v for k, v in saved.items()}}'


def _case(name: str, load: str, after: str | None, instead_of: str = "") -> Any:
    """Where `load` has `{}` for what the network takes."""
    edit, known = MatchNames("module.", instead_of), ("saved", after)
    texts = [t and "\n".join((_WRAPPED, load.format(t), _OPTIMIZER)) for t in known]
    return case(name, edit, "optimizer", str(texts[0]), texts[1])


MANUAL = Manual(
    name=MatchNames.name,
    title="A checkpoint with the names of the network",
    changes="The names of the tensors in the checkpoint that is loaded: what they begin with is "
    "left out, or becomes what the names of the network begin with.",
    unsafe="Where the names are alike but the layers are not. Look at what is still missing.",
    references=("PyTorch tutorials, Saving and loading models: DataParallel",),
    made_for=made_for,
    cases=(
        _case("strict=False", _LOAD, _RENAMED.format("")),
        _case("only what fits", _FILTER, _RENAMED.format("")),
        _case("another beginning", _LOAD, _RENAMED.format('"net." + '), "net."),
        _case("refused: all of it is loaded", "model.load_state_dict(model.state_dict())", None),
    ),
)
