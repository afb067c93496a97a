"""One test per private part of torch that is not of the graph: patches, global hooks, dynamo.

These pass or fail on torch alone; none runs the recorder.
"""

import pytest
import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.overrides import TorchFunctionMode, has_torch_function
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

torch.set_num_threads(1)


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(4, 3, requires_grad=True) * 1.0


class Dispatching(torch.Tensor):
    """A tensor whose class is told of every operation."""

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError("nothing is to be computed with it")


def test_tensor_backward_goes_through_the_attribute_of_torch_autograd(x, monkeypatch):
    """The whole recorder: `loss.backward()` would not be seen."""
    seen = []
    monkeypatch.setattr(torch.autograd, "backward", lambda *a, **k: seen.append(a))
    x.sum().backward()
    assert len(seen) == 1


def test_grad_looks_its_engine_up_and_passes_what_is_read_of_a_call(x, monkeypatch):
    """Training by `torch.autograd.grad`: it would not be seen, or taken for something else."""
    seen = []

    def engine(outputs, weights, retains, creates_graph, inputs, *others, accumulate_grad):
        seen.append((outputs, creates_graph, inputs, accumulate_grad))
        return (torch.ones(1),)

    monkeypatch.setattr(torch.autograd, "_engine_run_backward", engine)
    loss = x.sum()
    torch.autograd.grad(loss, x, create_graph=True)

    ((outputs, creates_graph, inputs, accumulates),) = seen
    assert outputs[0] is loss
    assert inputs[0] is x
    assert (creates_graph, accumulates) == (True, False)


def test_a_transform_is_told_from_the_users_own_calls(x):
    """An inner gradient of torch.func would become a step of training."""
    seen = []
    assert torch._C._functorch.peek_interpreter_stack() is None
    torch.func.grad(lambda t: seen.append(torch._C._functorch.peek_interpreter_stack()) or t.sum())(
        torch.ones(2)
    )
    assert seen[0] is not None


def test_modes_of_either_kind_are_counted_and_can_be_taken_away(x):
    """A mode of the user would see what is computed here."""
    counts = torch._C._len_torch_dispatch_stack, torch._C._len_torch_function_stack
    assert [count() for count in counts] == [0, 0]
    with TorchDispatchMode(), TorchFunctionMode():
        assert [count() for count in counts] == [1, 1]
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            assert not counts[0]()
            assert not has_torch_function((x,))


def test_the_graph_task_tells_a_nested_backward_from_an_outer_one(x):
    """Reentrant checkpoints would be counted as training steps."""
    seen = []
    assert torch._C._current_graph_task_id() == -1
    x.register_hook(lambda g: seen.append(torch._C._current_graph_task_id()))
    x.sum().backward()
    assert seen[0] != -1
    assert torch._C._current_graph_task_id() == -1


def test_global_module_hooks_see_every_module_and_leave_nothing_on_it():
    """Names of modules."""
    seen, model = [], nn.Sequential(nn.Linear(2, 2))
    before = module_hooks.register_module_forward_pre_hook(lambda m, i: seen.append(type(m)))
    after = module_hooks.register_module_forward_hook(
        lambda m, i, o: seen.append(type(m)), always_call=True
    )
    model(torch.ones(1, 2))
    before.remove()
    after.remove()
    assert seen == [nn.Sequential, nn.Linear, nn.Linear, nn.Sequential]
    assert not model._forward_hooks


def test_the_global_hook_behind_an_optimizers_step_is_given_the_optimizer():
    """Cycles, learning rates and updates."""
    seen, p = [], nn.Parameter(torch.ones(()))
    handle = register_optimizer_step_post_hook(lambda o, a, k: seen.append((o, p.item())))
    p.grad = torch.ones(())
    optimizer = torch.optim.SGD([p], 0.5)
    optimizer.step()
    handle.remove()
    optimizer.step()
    assert seen == [(optimizer, 0.5)]


def test_foreach_norm_is_the_euclidean_norm_of_each():
    """Norms of weights, gradients and updates."""
    norms = torch._foreach_norm([torch.tensor([3.0, 4.0]), torch.zeros(2, 2)])
    assert [n.item() for n in norms] == [5.0, 0.0]


def test_tensors_of_a_running_transform_are_told_apart():
    """A tensor kept from inside `vmap` means nothing outside."""
    seen = []

    def function(a):
        seen.append(torch._C._functorch.is_functorch_wrapped_tensor(a))
        return a

    torch.func.vmap(function)(torch.ones(2, 2))
    assert seen == [True]
    assert not torch._C._functorch.is_functorch_wrapped_tensor(torch.ones(2))


def test_the_keys_of_a_tensor_tell_whether_it_is_dense_and_wrapped_by_nothing():
    """Readable: one look at an ordinary tensor instead of ten."""
    kinds = [
        torch.ones(2).to_sparse(),
        torch.ones(2, device="meta"),
        torch._efficientzerotensor((2,)),
    ]
    torch.func.vmap(lambda a: kinds.append(a) or a)(torch.ones(2, 2))
    kinds.append(torch.ones(2).as_subclass(Dispatching))

    def keys(tensor):
        return torch._C._dispatch_keys(tensor).raw_repr()

    assert keys(torch.nn.Parameter(torch.ones(2, 2).half())) == keys(torch.arange(3).t())
    assert keys(torch.ones(2)) not in [keys(tensor) for tensor in kinds]


def test_compiled_code_tells_where_it_begins_what_it_is_and_what_it_changes():
    """Compiled models: without these their layers would stay opaque."""
    import torch._dynamo

    seen = []

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x):
            return self.norm(x)

    def backend(graph, inputs):
        placeholders = graph.graph.find_nodes(op="placeholder")
        seen.extend(list(p.meta["nn_module_stack"].values())[-1][0] for p in placeholders)
        return compile_fx(graph, inputs)

    compile_fx = torch._dynamo.lookup_backend("aot_eager")
    output = torch.compile(Norm(), backend=backend)(torch.randn(3, 2))

    assert set(seen) == {"L['self'].norm"}
    assert output.grad_fn.name() == "CompiledFunctionBackward"
    told = type(output.grad_fn)._forward_cls.metadata.input_info
    assert len(told) == len(seen)
    assert any(info.mutates_data for info in told)
    assert torch._dynamo.OptimizedModule
    assert callable(torch._dynamo.output_graph.OutputGraph.call_user_compiler)
    assert callable(torch._dynamo.trace_rules.check)
    assert torch._dynamo.eval_frame._TorchDynamoContext(None).enter_exit_hooks == []
    assert not module_hooks._has_any_global_hook()
    torch._dynamo.reset()
