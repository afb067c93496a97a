import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lifesigns._errors import UsageError
from lifesigns.functions import ACTIVATIONS, LOSSES

torch.set_num_threads(1)
TORCH = {
    "squared_error": lambda z, y: F.mse_loss(z, y, reduction="none"),
    "absolute_error": lambda z, y: F.l1_loss(z, y, reduction="none"),
    "huber": lambda z, y: F.huber_loss(z, y, reduction="none"),
    "cross_entropy": lambda z, y: F.cross_entropy(z, y, reduction="none"),
    "binary_cross_entropy": lambda z, y: F.binary_cross_entropy(z.sigmoid(), y, reduction="none"),
    "binary_cross_entropy_with_logits": lambda z, y: F.binary_cross_entropy_with_logits(
        z, y, reduction="none"
    ),
    "hinge": lambda z, y: F.relu(1 - y * z),
    "kl_divergence": lambda z, y: F.kl_div(F.log_softmax(z, -1), y, reduction="none").sum(-1),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
logits = arrays(
    float, (4, 3), elements=st.floats(-20, 20).filter(lambda v: v == 0 or abs(v) > 1e-3)
)


def targets_for(loss, seed=0):
    random = np.random.default_rng(seed)
    if loss.output == "softmax":
        return random.dirichlet([1, 1, 1], 4)
    if loss.name == "hinge":
        return random.choice([-1.0, 1.0], (4, 3))
    return random.uniform(0, 1, (4, 3))


def with_torch(of_tensors, z, y):
    leaf = torch.tensor(z, requires_grad=True)
    value = of_tensors(leaf, torch.tensor(y))
    (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach().numpy(), gradient.numpy()


@every_loss
@given(z=logits)
def test_value_and_gradient_agree_with_torch(loss, z):
    y = targets_for(loss)

    value, gradient = with_torch(TORCH[loss.name], z, y)

    np.testing.assert_allclose(loss.value(z, y), value, atol=1e-6)
    np.testing.assert_allclose(loss.gradient(z, y), gradient, atol=1e-6)


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "identity", "softmax"])
@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber"])
def test_the_gradient_through_another_output_is_that_of_autograd(name, output):
    loss, random = LOSSES[name], np.random.default_rng(1)
    z, y = random.normal(size=(4, 3)), random.normal(size=(4, 3))
    outputs = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "identity": lambda x: x * 1.0}
    of_z = outputs.get(output, lambda x: x.softmax(-1))

    value, gradient = with_torch(lambda leaf, at: TORCH[name](of_z(leaf), at), z, y)

    np.testing.assert_allclose(loss.value(z, y, output=output), value, atol=1e-12)
    np.testing.assert_allclose(loss.gradient(z, y, output=output), gradient, atol=1e-12)


@every_loss
def test_the_stable_form_is_the_chain_of_loss_and_output(loss):
    z, y = np.random.default_rng(2).normal(size=(4, 3)), targets_for(loss)
    a = ACTIVATIONS[loss.output].value(z)

    per_element = loss.of_output(a, y)

    chain = per_element.sum(-1) if loss.output == "softmax" else per_element
    np.testing.assert_allclose(loss.value(z, y), chain, atol=1e-12)
    slope = loss.slope(a, y)
    through = (
        a * (slope - (slope * a).sum(-1, keepdims=True))
        if loss.output == "softmax"
        else slope * ACTIVATIONS[loss.output].derivative(z)
    )
    np.testing.assert_allclose(loss.gradient(z, y), through, atol=1e-12)


@every_loss
@given(z=logits)
def test_a_loss_is_never_negative_and_falls_against_its_gradient(loss, z):
    y = targets_for(loss)

    gradient = loss.gradient(z, y)

    before, after = loss.value(z, y).sum(), loss.value(z - 1e-7 * gradient, y).sum()
    assert (loss.value(z, y) >= -1e-12).all()
    assert after <= before + 1e-12


def test_squared_error_keeps_the_slope_of_a_sigmoid_that_cross_entropy_cancels():
    z, y = np.array([-10.0, -4.0, 4.0, 10.0]), np.array([1.0, 1.0, 0.0, 0.0])
    slope = ACTIVATIONS["sigmoid"].derivative(z)

    squared = LOSSES["squared_error"].gradient(z, y, output="sigmoid")
    binary = LOSSES["binary_cross_entropy"].gradient(z, y)

    np.testing.assert_allclose(squared, 2 * slope * binary)
    assert np.abs(binary).min() > 0.98
    assert np.abs(squared).max() < 0.04


def test_certain_and_wrong_is_finite():
    z, y = np.array([[800.0, -800.0]]), np.array([[0.0, 1.0]])

    for name in ("cross_entropy", "kl_divergence", "binary_cross_entropy_with_logits"):
        assert np.isfinite(LOSSES[name].value(z, y)).all()
        assert np.isfinite(LOSSES[name].gradient(z, y)).all()


def test_an_output_that_is_no_activation_is_refused():
    with pytest.raises(UsageError, match="no output activation"):
        LOSSES["squared_error"].value(np.ones(3), np.ones(3), output="glu")
