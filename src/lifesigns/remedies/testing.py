"""How edits write their cases: a small script that trains, of which a case names one piece."""

from __future__ import annotations

import textwrap

from lifesigns.records import Graph, Kind, Site, Snapshot, Trace
from lifesigns.remedies._edit import Case, Edit

SCRIPT = """\
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(64, 4), torch.rand(64, 1)
"""
MODEL = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))"
OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)"
LOOP = """\
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
"""
LOSS_LOOP = """
for step in range(20):
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
"""A loop with a loss of the case's own."""


def script(
    *, data: str = "", model: str = MODEL, optimizer: str = OPTIMIZER, loop: str = LOOP
) -> str:
    """A script that trains, most of it given.

    Args:
        data: Behind the imports and `x`, `y` of 64 samples, 4 features and a target in 0 to 1.
        model: Defines `model`.
        optimizer: Defines `optimizer`.
        loop: Trains.
    """
    parts = (data, model, optimizer, loop)
    return SCRIPT + "".join(textwrap.dedent(part).strip("\n") + "\n" for part in parts if part)


def case(
    name: str,
    edit: Edit,
    part: str,
    before: str,
    after: str | None,
    *,
    frame: str = "{}",
    **others: str,
) -> Case:
    """A case that says one part of the script.

    Args:
        name: What is special; `refused: ...` where the edit has to refuse.
        edit: Rewrites the script.
        part: `data`, `model`, `optimizer` or `loop`.
        before: This part of the script.
        after: The same part as the edit has to leave it; None where it has to refuse.
        frame: What stands around it, before and after.
        others: Other parts, the same before and after.
    """
    rewritten = None if after is None else script(**others, **{part: frame.format(after)})
    return Case(name, edit, script(**others, **{part: frame.format(before)}), rewritten)


def loss_case(
    name: str,
    edit: Edit,
    model: str,
    data: str,
    criterion: str,
    loss: str,
    before: str,
    after: str | None,
) -> Case:
    """A case of how a loss is told something: where its module is built, or where it is called.

    Args:
        name: See `case`.
        edit: Rewrites the script.
        model: Defines `model`.
        data: Has `{}` for the module of the loss.
        criterion: Builds the module, with `{}` for what is told; empty for a function.
        loss: The value that is differentiated, with `{}` for what a function is told.
        before: What stands for `{}`.
        after: What the edit has to leave there; None where it has to refuse.
    """
    loop = LOSS_LOOP.format(loss)
    if criterion:
        built = data.format(criterion)
        return case(name, edit, "data", before, after, frame=built, model=model, loop=loop)
    return case(name, edit, "loop", before, after, frame=loop, model=model, data=data.format(""))


def site(name: str, kind: Kind = Kind.ACTIVATION, units: int = 8) -> Site:
    """A site by its name.

    Args:
        name: As reports show it, e.g. `1:relu#0`.
        kind: What it does.
        units: Its width.
    """
    module, _, rest = name.rpartition(":")
    operation, _, call = rest.partition("#")
    return Site(module, operation, int(call or 0), kind, (64, units))


def trace_of(*sites: Site) -> Trace:
    """A trace of one step with these sites, each feeding the next.

    Args:
        sites: In forward order.
    """
    edges = tuple(zip(range(len(sites)), range(1, len(sites)), strict=False))
    return Trace(snapshots=(Snapshot(0, Graph(sites, edges)),), steps=1)
