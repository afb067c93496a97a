"""Which tensors have values that can be read, asked at every place that reads any.

A tensor may have a shape and no values: a parameter whose storage FSDP has freed, a meta or fake
tensor, one that stands for another inside a transform. Reading beyond a storage ends the process.
Others (sparse, quantised, nested, subclasses that compute in Python) have values of another form.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

_PLAIN = torch._C._disabled_torch_dispatch_impl
"""What `__torch_dispatch__` is where a class leaves its operations to torch."""
_wraps = torch._C._functorch.is_functorch_wrapped_tensor
_is_batched = torch._C._functorch.is_legacy_batchedtensor
_is_functional = torch._is_functional_tensor
dispatch_modes = torch._C._len_torch_dispatch_stack
function_modes = torch._C._len_torch_function_stack
"""How many modes of the user are told of operations, of each kind; `has_modes` asks both."""
_UNCHANGED = nullcontext()
_keys = torch._C._dispatch_keys
_transform = torch._C._functorch.peek_interpreter_stack
_SMALL_FLOATS = (torch.float16, torch.bfloat16)
_FLOATS = frozenset({torch.float32, torch.float64, *_SMALL_FLOATS})
_WORDS = frozenset(
    {torch.float32, torch.float64, *_SMALL_FLOATS, torch.complex64, torch.complex128}
    | {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
)
"""Types that every operation used here can compute with."""


def _keys_of_ordinary_tensors() -> frozenset[int]:
    """What torch keeps of a dense tensor on a CPU that no class, mode or transform wraps."""
    with _disable_current_modes(), torch._C.DisableTorchFunction():
        plain = torch.empty(0, device="cpu")
        with torch.inference_mode():
            unversioned = torch.empty(0, device="cpu")
        return frozenset(_keys(tensor).raw_repr() for tensor in (plain, unversioned))


_ORDINARY = _keys_of_ordinary_tensors()


def is_readable(tensor: Tensor) -> bool:
    """Whether the values of a tensor can be read."""
    return not obstacle(tensor)


def obstacle(tensor: Tensor) -> str:
    """Why the values of a tensor cannot be read; empty if they can.

    Args:
        tensor: Of any class, layout, device and dtype.

    Cost: 1 µs; neither the values nor the code of the tensor's class are touched.
    """
    with torch._C.DisableTorchFunction():
        if is_ordinary(tensor):
            return ""
        if type(tensor).__torch_dispatch__ is not _PLAIN:
            return f"a {type(tensor).__name__}"
        return _obstacle(tensor)


def is_ordinary(tensor: Tensor) -> bool:
    """Whether there is no obstacle, told of contiguous tensors on a CPU alone, at once.

    Args:
        tensor: Of any class, layout, device and dtype; torch functions are disabled.
    """
    return (
        _keys(tensor).raw_repr() in _ORDINARY
        and tensor.dtype in _WORDS
        and tensor.is_contiguous()
        and (tensor.storage_offset() + tensor.numel()) * tensor.itemsize
        <= tensor.untyped_storage().nbytes()
    )


def is_plain_number(tensor: Tensor) -> bool:
    """Whether a tensor is one number on the CPU, told of the ordinary ones, at every step.

    Args:
        tensor: Of any class, layout, device and dtype.
    """
    with torch._C.DisableTorchFunction():
        return (
            type(tensor) is Tensor
            and tensor.is_cpu
            and tensor.dtype in _FLOATS
            and tensor.layout is torch.strided
            and not (tensor.is_nested or _wraps(tensor) or _is_functional(tensor))
            and tensor.dim() == 0
            and tensor.data_ptr() != 0
        )


def readable(tensor: Tensor | None) -> Tensor | None:
    """The values of a tensor without its graph and its class; None where they cannot be read.

    Args:
        tensor: Of any class, layout, device and dtype.

    Returns:
        A detached tensor that shares the values.
    """
    return None if tensor is None or obstacle(tensor) else detached(tensor)


def detached(tensor: Tensor) -> Tensor | None:
    """The values of a tensor that is known to be readable; None while a transform is running.

    Args:
        tensor: See `is_readable`.
    """
    if is_transformed():
        return None
    with torch._C.DisableTorchFunction():
        if not torch._C._len_torch_dispatch_stack():
            return tensor.detach()
        with without_modes():
            return tensor.detach()


def is_transformed() -> bool:
    """Whether a transform of torch.func is running: it wraps what is detached, or computed."""
    return _transform() is not None


class no_gradients:
    """No graph is made inside; `torch.no_grad` does it in 4 µs, which a backward hook has not."""

    def __enter__(self) -> None:
        self._were_made = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)

    def __exit__(self, *raised: object) -> None:
        torch._C._set_grad_enabled(self._were_made)


def without_modes() -> AbstractContextManager[object]:
    """Takes the user's modes of both kinds away for a while: what is computed here is not theirs.

    Cost: half a microsecond where there are none, and `has_modes` tells that in a tenth.
    """
    return _without_any() if has_modes() else _UNCHANGED


def has_modes() -> bool:
    """Whether code of the user is told of operations, by either kind of mode."""
    return dispatch_modes() > 0 or function_modes() > 0


@contextmanager
def _without_any() -> Iterator[None]:
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        yield


def on_this_rank(tensor: Tensor | None) -> Tensor | None:
    """The values of a tensor, of a distributed one its shard; None where they cannot be read."""
    return None if tensor is None else readable(local(tensor))


def local(tensor: Tensor) -> Tensor:
    """The shard of a distributed tensor that lies on this rank; any other tensor itself.

    Reducing the whole could start a collective, in which the other ranks do not take part. Sums
    over ranks that are not added up yet stay what they are: their parts mean nothing alone.

    Args:
        tensor: Of any class; a DTensor has placements.
    """
    if type(tensor).__torch_dispatch__ is _PLAIN:
        return tensor
    placements = getattr(tensor, "placements", None)
    if placements is None or any(placement.is_partial() for placement in placements):
        return tensor
    with torch.no_grad():  # with gradients, `to_local` is an operation of the graph
        shard: Tensor = tensor.to_local()  # type: ignore[attr-defined]
    return shard


def shards(tensor: Tensor) -> int:
    """Over how many ranks a tensor is spread, in parts that differ; 1 for any ordinary one.

    Args:
        tensor: Of any class.
    """
    if type(tensor).__torch_dispatch__ is _PLAIN:
        return 1
    placements = getattr(tensor, "placements", None) or ()
    mesh = getattr(tensor, "device_mesh", None)
    count = 1
    for dimension, placement in enumerate(placements):
        count *= mesh.size(dimension) if mesh is not None and placement.is_shard() else 1
    return count


def _obstacle(tensor: Tensor) -> str:
    if tensor.is_nested:
        return "nested"
    if tensor.layout is not torch.strided:
        return str(tensor.layout).removeprefix("torch.").lstrip("_")
    if tensor.is_meta:
        return "on the meta device"
    if _wraps(tensor) or _is_functional(tensor) or _is_batched(tensor):
        return "inside a transform of torch.func"
    if tensor.is_quantized:
        return "quantised"
    if tensor.dtype not in _WORDS:
        return str(tensor.dtype).removeprefix("torch.")
    return "" if _has_storage(tensor) else "without storage"


def _has_storage(tensor: Tensor) -> bool:
    """Whether the storage holds all elements that shape, strides and offset lead to."""
    if not tensor.numel():
        return True
    needed = (tensor.storage_offset() + _extent(tensor)) * tensor.element_size()
    return needed <= tensor.untyped_storage().nbytes() and not tensor._is_zerotensor()


def _extent(tensor: Tensor) -> int:
    """Number of elements from the first to the last, with those that lie between."""
    return 1 + sum(
        (n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )
