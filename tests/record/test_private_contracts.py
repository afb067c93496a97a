"""One test per private attribute of torch the recorder reads: what breaks if torch changes it.

These pass or fail on torch alone; none runs the recorder.
"""

import gc

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from lifesigns.record.graph.operations import LINEAR_MAPS, NAMED, TRANSPARENT

torch.set_num_threads(1)


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(4, 3, requires_grad=True) * 1.0


# --- nodes ----------------------------------------------------------------------------------------
def test_a_node_is_named_after_its_function_with_a_number(x):
    """Everything: an operation is known by its node's name alone."""
    assert torch.relu(x).grad_fn.name() == "ReluBackward0"
    assert F.elu_(x * 1).grad_fn.name() == "EluBackward1"


def test_leaves_end_in_accumulate_grad_that_holds_its_variable():
    """Parameters: which the loss reaches, and the names of sites without forward hooks."""
    leaf = nn.Parameter(torch.ones(2))
    ((node, _),) = (leaf * 2).grad_fn.next_functions[:1]
    assert node.name() == "torch::autograd::AccumulateGrad"
    assert node.variable is leaf


def test_next_functions_keep_the_positions_of_inputs_without_gradient(x):
    """Which operand of a product, a difference or `where` is data and which a constant."""
    assert [n is None for n, _ in torch.where(x > 0, 0.0, x).grad_fn.next_functions] == [
        True,
        False,
    ]
    assert [n is None for n, _ in (1 - x).grad_fn.next_functions] in ([True, False], [False])
    assert [n is None for n, _ in (x - torch.ones(3)).grad_fn.next_functions] == [False, True]


def test_a_node_is_the_same_python_object_as_long_as_it_is_held(x):
    """The walk: nodes are dictionary keys while the graph is read."""
    y = torch.relu(x)
    node = y.grad_fn
    assert (y * 2).grad_fn.next_functions[0][0] is node


def test_a_saved_tensor_knows_the_node_that_made_it(x):
    """Values of `where` and maxout, which keep none, and the origin of a NaN."""
    hidden = torch.where(x > 0, x, 0.0)
    user = (hidden @ torch.ones(3, 2, requires_grad=True)).grad_fn
    assert user._saved_self.grad_fn is hidden.grad_fn
    assert user._saved_self.output_nr == 0


def test_sequence_numbers_ascend_in_forward_order(x):
    """Forward order of the sites."""
    a = torch.relu(x)
    b = torch.tanh(a)
    assert x.grad_fn._sequence_nr() < a.grad_fn._sequence_nr() < b.grad_fn._sequence_nr()


def test_get_sequence_nr_is_the_number_of_the_next_node(x):
    """Modules: a node belongs to the call whose interval holds its number."""
    before = torch.autograd._get_sequence_nr()
    node = torch.relu(x).grad_fn
    after = torch.autograd._get_sequence_nr()
    assert before <= node._sequence_nr() < after


def test_input_metadata_is_the_shape_of_the_value_produced(x):
    """Shapes and units of every site."""
    assert tuple((x @ torch.ones(3, 5)).grad_fn._input_metadata[0].shape) == (4, 5)


def test_a_node_hook_sees_the_gradients_passed_on_and_arrived(x):
    """The measured derivative: after (grad_inputs) comes first, before (grad_outputs) second."""
    seen = []
    y = torch.sigmoid(x)
    handle = y.grad_fn.register_hook(lambda after, before: seen.append((after, before)))
    y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    ((after, before),) = seen
    assert torch.equal(before[0], torch.ones(4, 3))
    assert torch.allclose(after[0], y * (1 - y))


def test_custom_functions_carry_their_class(x):
    """Opaque nodes: custom functions are told from torch's own."""

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    assert hasattr(type(Custom.apply(x).grad_fn), "_forward_cls")
    assert not hasattr(type(torch.relu(x).grad_fn), "_forward_cls")


def test_writing_to_a_view_makes_a_copy_slices_node(x):
    """Opaque nodes: an activation inside is not seen."""
    y = x * 1.0
    y[:, :1].relu_()
    assert y.grad_fn.name() == "torch::autograd::CopySlices"


