"""The recorder: the only code that sees tensors of a user's run.

When a training step calls `loss.backward()`, PyTorch holds a complete account of that step: every
operation that matters for learning as a node, the dataflow as edges, the activations as saved
tensors, the loss with its prediction and target, the parameters at the leaves. On a recorded step
the recorder walks that graph once, before backward runs, reads what it needs, hooks the activation
nodes to see the gradient before and after them, and lets backward go.
"""

from lifesigns.record.recorder import Recorder

__all__ = ["Recorder"]
