"""How many faulty programs a remedy cures: `python benchmarks/prove.py [--cases FOLDER] --jobs 2`.

For each program the remedies are tried one after another on its own seed, in the order of `prove`,
in a random order, and as Optuna's TPE proposes them from the same edits. Then `prove` itself proves
one on fresh seeds. All trainings run without a sandbox, with the edit made in the live run, which
is what it does where there is no source to patch; what a remedy gives is the program's own score.
Of the published cases those of tier A are taken, whose cure learns.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import torch
from prove_programs import Trained, own, own_names, published
from rows import Rows, announce, write_section

from lifesigns.prove.candidates import Candidate, asked
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.proof import Conclusion, Limits, Plan, Proof
from lifesigns.prove.proving import prove
from lifesigns.prove.scores import Scored
from lifesigns.records import Trace
from lifesigns.remedies import all_manuals
from lifesigns.report.verdict import alarms
from lifesigns.rules import judge

PAGE = Path(__file__).parents[1] / "docs" / "prove.md"
SECONDS = 45.0
"""One program takes about as long on one core."""
BUDGETS = (1, 3, 10)
LIMITS = Limits(tries=BUDGETS[-1])
POINTS = 0.05


@dataclass
class Case:
    """One faulty program and all that was trained of it."""

    name: str
    lower: bool = False
    """Whether a lower score is better."""
    faulty: float = math.nan
    cure: float = math.nan
    """Score of the published cure."""
    found: bool = False
    needed: dict[str, int] = field(default_factory=dict)
    """By order: which try cured it; 0 if none of ten did."""
    proof: Proof | None = None

    @property
    def chosen(self) -> str:
        """The remedy that was put to the proof last."""
        taken = self.proof and self.proof.chosen
        return f"{taken.name} for {taken.finding.rule}" if taken else "-"

    @property
    def is_proved(self) -> bool:
        """By the fresh seeds."""
        return self.proof is not None and self.proof.conclusion is Conclusion.PROVED

    @property
    def score(self) -> float:
        """With the remedy, mean over the fresh seeds."""
        return _mean(pair.other.score for pair in self.proof.pairs)

    @property
    def gain(self) -> float:
        """By how much that is better than without; no score at all counts as 0."""
        before = (pair.faulty.score for pair in self.proof.pairs)
        gained = self.score - _mean(0.0 if math.isnan(value) else value for value in before)
        return -gained if self.lower else gained

    @property
    def is_foretold(self) -> bool:
        """Whether the price that was stated beforehand is right within 30 %."""
        likely, _ = self.proof.plan.trainings(LIMITS)
        return abs(self.proof.trainings - likely) <= 0.3 * likely

    @property
    def is_as_good(self) -> bool:
        """Whether it has nine tenths of the skill of the known cure."""
        if self.lower:
            return self.score <= self.cure / 0.9
        return self.score >= 0.9 * self.cure


def everything(found, trace):
    """All edits of all kinds that can be made for what was found: the space of the others."""
    space = asked(trace, found)
    for finding in found:
        for manual in all_manuals():
            for edit in manual.made_for(finding, trace):
                if all(edit != known for _, known in space):
                    space.append((finding, edit))
    return space


def sequence(program, faulty, tried):
    """Which of these cures first, counted from 1; refusals cost nothing."""
    number = 0
    for finding, edit in tried:
        if number == BUDGETS[-1]:
            break
        outcome = program.cures(finding, edit, 0, faulty)
        if outcome is None:
            continue
        number += 1
        if outcome[0]:
            return number
    return 0


def by_optuna(program, faulty, space, seed):
    """The same with TPE, which sees the score of each try."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=3)
    )
    number, drawn = 0, 0
    while number < BUDGETS[-1] and drawn < 5 * BUDGETS[-1]:
        trial, drawn = study.ask(), drawn + 1
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


def solve(made, limits, orders):
    """All trainings of one program."""
    torch.set_num_threads(1)
    program = made()
    case = Case(program.name, lower=program.measure.lower_is_better)
    case.cure = program.cure()
    held, trace = program.known(0)
    faulty = Scored.judged(held, trace)
    case.faulty = held
    findings = tuple(judge(trace))
    found = alarms(findings)
    case.found = bool(found)
    space = everything(found, trace)
    case.needed["prove"] = sequence(program, faulty, asked(trace, found))
    if "random" in orders:
        for seed in range(3):
            mixed = random.Random(f"{program.name}{seed}").sample(space, len(space))
            case.needed[f"random {seed}"] = sequence(program, faulty, mixed)
    if "tpe" in orders and space:
        case.needed["TPE"] = by_optuna(program, faulty, space, 0)
    if case.needed["prove"]:
        case.proof = _proved(program, trace, findings, asked(trace, found), limits)
    return case


