"""A page document by hand: a dead layer, a saturated one, and names that try to break out."""

import numpy as np

from lifesigns.report.page.arrays import pack

EVIL = "</script><img src=x onerror=\"document.title='broken'\">"
STEPS = 40
COLUMNS = {
    "size": ([0.1, 10], [0.01, 100], True),
    "centring": ([None, 1], [None, 3], True),
    "dead": ([None, 0.1], [None, 0.4], False),
    "saturated": ([None, 0.1], [None, 0.5], False),
    "slope": ([0.25, None], [0.1, None], True),
    "gradient": ([0.1, 10], [0.001, 100], True),
    "update": ([1e-4, 1e-2], [1e-7, 1], True),
}
TITLES = {
    "dead-units": "Units that never fire",
    "loss-flat": "The loss is flat",
    "saturated-units": EVIL,
}
CHINESE = {
    "Units that never fire": "从不激活的单元",
    "They pass nothing back.": "它们不传回梯度。",
    "below 0.1": "低于 0.1",
}
REMEDY = {
    "text": "Lower the learning rate.",
    "code": "optimizer = SGD(parameters, lr=0.01)  # <b>",
}


def sample(layers=4, findings=True):
    """A page document of a small run.

    Args:
        layers: How many; the second one dies, the third is saturated.
        findings: Whether anything was found.
    """
    found = [_dead(), _flat(), _saturated()] if findings else []
    at = {1: [0, 1], 2: [2]} if findings else {}
    names = [f"{EVIL}:linear#0", *(f"{2 * i}:linear#0" for i in range(1, layers))]
    return {
        "schema": {"name": "lifesigns-page", "version": 1},
        "report": _report(found),
        "words": {"zh": CHINESE},
        "titles": TITLES,
        "run": _run(),
        "losses": [_loss()],
        "evaluated": pack(np.array([100, 300]), "int32"),
        "recorded": {
            "steps": pack(np.arange(STEPS) * 10, "int32"),
            "streams": pack(np.zeros(STEPS), "uint8"),
            "merged": pack(np.ones(STEPS), "int32"),
        },
        "columns": [_column(key, *numbers) for key, numbers in COLUMNS.items()],
        "layers": [_layer(i, name, at.get(i, [])) for i, name in enumerate(names)],
        "ladder": _ladder(layers),
        "parameters": [],
        "maps": [_map(i) for i in range(min(layers, 4))],
        "graph": _graph(names, at),
    }


def _finding(rule, severity, site, step, **more):
    return {
        "rule": rule,
        "code": "ACT001",
        "severity": severity,
        "symptom": f"62 % of {EVIL} are ill",
        "site": site,
        "step": step,
        "measured": "0.62",
        "expected": "below 0.1",
        "certainty": "exact",
        "why": "They pass nothing back.",
        "causes": [],
        "remedies": [REMEDY],
        "evidence": {},
        "intervals": {},
        "explained_by": "",
    } | more


def _dead():
    return _finding("dead-units", "error", "2:linear#0", 120, remedies=[REMEDY, REMEDY])


def _flat():
    return _finding(
        "loss-flat", "warning", "2:linear#0", 390, explained_by="dead-units", remedies=[]
    )


def _saturated():
    return _finding("saturated-units", "note", "4:linear#0", 0)


def _report(findings):
    coverage = {"unreadable": [], "failures": [], "unreached": [], "unwatched": []}
    loss = {"stream": 0, "steps": 400, "first": 2.3, "last": 0.4, "lowest": 0.3, "nonfinite": 0}
    return {
        "schema": {"name": "lifesigns-report", "version": 1},
        "lifesigns": "0.1.0",
        "command": f"train.py {EVIL}",
        "started": "2026-01-31T09:30:00+00:00",
        "versions": {"python": "3.12.1", "torch": "2.6.0", "lifesigns": "0.1.0"},
        "outcome": "finished",
        "verdict": "cannot learn as it stands: 1 error" if findings else "learns: nothing found",
        "ok": not findings,
        "findings": findings,
        "ignored": {},
        "steps": 400,
        "recorded_steps": STEPS,
        "overhead": 0.008,
        "cost": {},
        "losses": [loss],
        "optimizers": ["SGD"],
        "coverage": {"opaque": [EVIL], "hooked_saves": 0, "repeated": 0} | coverage,
    }


def _run():
    counts = {"steps": 400, "recorded": STEPS, "snapshots": STEPS, "streams": 1}
    return {"status": "finished", "reason": "", **counts}


def _loss():
    values = 2.3 * np.exp(-np.arange(400) / 150) + 0.05 * np.sin(np.arange(400))
    return {
        "stream": 0,
        "steps": pack(np.arange(400), "int32"),
        "low": pack(values - 0.05, "float32"),
        "high": pack(values + 0.05, "float32"),
        "nonfinite": pack(np.zeros(400), "int32"),
        "baseline": 2.303,
        "logarithmic": True,
    }


def _column(key, expected, broken, logarithmic):
    ends = {"expected": expected, "broken": broken, "logarithmic": logarithmic}
    return {"key": key, "source": EVIL, **ends}


def _layer(index, name, findings):
    return {
        "name": name,
        "activation": f"{2 * index + 1}:relu#0",
        "operation": "relu",
        "kind": "linear",
        "units": 16,
        "weight": f"{2 * index}.weight",
        "stream": 0,
        "slope": 0.707,
        "findings": findings,
    }


def _ladder(layers):
    time, depth = np.meshgrid(np.linspace(0, 1, STEPS), np.arange(layers))
    dead, saturated = depth == 1, depth == 2
    numbers = {
        "size": np.where(dead, 0.5 * np.exp(-5 * time), 0.8),
        "centring": np.full_like(time, 0.7),
        "dead": np.where(dead, np.clip(time * 1.2 - 0.3, 0, 1), 0),
        "saturated": np.where(saturated, 0.7, np.nan),
        "slope": np.where(saturated, 0.02, 0.7),
        "gradient": 0.01 * 10.0 ** -(np.where(dead, 4 * time, 0.2)),
        "update": np.where(dead, 1e-8, 1e-3) * (1 + time),
    }
    return {key: pack(values, "bfloat16") for key, values in numbers.items()}


def _map(layer):
    rows, columns = np.mgrid[0:16, 0:STEPS]
    alive = (layer != 1) | (columns < 12 + rows)
    return {
        "layer": layer,
        "units": 16,
        "order": pack(np.arange(16)[::-1], "int32"),
        "group": 1,
        "steps": pack(np.arange(STEPS), "int32"),
        "active": pack(np.where(alive, 60 + 10 * rows, 0), "uint8"),
        "saturated": pack(np.where(rows < 4, 255, 20), "uint8") if layer == 2 else None,
    }


def _graph(names, at):
    sites = [_site("input", "input", None, [])]
    for i, name in enumerate(names):
        sites.append(_site(name, "linear", i, at.get(i, [])))
        sites.append(_site(f"{2 * i + 1}:relu#0", "activation", i, []))
    chain = [[i, i + 1] for i in range(len(sites) - 1)]
    return {"sites": sites, "edges": [*chain, [1, 5]]}


def _site(name, kind, layer, findings):
    return {"name": name, "operation": kind, "kind": kind, "layer": layer, "findings": findings}
