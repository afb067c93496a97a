"""GRD030: a recurrence whose state is detached in each of its steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED, HALF, WEAK
from lifesigns.records import Finding, Graph, Kind, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNREACHED = "calls_cut_off"
"""The detail of a site that says how many calls before its own no gradient reaches."""
COPIED = "copied_weights"
"""The detail of a loss that says of how many parameters it is computed with copies."""
CUTS = Threshold(2, "steps of a recurrence whose state is cut off", "definition")

COPIES = Threshold(1, "weights in whose place copies are adapted", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for snapshot in stream.snapshots:
        if cells := _cut_off(snapshot.graph):
            yield _finding(stream, snapshot.step, cells[0])
            return
        last = [s for s in snapshot.graph.sites if s.details.get(UNREACHED, 0) >= CUTS]
        if last:
            told = _apart if last[0].call else _unreached
            yield told(stream, snapshot.step, last[0])
            return
        copied = snapshot.loss.details.get(COPIED, 0) if snapshot.loss else 0
        if copied >= COPIES:
            yield _copied(stream, snapshot.step, int(copied))
            return


def _cut_off(graph: Graph) -> list[list[Site]]:
    """The calls of each linear map that reads no state but a detached one."""
    calls: defaultdict[tuple[str, ...], list[Site]] = defaultdict(list)
    for index in graph.of_kind(Kind.LINEAR):
        calls[graph.sites[index].parameters].append(graph.sites[index])
    return [group for group in calls.values() if _is_cut(group)]


def _is_cut(group: Sequence[Site]) -> bool:
    """Whether all calls but the first are cut: pieces of several steps have some that are not."""
    cuts = sum("cut_state" in site.details for site in group)
    return cuts >= max(CUTS, len(group) - 1)


def _finding(stream: Stream, step: int, calls: Sequence[Site]) -> Finding:
    course, weight = stream.course, calls[0].parameters[0]
    poor = course.steps >= ENOUGH_STEPS and course.gain < WEAK
    return RULE.finding(
        Severity.WARNING if poor else Severity.NOTE,
        f"no gradient goes back through the {counted(len(calls), 'step')} of {weight}",
        site=calls[0].name,
        step=step,
        measured=f"from the second of {len(calls)} calls on, {weight} reads what the call before "
        f"it made, without its graph{course.remark}",
        expected="a state that keeps its graph within the pieces that one backward pass is for",
        certainty="proved on the graph",
        causes=("frozen", "vanishing", "other"),
        remedies=(_ONCE,),
        evidence={"calls": len(calls), "gain": course.gain},
    )


def _unreached(stream: Stream, step: int, last: Site) -> Finding:
    course, before = stream.course, int(last.details[UNREACHED])
    place = last.module or last.parameters[0]
    much = HALF < course.gain <= FITTED and course.steps >= ENOUGH_STEPS
    return RULE.finding(
        course.harm(HALF, alarms=much),
        f"the loss reaches 1 of {before + 1} calls of {place}: no gradient goes back through "
        "its steps",
        site=last.name,
        step=step,
        measured=f"the last call reads what the step before it made, without its graph, and none "
        f"of the {before} calls before it is in the loss's graph{course.remark}",
        expected="a state that keeps its graph within the pieces that one backward pass is for",
        certainty="proved on the graph and by the memory of the state",
        causes=("frozen", "vanishing", "other"),
        remedies=(_ONCE,),
        evidence={"calls": before + 1, "gain": course.gain},
    )


def _apart(stream: Stream, step: int, last: Site) -> Finding:
    """All calls are in the graph: those before the last for a penalty on their own outputs."""
    course, before = stream.course, int(last.details[UNREACHED])
    return RULE.finding(
        course.harm(HALF, alarms=not course.gain > FITTED),
        f"the end of a run reaches 1 of {before + 1} calls: no gradient goes back through its "
        "steps",
        site=last.name,
        step=step,
        measured=f"each call is given the samples of the one before, moved on, without a graph; "
        f"of the {before} calls before the last the loss has nothing but terms of what each says "
        f"by itself{course.remark}",
        expected="a state that keeps its graph within the pieces that one backward pass is for",
        certainty="proved on the graph; that the samples move on, by their correlation",
        causes=("frozen", "vanishing", "other"),
        remedies=(_RUN,),
        evidence={"calls": before + 1, "gain": course.gain},
    )


def _copied(stream: Stream, step: int, copied: int) -> Finding:
    course = stream.course
    return RULE.finding(
        course.harm(HALF),
        f"the loss is computed with copies of {counted(copied, 'weight')} that are cut off the "
        "parameters",
        step=step,
        measured="layers compute with a number without a graph plus a gradient, next to what the "
        "parameters are: the loss reaches these through second derivatives alone"
        f"{course.remark}",
        expected="adapted weights whose graph leads back to those they began with",
        certainty="proved on the graph and by the values of the weights",
        causes=("frozen", "other"),
        remedies=(_ADAPT,),
        evidence={"weights": copied, "gain": course.gain},
        why="An inner loop is a recurrence whose state are the weights. Where each of its steps "
        "begins with their `.data` alone, the gradient of the loss by the adapted weights does not "
        "come back to the parameters, which then are no start that was learned.",
    )


_ADAPT = Remedy(
    "Adapt the weights themselves, not their `.data` or what `detach()` gives.",
    "weights = {name: w - rate * gradients[name] for name, w in weights.items()}",
)
_RUN = Remedy(
    "Let the state keep its graph from the start of the run to the loss.",
    "for _ in range(horizon):\n"
    "    state = simulator(state, policy(state))  # no detach\n"
    "loss = miss(state)",
)
_ONCE = Remedy(
    "Detach the state once for each piece, behind its backward pass, and not within it.",
    "for x, y in pieces:\n"
    "    state = state.detach()\n"
    "    for now in x.unbind(1):\n"
    "        state = cell(now, state)",
)


# --- cases ----------------------------------------------------------------------------------------
def _with(details: Iterable[dict[str, float]], losses: Sequence[float]) -> Trace:
    """A cell whose calls have these details."""
    known = example.regression(losses, update=1e-3)
    first, *rest = known.snapshots[0].graph.sites
    graph = Graph((*rest, *(replace(first, call=i, details=d) for i, d in enumerate(details))))
    return replace(known, snapshots=tuple(replace(s, graph=graph) for s in known.snapshots))


def _at_the_end(before: int, losses: Sequence[float] = example.FLAT) -> Trace:
    """A cell of whose calls the last alone is in the graph."""
    return _with([{UNREACHED: float(before)}], losses)


def _simulated(before: int, losses: Sequence[float] = example.FLAT) -> Trace:
    """A policy of whose calls the last alone is reached by the end of the run."""
    return _with([*[{}] * before, {UNREACHED: float(before)}], losses)


def _example(cuts: Sequence[bool], losses: Sequence[float] = example.FLAT) -> Trace:
    """A cell whose state is detached before these of its calls."""
    return _with(({"cut_state": 1.0} if cut else {} for cut in cuts), losses)


def _adapted(copied: int, losses: Sequence[float] = example.FLAT) -> Trace:
    """A loss that is computed with copies of so many weights."""
    known = example.regression(losses, update=1e-3)
    return example.marked(known, {COPIED: float(copied)} if copied else {})


_ALL, _FALLING = [False, *[True] * 5], example.FALLING
_FITS, _MUCH = ([1.0] * 20 + [end] * 380 for end in (0.02, 0.2))

RULE = Rule(
    code="GRD030",
    name="state-cut-off",
    title="No gradient goes back through a recurrence",
    why="A recurrence learns what to remember from the gradient that later steps send back through "
    "its state. Where the state is detached in each step, none arrives, and what is needed later "
    "is kept by chance only.",
    sees="""
