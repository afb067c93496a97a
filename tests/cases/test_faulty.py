"""Faulty programs and their cures: the fault is found and named, the cure is left alone.

A cause counts as named when it is among the causes of one of the first three alarms, or of the
first alarm where the program says so: the count of `scripts/score`.
"""

import alarms
import faulty
import pytest
from program import programs_of
from watched import watched

from lifesigns.rules._rule import CAUSES

PROGRAMS = programs_of(faulty)
KNOWN_ALARMS = alarms.read()

NOT_FOUND_TODAY = {
    "forgotten_start": "vanishing-gradient: the time steps of one recurrence are not seen",
    "saturated_recurrence": "saturated-units: the states inside of nn.RNN are not read",
    "unscaled_attention": "saturated-units: an attention that is one-hot for every row",
    "student_of_probabilities": "no rule: a divergence that is given probabilities, and is below 0",
    "pairs_of_zero_and_one": "no rule: targets of 0 and 1 in a loss that knows 1 and -1",
    "twins_that_agree_on_one_point": "constant-output: embeddings that are one direction",
    "critic_sure_from_the_start": "saturated-units: losses that oppose each other leave a note",
    "patches_of_other_pictures": "no rule: a gradient at other rows of the batch; loss-flat a note",
    "rates_taken_for_their_logarithms": "no rule: a softplus before a loss that takes logarithms",
    "boxes_in_pixels": "unscaled-target: the box is one term of a sum, dead units are seen of it",
    "empty_cells_outweigh_the_object": "no rule: a term of a sum that swamps the others",
    "rewards_in_a_column": "broadcast-loss: an advantage of (N, N) in a hand-written loss",
    "policy_descends_its_reward": "no rule: the reward is no part of the loss",
    "probabilities_for_ctc": "no rule: CTC is not known, nor that its input sums to 1",
    "lines_too_short_for_their_text": "no rule: a loss of exactly 0 from the first step",
    "decoder_is_told_the_answer": "no rule: the input holds the target at the same place",
    "only_padding_counts": "no rule: the loss counts targets of one class only",
    "state_detached_at_each_step": "no rule: a recurrence through which no gradient goes back",
    "decay_counted_in_batches": "no rule: a rate that has fallen to nothing",
    "steps_lost_in_bfloat16": "rate-too-low: updates that a dtype rounds away are not seen",
}
"""Programs whose fault no rule sees yet."""

MISNAMED_TODAY = {
    "shuffled_labels": "dead-units: units that die under random labels lead",
    "normalised_over_one_feature": "constant-output: the constant begins at the layer norm",
    "read_at_the_padding": "constant-output: a faded state is called saturated",
    "no_positions": "dead-units: units that die without any signal lead",
    "half_precision_overflow": "non-finite-origin: an infinity that a division makes 0 is not seen",
    "attention_among_the_rows": "dead-units: units that die without any signal lead",
    "generator_cut_off": "loss-flat: the weights of an optimizer without a graph are not named",
    "adapters_of_two_zeros": "loss-diverges: two trainings one after the other are taken for one",
    "branches_times_a_plain_zero": "zero-gradient: a constant zero is not told from a bad output",
    "decay_that_wins": "constant-output: weights that only the decay moves are not seen",
    "divergence_outweighs_the_picture": "no rule: a term of a sum that swamps the others",
    "divergence_with_a_minus": "rate-too-high: a loss far below 0 is put down to the rate",
    "smoothed_by_twenty_layers": "dead-units: units that die in nodes that are all alike lead",
    "mask_of_the_wrong_side": "constant-output: a place that sees padding only is called saturated",
}
"""Programs whose fault is found and put down to another cause."""


def each(excused=()):
    return [pytest.param(p, id=p.name, marks=[*marks(p, excused)]) for p in PROGRAMS]


def marks(program, excused):
    yield pytest.mark.sampled(program.name, KNOWN_ALARMS.get(program.name, ()))
    if program.name in excused:
        yield pytest.mark.xfail(reason=excused[program.name], raises=AssertionError)


@pytest.mark.parametrize("program", each(NOT_FOUND_TODAY))
def test_the_fault_is_found_by_the_rule_that_led_before(program, request):
    value, report = watched(program)
    found = [*dict.fromkeys(f.rule for f in report.findings if f.severity.value != "note")]
    if request.config.getoption("--overwrite"):
        alarms.write(program.name, found)

    if program.learnt(value):
        pytest.fail(f"it learns all the same: {program.measure} is {value:.3g}, {program.goal}")
    assert not report.ok, report
    assert alarms.read()[program.name][0] in found, report


@pytest.mark.parametrize("program", each(NOT_FOUND_TODAY | MISNAMED_TODAY))
def test_its_cause_is_named(program):
    _, report = watched(program)

    alarms = [set(f.causes) for f in report.findings if f.severity.value != "note"]
    named = set().union(*alarms[: 1 if program.leads else 3])

    assert named & set(program.causes), report


@pytest.mark.parametrize("program", each())
def test_the_cure_learns_and_is_left_alone(program):
    value, report = watched(program, fixed=True)

    if not program.learnt(value):
        pytest.fail(f"it is no cure: {program.measure} is {value:.3g}, {program.goal}")
    assert report.ok, report


def test_each_says_what_is_wrong_in_words_that_rules_use():
    assert [p.name for p in PROGRAMS if len(p.story) < 40] == []
    assert [p.name for p in PROGRAMS if not set(p.causes) or set(p.causes) - CAUSES] == []
    assert len({p.name for p in PROGRAMS}) == len(PROGRAMS)


def test_only_programs_that_exist_are_excused():
    assert set(NOT_FOUND_TODAY | MISNAMED_TODAY) <= {p.name for p in PROGRAMS}
