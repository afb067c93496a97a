import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split
from program import faulty
from torch import nn

TEMPERATURE = 4.0


def trained_teacher(x, y):
    teacher = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(teacher.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 64, 150):
        optimizer.zero_grad()
        F.cross_entropy(teacher(xb), yb).backward()
        optimizer.step()
    return teacher.requires_grad_(False)


@faulty("accuracy", at_least=0.85, causes=("wrong_loss", "wrong_output_activation"))
def student_of_probabilities(fixed=False):
    """The divergence from a teacher is given the student's probabilities where it expects their
    logarithms: nearly nothing is left of the gradient, and the loss can fall below zero."""
    (x, y), held_out = split(*digits())
    teacher = trained_teacher(x, y)
    student = nn.Sequential(nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 10))
    optimizer = torch.optim.SGD(student.parameters(), lr=0.2, momentum=0.9)
    divergence = nn.KLDivLoss(reduction="batchmean")
    squash = nn.LogSoftmax(1) if fixed else nn.Softmax(1)
    for xb, _ in minibatches(x, y, 64, 300):
        wanted = F.softmax(teacher(xb) / TEMPERATURE, 1)
        loss = divergence(squash(student(xb) / TEMPERATURE), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(student, *held_out)


@faulty("accuracy", at_least=0.85, causes=("wrong_loss", "other"))
def teacher_compared_with_itself(fixed=False):
    """Thirty digits have labels and the others a teacher, whose answers are compared with its own:
    the student learns from the thirty alone."""
    (x, y), held_out = split(*digits())
    teacher = trained_teacher(x, y).eval()
    student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    optimizer = torch.optim.Adam(student.parameters(), lr=0.005)
    for xb, _ in minibatches(x, y, 64, 300):
        few = torch.randint(0, 30, (16,))
        with torch.no_grad():
            taught = teacher(xb)
        said = student(xb)
        learned = F.log_softmax((said if fixed else taught) / TEMPERATURE, 1)
        wanted = F.softmax(taught / TEMPERATURE, 1)
        divergence = F.kl_div(learned, wanted, reduction="batchmean")
        optimizer.zero_grad()
        (F.cross_entropy(student(x[few]), y[few]) + 10 * divergence).backward()
        optimizer.step()
    return accuracy(student, *held_out)
