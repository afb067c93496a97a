"""What is differentiated is followed through names, sums, functions, methods and scalers."""

import pytest

from lifesigns.remedies._difference import target_side
from lifesigns.remedies._loss_value import additions, compares, differentiated
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Script, cst

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn, optim

criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
"""
METHOD = """
class Coder(nn.Module):
    def cost(self, x):
        fit = F.mse_loss(self(x), x)
        return fit + self.divergence(), fit

for x in data:
    loss, fit = coder.cost(x)
    loss.backward()
"""
AFTERWARDS = """
for x, y in data:
    loss = criterion(model(x), y)
    loss += 0.1 * penalty
    scaler.scale(loss / 4).backward()
"""
AGAIN = """
for x, y in data:
    loss = criterion(model(x), y)
    loss = loss - entropy
    accelerator.backward(loss)
"""
CHOSEN = """
for x, y in data:
    each = F.mse_loss(model(x), y, reduction="none")
    fit = each.sum() if wide else each.mean()
    (fit + penalty).backward()
"""


@pytest.mark.parametrize(
    ("source", "sides"),
    [
        (METHOD, [("fit", "self.divergence()")]),
        (AFTERWARDS, [("loss", "0.1 * penalty")]),
        (AGAIN, [("loss", "entropy")]),
        (CHOSEN, [("fit", "penalty")]),
    ],
    ids=["a method of several", "added afterwards", "named again", "one of two"],
)
def test_the_sums_behind_the_loss_are_found_and_the_side_that_compares_is_known(source, sides):
    script = Script(HEAD + source)

    found = additions(script)

    assert [(script.text(left), script.text(right)) for left, right in found] == sides
    (left, right) = found[0]
    assert compares(script, left)
    assert not compares(script, right)


def test_a_loss_that_is_made_of_itself_ends():
    script = Script(
        HEAD + "loss = 0\nfor x in data:\n    loss = loss + loss\n    loss.backward()\n"
    )

    assert any(isinstance(node, cst.BinaryOperation) for node in differentiated(script))


LOOP = "for x, y in data:\n    out = model(x)\n    loss = {}.mean()\n    loss.backward()\n"


@pytest.mark.parametrize(
    "error",
    ["(out - y) ** 2", "torch.abs(y - model(x))", "(y - out).square()", "(out - y).pow(2).sum(1)"],
)
def test_the_target_of_a_difference_is_the_side_that_the_model_did_not_make(error):
    script = Script(HEAD + LOOP.format(f"({error})"))

    assert script.text(target_side(script)) == "y"


@pytest.mark.parametrize("error", ["(out - y)", "(a - b) ** 2", "(out - out.mean()) ** 2"])
def test_no_target_is_guessed(error):
    with pytest.raises(Refused):
        target_side(Script(HEAD + LOOP.format(f"({error})")))
