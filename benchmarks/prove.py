"""How many faulty programs a remedy cures: `python benchmarks/prove.py --cases FOLDER --jobs 2`.

For each program the remedies are tried one after another on its own seed, in the order of `prove`,
in a random order, and as Optuna's TPE proposes them from the same edits. The first that cures is
put to the proof on fresh seeds. All trainings run in this process, with the edit made in the live
run, which is what `lifesigns prove` does where there is no source to patch; what a remedy gives is
the case's own score on held-out data. Cases are those of tier A: their published cure learns.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rows import Rows, announce, write_section

import lifesigns
from lifesigns.prove.betting import is_settled, wealth
from lifesigns.prove.scores import Measure, Scored, shortcoming, skill
from lifesigns.records import Severity, Trace
from lifesigns.remedies import LiveRun, Refusal, all_manuals, for_finding
from lifesigns.report.verdict import alarms
from lifesigns.rules import judge

PAGE = Path(__file__).parents[1] / "docs" / "prove.md"
MEASURE = Measure("score")
SECONDS = 45.0
"""One program takes about as long on one core."""
BUDGETS = (1, 3, 10)
POINTS = 0.05


@dataclass
class Case:
    """One faulty program and all that was trained of it."""

    name: str
    faulty: float = math.nan
    cure: float = math.nan
    """Score of the published cure."""
    found: bool = False
    needed: dict[str, int] = field(default_factory=dict)
    """By order: which try cured it; 0 if none of ten did."""
    chosen: dict[str, str] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    """Of the chosen remedy of `prove` on fresh seeds, and of the faulty program on the same."""
    faulty_scores: list[float] = field(default_factory=list)
    won: list[bool] = field(default_factory=list)

    @property
    def is_cured(self) -> bool:
        """On the fresh seeds, too."""
        return bool(self.won) and all(self.won)


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


def scored(held: float, trace: Trace) -> Scored:
    found = alarms(judge(trace))
    errors = tuple(f.rule for f in found if f.severity is Severity.ERROR)
    return Scored(held, skill(trace), tuple(f.rule for f in found), errors)


class Program:
    """A case that can be trained with and without edits; equal trainings are done once."""

    def __init__(self, engine, record, steps):
        self._engine, self._spec, self._steps = engine, record["buggy"], steps
        self._data = engine.load_data(self._spec["data"])
        self._known = []

    def without(self, seed):
        held, trace = train(self._engine, self._spec, self._data, seed, self._steps)
        return scored(held, trace), trace

    def with_edit(self, edit, seed):
        for known, at, result in self._known:
            if known == edit and at == seed:
                return result
        try:
            made = train(self._engine, self._spec, self._data, seed, self._steps, edit)
        except (RuntimeError, ValueError, IndexError):  # as a script would end
            made = math.nan, Trace()
        result = None if made is None else scored(*made)
        self._known.append((edit, seed, result))
        return result

    def cures(self, finding, edit, seed, faulty):
        """Whether it cures on this seed, and its score; None where it cannot be made."""
        other = self.with_edit(edit, seed)
        if other is None:
            return None
        return not shortcoming(MEASURE, finding.rule, faulty, other), other.score


def ours(found, trace):
    """The edits in the order of `prove`, each with its finding."""
    tried = []
    for finding in found:
        for edit in for_finding(finding, trace):
            if all(edit != known for _, known in tried):
                tried.append((finding, edit))
    return tried


def everything(found, trace):
    """All edits of all kinds that can be made for what was found: the space of the others."""
    space = ours(found, trace)
    for finding in found:
        for manual in all_manuals():
            for edit in manual.made_for(finding, trace):
                if all(edit != known for _, known in space):
                    space.append((finding, edit))
    return space


def sequence(program, faulty, tried):
    """Which of these cures first, counted from 1, and which it is; refusals cost nothing."""
    number = 0
    for finding, edit in tried:
        if number == BUDGETS[-1]:
            break
        outcome = program.cures(finding, edit, 0, faulty)
        if outcome is None:
            continue
        number += 1
        if outcome[0]:
            return number, (finding, edit)
    return 0, None


def by_optuna(program, faulty, space, seed):
    """The same with TPE, which sees the score of each try."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=3)
    )
    number, asked = 0, 0
    while number < BUDGETS[-1] and asked < 5 * BUDGETS[-1]:
        trial, asked = study.ask(), asked + 1
        outcome = program.cures(*_split(space, trial), faulty)
        if outcome is None:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            continue
        number += 1
        if outcome[0]:
            return number
        study.tell(trial, outcome[1] if math.isfinite(outcome[1]) else -1.0)
    return 0


def _split(space, trial):
    finding, edit = space[trial.suggest_categorical("edit", list(range(len(space))))]
    return finding, edit, 0


