"""Every number that decides is a threshold: it says what it measures and where it comes from."""

import ast
import re
from pathlib import Path

import pytest

import lifesigns.evidence
import lifesigns.rules
from lifesigns.evidence import Threshold, numbers

FOLDERS = [Path(package.__file__).parent for package in (lifesigns.evidence, lifesigns.rules)]
MODULES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))
FILES = [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in MODULES]
CASES = re.compile(r"^# --- cases -", re.MULTILINE)
"""What stands below it makes the traces on which the rule is tested, and decides nothing."""
THRESHOLDS = [pytest.param(t, id=name) for name, t in numbers.named_thresholds().items()]
UNSAID = re.compile(r"^(ours|as (for|in))\b")


def is_number(node):
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def counts(node):
    """Whether a number of things stands here: a length, or the units of a layer."""
    parts = list(ast.walk(node))
    lengths = (getattr(getattr(part, "func", None), "id", "") == "len" for part in parts)
    return any(lengths) or any(getattr(part, "attr", "") == "units" for part in parts)


def decides(node, *, counting):
    """Numbers below a node that decide something.

    0, 1 and -1 do not: nothing, one or all of them, a sign, a complement. An index up to 2 from an
    end says which, a square is geometry, and 2 beside a number of things says several, or half.
    """
    if is_number(node):
        allowed = (0, 1, 2) if counting else (0, 1)
        yield from () if abs(ast.literal_eval(node)) in allowed else [node]
    elif isinstance(node, ast.Subscript):
        yield from decides(node.value, counting=counting)
        yield from decides(node.slice, counting=True)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield from decides(node.left, counting=True)
        yield from decides(node.right, counting=True)
    else:
        for child in ast.iter_child_nodes(node):
            yield from decides(child, counting=counting)


def unnamed(text):
    """Line and text of the comparisons that hold a bare number, or the name of one."""
    tree = ast.parse(CASES.split(text)[0])
    bare = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and is_number(node.value)
        for target in node.targets
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            if names & bare or list(decides(node, counting=counts(node))):
                yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", FILES)
def test_what_a_value_is_compared_with_has_a_name_and_a_source(path):
    assert list(unnamed(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "share > 0.9",
        "0.5 < ratio < 2",
        "gain < -0.1",
        "rise > 4 * noise",
        "gain < max(LIMIT, 2 * error)",
        "share > 0.9 * worst[0]",
        "values[-3:].max() > LIMIT",
        "len(means) < 4",
        "FAR = -0.1\nvalue = gain < FAR",
    ],
)
def test_a_bare_number_is_found(text):
    assert len(list(unnamed(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "gain > LIMIT",
        "site.units < 2",
        "len(known) > 2",
        "single > len(counts) / 2",
        "known[2] > 1 / LIMIT",
        "end > MISS**2",
        "end < (1 - LIMIT) * start",
        "gain > LIMIT\n# --- cases ---\nvalue > 0.9",
    ],
)
def test_counts_indices_and_complements_are_no_thresholds(text):
    assert list(unnamed(text)) == []


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_no_source_says_only_that_the_number_is_ours(threshold):
    assert threshold.meaning
    assert threshold.source
    assert not UNSAID.search(threshold.source)


def test_numbers_of_rules_and_of_evidence_are_found_by_their_names():
    named = numbers.named_thresholds()

    assert named["evidence.thresholds.LEARNED"] == 0.05
    assert named["rules.activations.dead_units.NOTED"] == 0.1
    assert all(isinstance(threshold, Threshold) for threshold in named.values())
    assert "rules.activations.dead_units.DEAD_SHARE" not in named, "it stands once"