# --- saved values ---------------------------------------------------------------------------------
SAVED = {
    "result of relu": (torch.relu, "ReluBackward0", "result"),
    "result of sigmoid": (torch.sigmoid, "SigmoidBackward0", "result"),
    "result of tanh": (torch.tanh, "TanhBackward0", "result"),
    "result of exp": (torch.exp, "ExpBackward0", "result"),
    "result of softmax": (lambda x: x.softmax(1), "SoftmaxBackward0", "result dim"),
    "result of log_softmax": (lambda x: x.log_softmax(1), "LogSoftmaxBackward0", "result dim"),
    "in-place leaky_relu": (F.leaky_relu_, "LeakyReluBackward1", "result negative_slope"),
    "in-place elu": (F.elu_, "EluBackward1", "result alpha scale input_scale"),
    "in-place celu": (F.celu_, "CeluBackward1", "result alpha"),
    "rrelu": (
        lambda x: F.rrelu(x, training=True),
        "RreluWithNoiseBackward0",
        "self noise lower upper training",
    ),
    "leaky_relu": (F.leaky_relu, "LeakyReluBackward0", "self negative_slope"),
    "elu": (F.elu, "EluBackward0", "self alpha scale input_scale"),
    "celu": (F.celu, "CeluBackward0", "self alpha"),
    "gelu": (F.gelu, "GeluBackward0", "self approximate"),
    "silu": (F.silu, "SiluBackward0", "self"),
    "mish": (F.mish, "MishBackward0", "self"),
    "softplus": (F.softplus, "SoftplusBackward0", "self beta threshold"),
    "logsigmoid": (F.logsigmoid, "LogSigmoidBackward0", "self"),
    "hardtanh": (F.hardtanh, "HardtanhBackward0", "self min_val max_val"),
    "relu6": (F.relu6, "HardtanhBackward0", "self min_val max_val"),
    "hardsigmoid": (F.hardsigmoid, "HardsigmoidBackward0", "self"),
    "hardswish": (F.hardswish, "HardswishBackward0", "self"),
    "threshold": (lambda x: F.threshold(x, 0.1, 0), "ThresholdBackward0", "self threshold"),
    "softshrink": (F.softshrink, "SoftshrinkBackward0", "self lambd"),
    "hardshrink": (F.hardshrink, "HardshrinkBackward0", "self lambd"),
    "clamp": (lambda x: x.clamp(-1, 1), "ClampBackward1", "self min max"),
    "clamp by tensors": (
        lambda x: x.clamp(torch.zeros(()), torch.ones(())),
        "ClampBackward0",
        "self min max",
    ),
    "clamp_min": (lambda x: torch.clamp_min(x, 0), "ClampMinBackward0", "self min"),
    "clamp_max": (lambda x: torch.clamp_max(x, 0), "ClampMaxBackward0", "self max"),
    "prelu": (lambda x: F.prelu(x, torch.ones(1)), "PreluKernelBackward0", "self weight"),
    "glu": (lambda x: F.glu(x.repeat(1, 2)), "GluBackward0", "self dim"),
    "sin": (torch.sin, "SinBackward0", "self"),
    "maximum": (lambda x: torch.maximum(x, -x), "MaximumBackward0", "self other"),
    "where": (lambda x: torch.where(x > 0, x, 0.0), "WhereBackward0", "condition"),
    "max": (lambda x: x.max(1).values, "MaxBackward0", "dim indices keepdim"),
    "amax": (lambda x: x.amax(1), "AmaxBackward0", "self result dim keepdim"),
    "pow": (lambda x: x**2, "PowBackward0", "self exponent"),
    "abs": (torch.abs, "AbsBackward0", "self"),
    "log": (torch.log, "LogBackward0", "self"),
    "product with a constant": (lambda x: x * torch.ones(4, 3), "MulBackward0", "other"),
    "quotient by a constant": (lambda x: x / torch.ones(4, 3), "DivBackward0", "other"),
    "product with a number": (lambda x: x * 3.0, "MulBackward0", "other"),
    "gather": (lambda x: x.gather(1, torch.zeros(4, 1).long()), "GatherBackward0", "dim index"),
    "index": (lambda x: x[torch.arange(4), torch.zeros(4).long()], "IndexBackward0", "indices"),
    "expand": (lambda x: x[:1].expand(4, 3), "ExpandBackward0", "self_sym_sizes"),
    "nll_loss": (
        lambda x: F.nll_loss(x, torch.zeros(4).long()),
        "NllLossBackward0",
        "self target weight ignore_index reduction total_weight",
    ),
    "mse_loss": (
        lambda x: F.mse_loss(x, torch.ones(4, 3)),
        "MseLossBackward0",
        "self target reduction",
    ),
    "huber_loss": (
        lambda x: F.huber_loss(x, torch.ones(4, 3)),
        "HuberLossBackward0",
        "self target reduction delta",
    ),
    "smooth_l1_loss": (
        lambda x: F.smooth_l1_loss(x, torch.ones(4, 3)),
        "SmoothL1LossBackward0",
        "self target reduction beta",
    ),
    "binary_cross_entropy": (
        lambda x: F.binary_cross_entropy(x.sigmoid(), torch.ones(4, 3)),
        "BinaryCrossEntropyBackward0",
        "self target weight reduction",
    ),
    "binary_cross_entropy_with_logits": (
        lambda x: F.binary_cross_entropy_with_logits(x, torch.ones(4, 3)),
        "BinaryCrossEntropyWithLogitsBackward0",
        "self target weight pos_weight reduction",
    ),
}