def solve(folder, record, steps, pairs, orders):
    """All trainings of one case."""
    torch.set_num_threads(1)
    sys.path.insert(0, str(folder))
    import engine

    case, program = Case(record["id"]), Program(engine, record, steps)
    fixed = record["fixed"]
    case.cure = train(engine, fixed, engine.load_data(fixed["data"]), 0, steps)[0]
    faulty, trace = program.without(0)
    case.faulty = faulty.score
    found = alarms(judge(trace))
    case.found = bool(found)
    space = everything(found, trace)
    case.needed["prove"], chosen = sequence(program, faulty, ours(found, trace))
    if "random" in orders:
        for seed in range(3):
            mixed = random.Random(f"{record['id']}{seed}").sample(space, len(space))
            case.needed[f"random {seed}"] = sequence(program, faulty, mixed)[0]
    if "tpe" in orders and space:
        case.needed["TPE"] = by_optuna(program, faulty, space, 0)
    if chosen is not None:
        case.chosen["prove"] = f"{chosen[1].name} for {chosen[0].rule}"
        _prove(case, program, chosen, pairs)
    return case


def _prove(case, program, chosen, pairs):
    finding, edit = chosen
    for seed in range(1, pairs + 1):
        before, _ = program.without(seed)
        after = program.with_edit(edit, seed)
        case.won.append(not shortcoming(MEASURE, finding.rule, before, after))
        case.scores.append(after.score)
        case.faulty_scores.append(before.score)
        if is_settled(case.won):
            break


def summary(cases):
    """The lines of the table: share cured at each budget, by order."""
    orders = ["prove", *sorted({key for case in cases for key in case.needed} - {"prove"})]
    rows = Rows("Cured on the program's own seed", ["order", *(f"≤ {b} tries" for b in BUDGETS)])
    for order in orders:
        tried = [case.needed.get(order, 0) for case in cases]
        rows.add(order, *(_share(sum(0 < n <= b for n in tried), len(cases)) for b in BUDGETS))
    return rows


def proofs(cases):
    """What the fresh seeds said of the chosen remedies."""
    chosen = [case for case in cases if case.won]
    cured = [case for case in chosen if case.is_cured]
    gains = [g for c in cured for g in (_points(c.faulty_scores, c.scores),)]
    near = [c for c in cured if sum(c.scores) / len(c.scores) >= 0.9 * c.cure]
    rows = Rows("On fresh seeds", ["of", "cases", "share"])
    rows.add(
        "found", str(sum(c.found for c in cases)), _share(sum(c.found for c in cases), len(cases))
    )
    rows.add("chosen", str(len(chosen)), _share(len(chosen), len(cases)))
    rows.add("cured on every seed", str(len(cured)), _share(len(cured), len(cases)))
    proved = [c for c in cured if wealth(c.won) >= 20]
    rows.add("proved (e ≥ 20)", str(len(proved)), _share(len(proved), len(cases)))
    rows.add("≥ 90 % of the cure", str(len(near)), _share(len(near), len(cases)))
    rows.add(
        "gain > 5 points",
        str(sum(g > POINTS for g in gains)),
        _share(sum(g > POINTS for g in gains), len(cured)),
    )
    return rows


def _points(before, after):
    known = [0.0 if math.isnan(value) else value for value in before]
    return sum(after) / len(after) - sum(known) / len(known)


def _share(number, of):
    return f"{number / of:.0%}" if of else "-"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=Path, required=True)
    options.add_argument("--steps", type=int, default=600)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--only", default="", help="cases whose name begins so")
    options.add_argument("--orders", default="random,tpe")
    options.add_argument("--write", action="store_true", help="put the tables into docs/prove.md")
    options.add_argument("--quick", action="store_true", help="five cases, two pairs")
    given = options.parse_args()
    records = json.loads((given.cases / "dev.json").read_text())
    records = [r for r in records if r.get("tier") == "A" and r["id"].startswith(given.only)]
    if given.quick:
        records, given.pairs = records[:5], 2
    announce(len(records) * SECONDS / given.jobs)
    rows, cases = Rows("Cases", ["case", "faulty", "cure", "try", "with it", "won"]), []
    with ProcessPoolExecutor(given.jobs) as pool:
        waiting = [
            pool.submit(solve, given.cases, r, given.steps, given.pairs, given.orders.split(","))
            for r in records
        ]
        for done in as_completed(waiting):
            case = done.result()
            cases.append(case)
            held = f"{sum(case.scores) / len(case.scores):.2f}" if case.scores else "-"
            won = f"{sum(case.won)}/{len(case.won)}"
            needed = str(case.needed["prove"])
            rows.add(case.name, f"{case.faulty:.2f}", f"{case.cure:.2f}", needed, held, won)
    tables = [summary(cases), proofs(cases)]
    if given.write:
        write_section(PAGE, "cured", "\n\n".join(table.markdown() for table in tables))


if __name__ == "__main__":
    main()
