"""What operations of a graph are called in code: as a module, as a function and as a method.

The graph's words (`relu`, `softmax`) are what autograd ran; a script can have written each of them
in several ways.
"""

from __future__ import annotations

MODULES = {
    "celu": "CELU",
    "elu": "ELU",
    "gelu": "GELU",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "leaky_relu": "LeakyReLU",
    "log_sigmoid": "LogSigmoid",
    "log_softmax": "LogSoftmax",
    "mish": "Mish",
    "prelu": "PReLU",
    "relu": "ReLU",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softmax": "Softmax",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
"""The class in `torch.nn` by the operation."""

LOSSES = {
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cross_entropy": "CrossEntropyLoss",
    "ctc_loss": "CTCLoss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "l1_loss": "L1Loss",
    "mse_loss": "MSELoss",
    "nll_loss": "NLLLoss",
    "poisson_nll_loss": "PoissonNLLLoss",
    "smooth_l1_loss": "SmoothL1Loss",
}
"""The class in `torch.nn` by the function in `torch.nn.functional`."""

SIGNED = {
    "cosine_embedding_loss": "CosineEmbeddingLoss",
    "hinge_embedding_loss": "HingeEmbeddingLoss",
    "margin_ranking_loss": "MarginRankingLoss",
    "soft_margin_loss": "SoftMarginLoss",
}
"""The same of losses whose targets are -1 and 1; some compare two inputs."""


DROPOUTS = {"dropout": "Dropout"}

_ALL = MODULES | DROPOUTS | LOSSES | SIGNED


def module_name(operation: str) -> str:
    """The full name of the module class, or `` if there is none."""
    name = _ALL.get(operation)
    return f"torch.nn.{name}" if name else ""


def function_names(operation: str) -> tuple[str, ...]:
    """The full names of the functions that run an operation."""
    return (f"torch.nn.functional.{operation}", f"torch.{operation}", f"torch.special.{operation}")