A state that is detached, or made anew from its values, within the loop over time: `cell(x,
state.detach())`. Every step learns for itself alone, as a network without a memory. Or an inner
loop, as of meta-learning, that adapts weights by `w.data - rate * gradient`.
""",
    evidence="""
A weight is used several times in one pass, and from the second time on it reads what the time
before made: the same memory, without its graph. From what it reads no way leads back further. An
alarm where the fit is weak.

Where the loss is of the last step alone, only that call is in its graph. The calls of the module
tell then: each read an input of its own, the last the state of the one before it, and none before
it is reached by the loss. Or layers are called in turn within a loop: one of them reads slice after
slice of a sequence, and another, or the same, each time something new that has no graph. An alarm
unless nine tenths are fitted.

A policy in a simulator is asked again and again, each time of the same samples, moved on, without a
graph. The last call leads to the loss in another way than by a number from what it says alone, such
as an effort, and none before it does. An alarm unless nine tenths are fitted.

Of an inner loop, for all parameters that are matrices: layers compute with a sum of something
without a graph and something that data have entered, whose numbers are next to the parameter's.
""",
    ignore="""
Detaching once between two backward passes, or once for each piece of several steps, is as it should
be. Iterations that are each trained for themselves (refinement) may do without: a note, if they
learn. Where other weights are in the graph that have no such copies (of a network that weighs the
samples, or of layers that are not adapted), these may be all that the loss is to train.
""",
    references=(
        "Werbos 1990, Backpropagation Through Time: What It Does and How to Do It",
        "Finn, Abbeel & Levine 2017, Model-Agnostic Meta-Learning for Fast Adaptation",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "cuts": CUTS,
        "copies": COPIES,
        "steps": ENOUGH_STEPS,
        "fit": WEAK,
        "good": HALF,
        "fitted": FITTED,
    },
    explains=("loss-flat", "dead-units", "vanishing-gradient", "stopped-early", "labels-unrelated"),
    cases=(
        Case("cut in each step", lambda: _example(_ALL), Severity.WARNING),
        Case("from the first step on", lambda: _example([True] * 3), Severity.WARNING),
        Case("near miss: cut, and learns all the same", lambda: _example(_ALL, _FALLING), None),
        Case("a loss of the last of 8 calls alone", lambda: _at_the_end(7), Severity.WARNING),
        Case("near miss: the last of 8, and fits", lambda: _at_the_end(7, _FITS), None),
        Case("the last of 8, and much is learned", lambda: _at_the_end(7, _MUCH), Severity.WARNING),
        Case("the last of 25 calls of a policy", lambda: _simulated(24), Severity.WARNING),
        Case("near miss: the last of 25, and fits", lambda: _simulated(24, _FITS), None),
        Case("copies are adapted", lambda: _adapted(3), Severity.ERROR),
        Case("near miss: copies, and learns all the same", lambda: _adapted(3, _FALLING), None),
        Case("the weights are adapted", lambda: _adapted(0), None),
        Case("near miss: one call before it", lambda: _at_the_end(1), None),
        Case("near miss: pieces of two steps", lambda: _example([False, True] * 4), None),
        Case("one step of two", lambda: _example([False, True]), None),
        Case("a state with its graph", lambda: _example([False] * 6), None),
        Case(
            "readings missing: no fit is known",
            lambda: example.unread(_example(_ALL)),
            None,
        ),
    ),
)
