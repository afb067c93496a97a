"""Fields that look up one table, put together from what single batches show of them."""

from lifesigns.evidence import Run
from lifesigns.evidence.fields import Fields, fields_of
from lifesigns.rules import testing as example


def details(tops, lows=(0, 0), number=0, rows=20):
    found = {f"rows_of_fields_{number}": rows, f"fields_of_table_{number}": len(tops)}
    found |= {f"samples_of_fields_{number}": 32, f"given_as_fields_{number}": 1.0}
    found |= {f"lowest_of_fields_{number}_{i}": low for i, low in enumerate(lows)}
    return found | {f"highest_of_fields_{number}_{i}": top for i, top in enumerate(tops)}


def found(*marks):
    trace = example.marked_each(example.regression(example.FALLING, update=1e-3), marks)
    return [*fields_of(Run.of(trace).streams[0])]


def test_the_ends_are_those_of_all_batches():
    (fields,) = found(details((9, 4), (1, 0)), details((12, 3), (0, 1)))

    assert fields == Fields(20, (0, 0), (12, 4), 64, 2, True)
    assert (fields.sizes, fields.needed, fields.reached) == ((13, 5), 18, 13)
    assert fields.starts == (0, 13)


def test_a_table_that_is_too_small_in_one_batch_is_left_out_and_others_are_not():
    too_far = {k: v for k, v in details((19, 19)).items() if "est_" not in k}
    other = details((7, 2), number=1, rows=11)

    (fields,) = found(details((9, 4)) | other, too_far | other)

    assert fields.rows == 11


def test_a_table_that_changes_is_left_out():
    assert found(details((9, 4)), details((9, 4), rows=21)) == []


def test_fields_that_are_numbered_from_1_leave_row_0():
    from_one = Fields(13, (1, 1), (8, 4), 64, 2)

    assert (from_one.needed, from_one.starts, from_one.are_complete) == (12, (0, 8), True)


def test_fields_may_share_one_0():
    padded = Fields(13, (0, 0), (8, 4), 64, 2)

    assert (padded.needed, padded.are_complete) == (13, False)
    assert Fields(14, (0, 0), (8, 4), 64, 2).are_complete
