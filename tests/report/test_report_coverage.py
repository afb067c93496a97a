from made_reports import parameters

from lifesigns.records import Coverage, Graph, Snapshot, Trace
from lifesigns.report.coverage import Unseen


def seen(**coverage):
    return Snapshot(0, Graph(), coverage=Coverage(**coverage))


def test_what_several_snapshots_missed_is_named_once():
    trace = Trace((seen(opaque=("A", "B")), seen(opaque=("B", "C"), hooked_saves=2), seen()))

    unseen = Unseen.of(trace)

    assert unseen.opaque == ("A", "B", "C")
    assert unseen.hooked_saves == 2


def test_a_parameter_that_one_of_two_losses_reaches_is_reached():
    trace = Trace(
        (
            parameters(("generator.weight", False), ("unused.weight", False)),
            parameters(("generator.weight", True), ("unused.weight", False)),
        )
    )

    assert Unseen.of(trace).unreached == ("unused.weight",)


def test_many_names_are_counted_and_the_first_given():
    trace = Trace((seen(opaque=tuple("ABCDE")),))

    assert list(Unseen.of(trace).sentences()) == [
        "the inside of 5 opaque operations: A, B, C and 2 more"
    ]


def test_every_kind_of_gap_has_its_sentence():
    gaps = seen(
        opaque=("A",),
        hooked_saves=1,
        repeated=1,
        unreadable=("0:relu#0: in place",),
        failures=("Oops: x",),
    )
    trace = Trace((gaps, parameters(("a", False))), unseen=("autograd.grad was used",))

    sentences = list(Unseen.of(trace).sentences())

    parts = [
        "autograd.grad was used", "1 opaque operation: A", "packed away", "eager repetition",
        "1 site: 0:relu#0",
        "1 trainable parameter that no recorded loss reaches: a", "the recorder failed: Oops: x",
    ]  # fmt: skip
    assert len(sentences) == len(parts)
    assert [part for part, sentence in zip(parts, sentences, strict=True) if part in sentence] == (
        parts
    )


def test_a_complete_recording_has_nothing_to_say():
    assert list(Unseen.of(Trace((seen(nodes=12),))).sentences()) == []
