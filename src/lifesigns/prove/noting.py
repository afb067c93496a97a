"""Notes where in a program's own files its modules are built and torch's functions are called.

What the source alone leaves open, one glance at the running program decides: which of two lines
builds the layer, in which branch a function is called. The program runs as it is, with a mode that
only looks on, and is ended after a few steps.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from functools import wraps
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as modules
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook
from torch.overrides import TorchFunctionMode

from lifesigns.prove.treatment import PLACES
from lifesigns.remedies import OPTIMIZER, Place


class Noting(TorchFunctionMode):
    """Looks on until enough is seen; then it writes what it saw and ends the process.

    Args:
        files: Real paths of the program's files, by their paths in this process.
        steps: Backward passes, or steps of optimizers, after which everything has been seen.
        folder: Where the result is put.
    """

    def __init__(self, files: Mapping[str, str], steps: int, folder: Path) -> None:
        super().__init__()
        self._files, self._steps, self._folder = files, steps, folder
        self._here = Path.cwd()
        self._known: dict[CodeType, str] = {}
        self._lines: defaultdict[str, set[int]] = defaultdict(set)
        self._last_lines: defaultdict[str, set[int]] = defaultdict(set)
        self._places: dict[str, Place | None] = {}
        self._owners: dict[str, list[int]] = {}
        self._steppers: set[int] = set()
        self._built: dict[int, Place] = {}
        self._names: dict[int, str] = {}
        self._running: list[nn.Module] = []
        self._root = 0
        self._counts: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    def install(self) -> None:
        """Begins to look on; for as long as the process lives."""
        sys.settrace(self._called_python)
        self._look_at(nn.Module)
        self._look_at(Optimizer)
        modules.register_module_forward_pre_hook(self._enter)
        modules.register_module_forward_hook(self._leave, always_call=True)
        register_optimizer_step_post_hook(self._stepped)
        self.__enter__()  # type: ignore[no-untyped-call]

    def _look_at(self, kind: type) -> None:
        """From now on it is noted where objects of a class are built."""
        begin = vars(kind)["__init__"]

        @wraps(begin)
        def begun(built: Any, *args: Any, **kwargs: Any) -> None:
            self._built_by(built, sys._getframe(1))
            begin(built, *args, **kwargs)

        setattr(kind, "__init__", begun)  # noqa: B010, mypy takes it for unsound

    def write(self) -> None:
        """Writes the places that are certain, by names of sites and modules; and the lines run."""
        sys.settrace(None)
        certain = {name: asdict(place) for name, place in self._places.items() if place}
        lines = {file: sorted(numbers) for file, numbers in self._lines.items()}
        last = {file: sorted(numbers) for file, numbers in self._last_lines.items()}
        noted = {"places": certain, "lines": lines, "last": last}
        (self._folder / PLACES).write_text(json.dumps(noted))

    # --- what is seen -----------------------------------------------------------------------------
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "backward":
            self._count("backward")
        result = func(*args, **(kwargs or {}))
        if self._root and torch.is_tensor(result) and torch.is_grad_enabled():
            self._called(name.rstrip("_"), args, result, sys._getframe(1))
        return result

    def _called(self, name: str, args: Any, result: torch.Tensor, frame: FrameType) -> None:
        """A function of torch gave a tensor; one without a gradient is counted by itself."""
        module = self._running[-1] if self._running else None
        where = self._names.get(id(module), "") if module is not None else ""
        key = f"{where}:{name}{'#' if result.requires_grad else '@'}"
        number, self._counts[key] = self._counts[key], self._counts[key] + 1
        own = id(module) if module is not None and _is_of_torch(module) else None
        place = self._built.get(own) if own is not None else self._place(frame)
        if place is not None:
            shapes = [tuple(a.shape) for a in args[:2] if torch.is_tensor(a)]
            given, other = (*shapes, (), ())[:2]
            made = tuple(result.shape)
            at = (place.file, place.line, place.column)
            self._note(f"{key}{number}", Place(*at, given, other, made), self._root)

    def _enter(self, module: nn.Module, _inputs: Any) -> None:
        is_trained = torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())
        if not self._running and is_trained:
            self._counts.clear()
            self._root = id(module)
            for path, each in module.named_modules():
                self._names[id(each)] = path
                if path and (place := self._built.get(id(each))):
                    self._note(path, place, id(module))
        self._running.append(module)

    def _leave(self, *_given: Any) -> None:
        self._running.pop()

    def _stepped(self, optimizer: Optimizer, *_given: Any) -> None:
        if id(optimizer) not in self._steppers:  # another stage of the training
            self._steppers.add(id(optimizer))
            self._last_lines.clear()
        if place := self._built.get(id(optimizer)):
            self._note(OPTIMIZER, place, id(optimizer))
        self._count("step")

    def _built_by(self, built: Any, frame: FrameType | None) -> None:
        """The line that asked for an object, behind the constructors of its class."""
        while frame is not None and _first_argument(frame) is built:
            frame = frame.f_back
        place = self._place(frame)
        self._built.pop(id(built), None)  # of one that is gone
        if place is not None:
            self._built[id(built)] = place

    def _note(self, name: str, place: Place, owner: int) -> None:
        """Of networks that are trained one after the other the last one counts.

        What is seen in two places by turns is in neither for certain.
        """
        known, owners = self._places.setdefault(name, place), self._owners.setdefault(name, [])
        if owner not in owners:
            owners.append(owner)
            self._places[name] = place
        elif known is not None and (
            owner != owners[-1] or (known.file, known.line) != (place.file, place.line)
        ):
            self._places[name] = None

    # --- which lines run --------------------------------------------------------------------------
    def _called_python(self, frame: FrameType, _event: str, _given: Any) -> Any:
        """Of each function that is called: only the program's own are followed."""
        return self._line if self._file(frame.f_code) else None

    def _line(self, frame: FrameType, event: str, _given: Any) -> Any:
        if event == "line":
            file = self._file(frame.f_code)
            self._lines[file].add(frame.f_lineno)
            self._last_lines[file].add(frame.f_lineno)
        return self._line

    # --- where ------------------------------------------------------------------------------------
    def _place(self, frame: FrameType | None) -> Place | None:
        """The innermost line outside of torch, if it is one of the program's own."""
        while frame is not None:
            file = self._file(frame.f_code)
            if file:
                return Place(file, frame.f_lineno, _column(frame))
            if not frame.f_globals.get("__name__", "").startswith("torch"):
                return None
            frame = frame.f_back
        return None

    def _file(self, code: CodeType) -> str:
        if code not in self._known:
            path = os.path.realpath(self._here / code.co_filename)
            self._known[code] = self._files.get(path, "")
        return self._known[code]

    def _count(self, what: str) -> None:
        self._seen[what] += 1
        if self._seen[what] > self._steps:
            self.write()
            os._exit(0)


def _is_of_torch(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.")


def _first_argument(frame: FrameType) -> Any:
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return frame.f_locals.get(names[0]) if names else None


def _column(frame: FrameType) -> int:
    """Where the call begins in its line; -1 where Python does not say, as before 3.11."""
    positions = getattr(frame.f_code, "co_positions", None)
    if positions is None or frame.f_lasti < 0:
        return -1
    line, _end, column, _last = next(islice(positions(), frame.f_lasti // 2, None))
    return column if line == frame.f_lineno and column is not None else -1
