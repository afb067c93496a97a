"""The names of places without those of the wrappers that torch puts around a network."""

from __future__ import annotations

WRAPPED = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""What wrappers call what they wrap: `torch.compile`, FSDP, checkpointing. No user names parts so;
`module`, as DDP says, they do."""


def plain(name: str) -> str:
    """A name without the parts that only wrappers have.

    Args:
        name: Of a module, a parameter or a site, or a pattern of such names.

    Example:
        >>> plain("encoder._orig_mod.0:relu#0"), plain("_fsdp_wrapped_module:relu#0")
        ('encoder.0:relu#0', ':relu#0')
    """
    if "_" not in name:
        return name
    path, colon, operation = name.partition(":")
    return ".".join(part for part in path.split(".") if part not in WRAPPED) + colon + operation
