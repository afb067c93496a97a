"""The programs on which `prove` is measured: each can be trained with an edit and without."""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import torch

import lifesigns
from lifesigns.prove.arm import Arm
from lifesigns.prove.arm import Program as Script
from lifesigns.prove.arms import Arms
from lifesigns.prove.intervention import Intervention
from lifesigns.prove.sandbox import Outcome
from lifesigns.prove.scores import FINISHED, Measure, Scored, shortcoming
from lifesigns.records import Trace
from lifesigns.remedies import LiveRun, Refusal

OWN = Path(__file__).parents[1] / "tests" / "cases"
EVERY = 7
"""Steps of the programs of tests/cases that are recorded, as their tests do."""


def train(engine, spec, data, seed, steps, edit=None):
    """One training: its score on held-out data, and what was recorded; None if refused."""
    x, y, x_test, y_test = data
    torch.manual_seed(seed)
    model = engine.build(spec["net"], x.shape[1:])
    loss_fn = engine.LOSSES[spec["loss"]]
    optimizer, l2 = engine.make_optimizer(spec["opt"], model.parameters())
    made = nullcontext() if edit is None else edit.apply(LiveRun(model, optimizer))
    if isinstance(made, Refusal):
        return None
    watcher = lifesigns.watch(model, optimizer)
    with made:
        _loop(engine, spec, (model, loss_fn, optimizer, l2), (x, y), seed, steps)
        report = watcher.detach()
        model.eval()
        with torch.no_grad():
            held = engine.skill(model(x_test[:1000]), y_test[:1000], spec.get("metric", "acc"))
    return held, report.trace


def _loop(engine, spec, parts, data, seed, steps):
    model, loss_fn, optimizer, l2 = parts
    x, y = data
    batch, step = min(spec.get("batch", 32), len(x)), 0
    order = torch.Generator().manual_seed(seed)
    for _ in range(spec.get("epochs", 10)):
        rows = torch.randperm(len(x), generator=order)
        labels = torch.randperm(len(x), generator=order) if spec.get("shuffle_x_only") else rows
        for i in range(0, len(x), batch):
            optimizer.zero_grad()
            loss = loss_fn(model(x[rows[i : i + batch]]), y[labels[i : i + batch]])
            if l2:
                loss = loss + l2 * sum((p**2).sum() for p in model.parameters() if p.dim() > 1)
            if loss.requires_grad:
                loss.backward()
            optimizer.step()
            step += 1
            if step >= steps or not math.isfinite(loss.item()):
                return


class Program:
    """A program that can be trained with and without edits; equal trainings are done once."""

    def __init__(self, measure):
        self.measure, self._known = measure, []

    def cure(self):
        """The score of the cure that is known."""
        raise NotImplementedError

    def trained(self, seed, edit=None):
        """The score of one training and what was recorded; None if the edit was refused."""
        raise NotImplementedError

    def known(self, seed, edit=None):
        """The same, trained once only."""
        for of, at, result in self._known:
            if of == edit and at == seed:
                return result
        self._known.append((edit, seed, self.trained(seed, edit)))
        return self._known[-1][-1]

    def cures(self, finding, edit, seed, faulty):
        """Whether it cures on this seed, and its score; None where it cannot be made."""
        made = self.known(seed, edit)
        if made is None:
            return None
        other = Scored.judged(*made)
        return not shortcoming(self.measure, finding.rule, faulty, other), other.score


class Trained(Arms):
    """The arms of a proof of such a program: what a script would do, and print, without a sandbox.

    What was trained before is not trained again, but counts as if it were.
    """

    def __init__(self, program):
        super().__init__(Script("program.py"), math.inf)
        self._program = program

    def train(self, treatments, *, every=0):
        self.trainings += len(treatments)
        return [self._arm(one) for one in treatments]

    def _arm(self, treatment):
        made = self._program.known(treatment.shift, treatment.edit)
        if made is None:
            return Arm(None, Outcome(0), "it cannot be made here")
        held, trace = made
        trace = replace(trace, info=replace(trace.info, outcome=FINISHED))
        return Arm(trace, Outcome(0, output=json.dumps({"score": held})))


class Published(Program):
    """A published case, which the engine beside the cases trains."""

    def __init__(self, engine, record, steps):
        super().__init__(Measure("score"))
        self.name, self._engine, self._steps = record["id"], engine, steps
        self._faulty, self._fixed = record["buggy"], record["fixed"]
        self._data = engine.load_data(self._faulty["data"])

    def cure(self):
        data = self._engine.load_data(self._fixed["data"])
        return train(self._engine, self._fixed, data, 0, self._steps)[0]

    def trained(self, seed, edit=None):
        try:
            return train(self._engine, self._faulty, self._data, seed, self._steps, edit)
        except (RuntimeError, ValueError, IndexError):  # as a script would end
            return math.nan, Trace()


class Own(Program):
    """A program of tests/cases: each training is a process of its own, which knows of no edit."""

    def __init__(self, program):
        super().__init__(Measure("score", lower_is_better=program.at_most is not None))
        self.name, self._program = program.name, program

    def cure(self):
        return self._program.run(0, fixed=True)

    def trained(self, seed, edit=None):
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=self._child, args=(seed, edit, theirs))
        child.start()
        theirs.close()
        try:
            return ours.recv()
        except EOFError:  # it failed
            return math.nan, Trace()
        finally:
            child.join()

    def _child(self, seed, edit, answer):
        refusals = []
        if edit is not None:
            Intervention(edit, refusals.append).install()
        with suppress(Exception), lifesigns.watch(every=EVERY) as watcher:
            value = self._program.run(seed)
            is_made = edit is None or refusals == [""]
            answer.send((value, watcher.report.trace) if is_made else None)


def published(folder, record, steps):
    """One of the published cases."""
    sys.path.insert(0, str(folder))
    import engine

    return Published(engine, record, steps)


def own(name):
    """One of tests/cases/faulty."""
    sys.path.insert(0, str(OWN))
    import faulty
    from program import programs_of

    return Own(next(one for one in programs_of(faulty) if one.name == name))


def own_names():
    """All of them that can run here."""
    sys.path.insert(0, str(OWN))
    import faulty
    from program import programs_of

    return [one.name for one in programs_of(faulty) if one.runnable]