@pytest.mark.parametrize("what", SAVED)
def test_a_node_saves_what_is_read_of_it(what, x):
    """That activation's values, or that loss's prediction and target, would be missing."""
    call, name, attributes = SAVED[what]
    node = call(x).grad_fn
    assert node.name() == name
    for attribute in attributes.split():
        assert hasattr(node, f"_saved_{attribute}"), attribute


def test_a_saved_result_is_the_output_and_a_saved_self_the_input(x):
    """Values of activations."""
    assert torch.equal(torch.relu(x).grad_fn._saved_result, torch.relu(x))
    assert torch.equal(F.gelu(x).grad_fn._saved_self, x)


def test_a_loss_without_reduction_saves_the_same_attributes(x):
    """Scale of losses whose mean is taken by hand."""
    assert F.mse_loss(x, torch.ones(4, 3), reduction="none").grad_fn._saved_reduction == 0
    assert F.mse_loss(x, torch.ones(4, 3)).grad_fn._saved_reduction == 1
    assert F.mse_loss(x, torch.ones(4, 3), reduction="sum").grad_fn._saved_reduction == 2


def test_negative_dimensions_and_indices_are_kept_as_unsigned(x):
    """`dim` of softmax and glu, `ignore_index` of nll_loss."""
    assert F.nll_loss(x, torch.zeros(4).long()).grad_fn._saved_ignore_index in (2**64 - 100, -100)
    assert F.glu(x.repeat(1, 2), -1).grad_fn._saved_dim in (2**64 - 1, -1, 1)


def test_a_constant_number_is_saved_without_dimensions(x):
    """Factors of the loss's terms: a tensor of one element is data."""
    assert torch.as_tensor((x * 3.0).grad_fn._saved_other).dim() == 0
    assert (x[:1, :1] * torch.ones(1, 1)).grad_fn._saved_other.dim() == 2


def test_a_product_does_not_save_the_operand_whose_partner_needs_no_gradient(x):
    """Hand-written cross-entropy: the saved operand is the target."""
    assert (x * torch.ones(4, 3)).grad_fn._saved_self is None


def test_reading_a_saved_tensor_that_was_overwritten_raises(x):
    """Values that are no longer those of the forward pass are not reported."""
    y = torch.sigmoid(x)
    with torch.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        _ = y.grad_fn._saved_result