def _proved(program, trace, findings, tried, limits):
    arms = Trained(program)
    possible = (Candidate(*one) for one in tried if program.known(0, one[1]) is not None)
    remedies = tuple(islice(possible, limits.tries))
    plan = Plan(arms.program, program.measure, trace, findings, remedies, 1.0)
    try:
        proof = prove(arms, plan, limits, lambda _: None)
    except CannotRun as error:
        print(f"{program.name}: {error}", file=sys.stderr, flush=True)
        return None
    return replace(proof, pairs=tuple(replace(p, traces=(Trace(), Trace())) for p in proof.pairs))


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
    tried = [case for case in cases if case.proof is not None]
    proved = [case for case in tried if case.is_proved]
    lines = {
        "found": ([case for case in cases if case.found], cases),
        "a remedy cures its own seed": (tried, cases),
        "and is proved on fresh seeds": (proved, cases),
        "of these, ≥ 90 % of the cure": ([case for case in proved if case.is_as_good], proved),
        "of these, gain > 5 points": ([case for case in proved if case.gain > POINTS], proved),
        "of these, as dear as was said ± 30 %": ([c for c in proved if c.is_foretold], proved),
    }
    rows = Rows("On fresh seeds", ["programs", "number", "share"])
    for name, (some, among) in lines.items():
        rows.add(name, str(len(some)), _share(len(some), len(among)))
    if tried:
        median = statistics.median(len(case.proof.tries) for case in tried)
        rows.add("trainings to choose, median", f"{median:g}", "")
    return rows


def _mean(values):
    return statistics.fmean(values)


def _share(number, of):
    return f"{number / of:.0%}" if of else "-"


def _shown(score):
    return f"{score:.2f}" if abs(score) < 1000 else f"{score:.0e}"


def work(given):
    """What makes each program, by the set that it is of."""
    if given.cases is None:
        return [partial(own, name) for name in own_names() if name.startswith(given.only)]
    records = json.loads((given.cases / "dev.json").read_text())
    chosen = [r for r in records if r.get("tier") == "A" and r["id"].startswith(given.only)]
    return [partial(published, given.cases, record, given.steps) for record in chosen]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--cases", type=Path, help="the published cases; else those of tests/cases"
    )
    options.add_argument("--steps", type=int, default=600, help="of a published case")
    options.add_argument("--pairs", type=int, default=LIMITS.pairs)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--only", default="", help="programs whose name begins so")
    options.add_argument("--orders", default="random,tpe", help="what is compared with prove")
    options.add_argument("--write", action="store_true", help="put the tables into docs/prove.md")
    options.add_argument("--quick", action="store_true", help="five programs, two pairs")
    given = options.parse_args()
    if "tpe" in given.orders and find_spec("optuna") is None:
        options.error(
            "tpe needs Optuna: pip install -c constraints.txt -e '.[benchmarks]'; "
            "or give --orders random"
        )
    programs = work(given)
    if given.quick:
        programs, given.pairs = programs[:5], 2
    limits = replace(LIMITS, pairs=given.pairs)
    announce(len(programs) * SECONDS / given.jobs)
    rows = Rows("Programs", ["program", "faulty", "cure", "try", "with it", "won", "remedy"])
    cases = []
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(solve, made, limits, given.orders) for made in programs]
        for done in as_completed(waiting):
            case = done.result()
            cases.append(case)
            pairs = case.proof.pairs if case.proof is not None else ()
            held = _shown(case.score) if pairs else "-"
            won = f"{sum(pair.is_won for pair in pairs)}/{len(pairs)}"
            needed = str(case.needed["prove"])
            scores = _shown(case.faulty), _shown(case.cure)
            rows.add(case.name, *scores, needed, held, won, case.chosen)
    tables = [summary(cases), proofs(cases)]
    if given.write:
        name = "own" if given.cases is None else "published"
        write_section(PAGE, name, "\n\n".join(table.markdown() for table in tables))


if __name__ == "__main__":
    main()
