"""DAT054: fields that are numbered from 0 look up the first rows of a table made for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.fields import (
    FIELDS,
    GIVEN,
    HIGHEST,
    LOWEST,
    ROWS,
    SAMPLES,
    Fields,
    fields_of,
)
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(2, "recorded steps in which it is so", "one may be a trial")
FEWEST = Threshold(64, "samples of all recorded steps, at least", "a definition: no accident")
FILLED = Threshold(
    0.9,
    "rows that the fields need together over those of the table, at least",
    "a definition: rare values are in batches that were not recorded",
)
REACHED = Threshold(
    0.95, "rows up to the highest number over those of the table, at most", "a definition"
)
MISSED = Threshold(
    0.5,
    "rows that no field needs over those behind the highest number, at most",
    "a definition: the sum of the fields is the nearer explanation",
)
NEAR = Threshold(
    0.25, "lowest number of a field over its highest, at most", "a definition: numbered from 0"
)
APART = Threshold(
    1.5,
    "values of the largest field over those of the smallest, at least",
    "a definition: the places of a text share one vocabulary, and so one size",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream: that of the table with most rows that are never read."""
    found = [fields for fields in fields_of(stream) if _share_rows(fields)]
    if not found:
        return
    fields = max(found, key=lambda each: each.rows - each.reached)
    rows, sizes, behind = fields.rows, fields.sizes, fields.rows - fields.reached
    yield RULE.finding(
        Severity.WARNING,
        f"{len(sizes)} fields that are each numbered from 0 share the first {fields.reached} of "
        f"{rows} rows of a table",
        site="input",
        step=stream.first.step,
        measured=f"in {counted(fields.steps, 'recorded step')} no number is above "
        f"{max(fields.highest)}, so that {behind} rows are never looked up, and the fields have "
        f"{fields.needed} values together, from {min(sizes)} to {max(sizes)} each"
        f"{stream.course.remark}",
        expected="fields of which each begins where the one before ends, up to the last row",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_STARTS, _TABLES),
        evidence={"rows": rows, "reached": fields.reached, "needed": fields.needed},
    )


def _share_rows(fields: Fields) -> bool:
    """Whether the rows are enough for all fields side by side, and hardly more, but not used so."""
    if fields.steps < STEPS or fields.samples < FEWEST:
        return False
    pairs = zip(fields.lowest, fields.highest, strict=True)
    begin_at_0 = all(0 <= low <= max(1, NEAR * high) for low, high in pairs)
    differ = max(fields.sizes) >= APART * max(1, min(fields.sizes))
    left = fields.rows - fields.needed
    spare = left in (1, len(fields.sizes))  # a row for padding, or for what is unknown in each
    fill = left >= 0 and (spare or fields.needed >= FILLED * fields.rows)
    behind = fields.rows - fields.reached
    return begin_at_0 and differ and fill and _is_nearer(fields, left, behind)


def _is_nearer(fields: Fields, left: int, behind: int) -> bool:
    return fields.reached <= REACHED * fields.rows and left <= MISSED * behind


_STARTS = Remedy(
    "Add to each field the number of values of all fields before it.",
    "starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)\n"
    "self.register_buffer('starts', starts)  # in the model\n"
    "vectors = self.table(x + self.starts)  # x: samples, fields",
    edit="add-starts",
)
_TABLES = Remedy(
    "Or give each field a table of its own.",
    "tables = nn.ModuleList(nn.Embedding(size, width) for size in sizes)\n"
    "vectors = torch.stack([table(x[:, i]) for i, table in enumerate(tables)], 1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    rows: int, *highest: Sequence[int], lowest: int = 0, samples: int = 256, ends: bool = True
) -> Trace:
    """The highest number of each field, in one recorded step after the other.

    Args:
        rows: Of the table.
        *highest: Of each step.
        lowest: Of each field.
        samples: In each step.
        ends: Whether the fields are known to reach no further than there are rows.
    """

    def details(tops: Sequence[int]) -> dict[str, float]:
        found: dict[str, float] = {f"{ROWS}0": rows, f"{FIELDS}0": len(tops)}
        found |= {f"{SAMPLES}0": samples, f"{GIVEN}0": 1}
        lows = {f"{LOWEST}0_{i}": lowest for i in range(len(tops))}
        highs = {f"{HIGHEST}0_{i}": top for i, top in enumerate(tops)}
        return found | lows | highs if ends else found

    known = example.regression(example.FALLING, update=1e-3)
    return example.marked_each(known, map(details, highest))


_SEEN = [59, 76, 23, 6], [58, 79, 23, 6], [59, 78, 22, 6], [57, 79, 23, 5]

RULE = Rule(
    code="DAT054",
    name="fields-share-rows",
    title="Fields that share the first rows of a table made for all of them",
    why="Where several categorical fields look up one table, each is to have rows of its own. If "
    "all are numbered from 0, value 3 of one field and value 3 of another are the same vector: the "
    "network cannot tell them apart, and most of the table is never read.",
    sees="""
A factorisation machine with `nn.Embedding(sum(sizes), width)`, given `x` of `[samples, fields]` as
it is in the table of the data. All sizes fit and no number is out of range.
""",
    evidence="""
The lowest and highest number of each field, over the first recorded steps. Each field begins at 0,
or near it; as many values as they have together, the table has rows, or one more for padding, or
one more for each field; and the highest number of all is clearly below that. What columns of a
matrix look up is looked at, and what vectors look up in one table in turn.
""",
    ignore="""
Fields of the same size are not told, for the places of a short text look the same; nor are fields
of which one alone has nearly all values.
""",
    references=(
        "Rendle 2010, Factorization Machines",
        "torchfm, FeaturesEmbedding: `x + x.new_tensor(self.offsets)`",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "fewest": FEWEST,
        "filled": FILLED,
        "reached": REACHED,
        "missed": MISSED,
        "near": NEAR,
        "apart": APART,
    },
    cases=(
        Case("four fields", lambda: _example(171, *_SEEN), Severity.WARNING),
        Case("a row for padding", lambda: _example(172, *_SEEN), Severity.WARNING),
        Case(
            "a row for what is unknown in each",
            lambda: _example(19, [2, 3, 7], [2, 4, 7]),
            Severity.WARNING,
        ),
        Case(
            "numbered from 1",
            lambda: _example(31, [10, 20], [9, 20], lowest=1),
            Severity.WARNING,
        ),
        Case(
            "numbered from 1, and 0 for none",
            lambda: _example(29, [10, 18], [9, 18]),
            Severity.WARNING,
        ),
        Case("rare values", lambda: _example(180, *_SEEN), Severity.WARNING),
        Case(
            "near miss: fields that follow one another",
            lambda: _example(171, *_SEEN, ends=False),
            None,
        ),
        Case("near miss: a table for more", lambda: _example(300, *_SEEN), None),
        Case("near miss: a table for less", lambda: _example(160, *_SEEN), None),
        Case(
            "near miss: places of a text", lambda: _example(120, [28, 30, 29, 30], [30] * 4), None
        ),
        Case("near miss: one field has nearly all", lambda: _example(102, [99, 1], [99, 1]), None),
        Case("near miss: one step", lambda: _example(171, _SEEN[1]), None),
        Case("near miss: few samples", lambda: _example(171, *_SEEN, samples=8), None),
        Case("readings missing: no loss", lambda: example.unread(_example(171, *_SEEN)), None),
    ),
)
