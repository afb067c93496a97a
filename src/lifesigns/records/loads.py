"""Checkpoints that were loaded: what a network took of them, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """A call of `load_state_dict` whose checkpoint was passed over, or written over at once."""

    network: str
    """Class name of the module that it was called of."""
    given: int
    """Tensors of the checkpoint, without those that are the network's own."""
    taken: int
    """Of these, the ones that the network has by the same name."""
    used: float
    """Share of the checkpoint's numbers that were taken; 0 of an empty one."""
    filled: float
    """Share of the network's numbers that were given."""
    left: tuple[str, ...] = ()
    """Names of the parameters of the trained networks that the checkpoint did not hold, that
    nothing has filled or trained before, or written between the call and the next backward pass."""
    missing: str = ""
    """A name of the network's that the checkpoint lacks."""
    unexpected: str = ""
    """A name of the checkpoint's that the network lacks."""
    prefix: str = ""
    """What the names of the checkpoint begin with..."""
    instead_of: str = ""
    """... where those of the network begin with this, ..."""
    fitting: int = 0
    """... and so many tensors fit by name and shape but for that."""
    overwritten: tuple[str, ...] = ()
    """Names of the weights of the trained networks that were filled by it and, at the next backward
    pass, held numbers that have nothing in common with the checkpoint's; none that was trained or
    filled before. Weights have two dimensions and more."""
    lost: float = 0.0
    """Share that these are of the numbers of all weights it has filled."""
    frozen: int = 0
    """Parameters of the network that are left in the same sense and in no graph: at the next
    backward pass and after it they need no gradient, or the network is in evaluation mode and none
    of them is trained. If none follows, or the network is gone by then: those that are left when it
    is put in evaluation mode."""
    frozen_share: float = 0.0
    """Share that these are of the network's numbers."""


@dataclass(frozen=True)
class OwnLoad:
    """A network was given what it has: `state_dict()` returned its tensors without a copy."""

    network: str
    """Class name of the module."""
    taken: int
    """Steps of training completed when `state_dict()` returned them..."""
    step: int
    """... and when they were loaded, with other numbers than they had then."""
    is_mixed: bool = False
    """Whether they were not loaded themselves, but something that was computed of them, time after
    time: the numbers that the network had, for all states to compute with are the same tensors."""


@dataclass(frozen=True)
class LatestSizes:
    """How large the weights of the networks were when they were looked at last."""

    step: int
    """Steps of training completed by then."""
    rms: Mapping[str, float]
    """By name, of each that is a matrix or more."""


@dataclass(frozen=True)
class Rewind:
    """The weights that a network had before its first step were loaded into it again."""

    step: int
    """Steps of training completed by then."""
    is_evaluated: bool = False
    """Whether the network was put in evaluation mode afterwards, with no step in between."""
    was_tested: bool = False
    """Whether the trained weights had been tested by then: passes after the last step, from a place
    in the program that made none before it, as the validation of every epoch does."""
