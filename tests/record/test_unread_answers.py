"""What a network answers to the batch of its teacher, and no loss reads, is found."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns

X, Y = torch.randn(16, 4), torch.randint(0, 3, (16,))
OTHERS = torch.randn(24, 4)


def students(step, *, copied=False):
    """The marks of three steps, each with the losses that `step` gives of a student and teacher."""
    torch.manual_seed(0)
    student = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    teacher = copy.deepcopy(student) if copied else nn.Sequential(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01)
    with lifesigns.watch(every=1, strict=True) as watcher:
        for _ in range(3):
            optimizer.zero_grad()
            for loss in step(student, teacher):
                loss.backward()
            optimizer.step()
    assert watcher.trace is not None
    return [s.loss.details.get("unread_answers") for s in watcher.trace.snapshots if s.loss]


def asked(teacher, x=OTHERS):
    with torch.no_grad():
        return teacher(x).softmax(1)


def compared(said, wanted):
    return F.kl_div(said.log(), wanted, reduction="batchmean")


def with_itself(student, teacher):
    loss, wanted = F.cross_entropy(student(X), Y), asked(teacher)
    student(OTHERS).softmax(1)
    yield loss + compared(wanted, wanted)


def test_a_teacher_that_is_compared_with_itself():
    assert students(with_itself) == [1, 1, 1]


def test_a_copy_may_be_asked_for_an_action():
    assert students(with_itself, copied=True) == [None] * 3


def with_the_student(student, teacher):
    loss, wanted = F.cross_entropy(student(X), Y), asked(teacher)
    yield loss + compared(student(OTHERS).softmax(1), wanted)


def with_a_figure_beside_it(student, teacher):
    wanted = asked(teacher)
    said = student(OTHERS).softmax(1)
    student(OTHERS).argmax(1)
    yield compared(said, wanted)


def with_labels_of_the_teacher(student, teacher):
    yield F.cross_entropy(student(OTHERS), asked(teacher).argmax(1))


@pytest.mark.parametrize(
    "step", [with_the_student, with_a_figure_beside_it, with_labels_of_the_teacher]
)
def test_an_answer_that_is_read(step):
    assert students(step) == [0, 0, 0]


def in_the_second_pass(student, teacher):
    wanted = asked(teacher)
    said = student(OTHERS).softmax(1)
    yield F.cross_entropy(student(X), Y)
    yield compared(said, wanted)


def test_an_answer_that_the_next_pass_reads():
    marks = students(in_the_second_pass)

    assert 0 in marks
    assert marks.count(0) == 3


def without_gradients(student, teacher):
    asked(teacher)
    asked(student)
    yield F.cross_entropy(student(X), Y)


def in_evaluation(student, teacher):
    asked(teacher)
    student.eval()(OTHERS)
    yield F.cross_entropy(student.train()(X), Y)


def of_other_batches(student, teacher):
    asked(teacher)
    student(X + 1)
    yield F.cross_entropy(student(X), Y)


@pytest.mark.parametrize("step", [without_gradients, in_evaluation, of_other_batches])
def test_figures_beside_the_training_are_none(step):
    assert students(step) == [None] * 3