def test_saved_tensors_that_go_through_hooks_say_so(x):
    """Checkpointing: reading them would compute the forward pass again."""
    with torch.autograd.graph.save_on_cpu():
        hooked = torch.relu(x)
    assert hooked.grad_fn._raw_saved_result.unpack_hook is not None
    assert torch.relu(x).grad_fn._raw_saved_result.unpack_hook is None
    again = checkpoint(torch.relu, x, use_reentrant=False)
    assert again.grad_fn._raw_saved_result.unpack_hook is not None


# --- the vocabulary -------------------------------------------------------------------------------
NODES = {
    "Addmm": lambda x: F.linear(x, torch.ones(2, 3), torch.ones(2)),
    "Mm": lambda x: x @ torch.ones(3, 2),
    "Bmm": lambda x: x[None] @ torch.ones(1, 3, 2),
    "Mv": lambda x: x @ torch.ones(3),
    "Convolution": lambda x: F.conv1d(x[None], torch.ones(2, 4, 1)),
    "NativeBatchNorm": lambda x: F.batch_norm(x, None, None, training=True),
    "NativeLayerNorm": lambda x: F.layer_norm(x, (3,)),
    "NativeGroupNorm": lambda x: F.group_norm(x[None], 2),
    "MaxPool2DWithIndices": lambda x: F.max_pool2d(x[None, None], 2),
    "AvgPool2D": lambda x: F.avg_pool2d(x[None, None], 2),
    "Embedding": lambda x: F.embedding(torch.zeros(2).long(), x),
}


@pytest.mark.parametrize("name", NODES)
def test_an_operation_still_makes_the_node_it_is_known_by(name, x):
    """A layer would turn up as an unknown non-linear operation."""
    node = NODES[name](x).grad_fn
    found = []
    while node is not None and node.name() != f"{name}Backward0":
        found.append(node.name())
        assert found[-1].removesuffix("Backward0") in TRANSPARENT, found
        node = node.next_functions[0][0]
    assert name in LINEAR_MAPS or name in NAMED


def test_dropout_multiplies_by_a_mask_of_zeros_and_one_value_above_one(x):
    """Dropout on CPUs would be taken for a gate, or for nothing."""
    mask = F.dropout(x, 0.5).grad_fn._saved_other
    assert set(mask.unique().tolist()) <= {0.0, 2.0}


def test_a_batch_norm_node_knows_whether_it_trains(x):
    """A functional batch norm in evaluation mode would not be noticed."""
    for training in (True, False):
        units = x.shape[1]
        y = F.batch_norm(x, torch.zeros(units), torch.ones(units), training=training)
        assert y.grad_fn._saved_training is training


def test_gradients_are_turned_off_as_no_grad_does_it(x):
    """Backward hooks and readings: `torch.no_grad` takes longer than what they compute."""
    torch._C._set_grad_enabled(False)
    try:
        assert not (x * 2).requires_grad
    finally:
        torch._C._set_grad_enabled(True)
    assert (x * 2).requires_grad


def test_gradients_of_several_outputs_at_once_are_told_apart(x):
    """They have no storage to ask for."""
    seen = []
    y = x * 1
    y.register_hook(lambda g: seen.append(torch._C._functorch.is_legacy_batchedtensor(g)))
    torch.autograd.grad(y, x, torch.ones(2, *y.shape), is_grads_batched=True)
    assert seen == [True]
    assert not torch._C._functorch.is_legacy_batchedtensor(x)


def test_making_an_optimizer_marks_the_step_of_its_class_and_an_object_refers_to_its_class():
    """Optimizers that exist: no other class, and no object of another, needs to be looked at."""

    class Made(torch.optim.SGD):
        def step(self, closure=None):
            return None

    assert not getattr(Made.step, "hooked", False)
    optimizer = Made([torch.nn.Parameter(torch.zeros(1))], 0.1)
    assert Made.step.hooked
    assert any(thing is optimizer for thing in gc.get_referrers(Made))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_one_question_tells_whether_autocast_is_on_anywhere(dtype):
    """Measuring: sums are in float32, and the state is asked several times a recorded step."""
    assert not torch._C._is_any_autocast_enabled()
    with torch.autocast("cpu", dtype):
        assert torch._C._is_any_autocast_enabled()
