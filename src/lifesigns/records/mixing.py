"""What one output depends on beside its own input: other samples, later positions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixing:
    """One sample's output was sent back, as a gradient, to where the network begins.

    In a network that is to predict tokens, outputs of one sequence were too.

    A gradient different from 0 at another sample proves that the output depends on it, and so do
    another sample's numbers where its own should be. That neither was seen proves nothing beyond
    this batch. Batch normalisation is left out of it.
    """

    samples: int = 0
    """Other samples of the batch; 0 if the samples could not be told apart."""
    mixed: int = 0
    """How many of them the output depends on."""
    above: str = ""
    """The site nearest to the output where the samples are mixed already, seen from the input;
    empty if that is the input itself."""
    between: tuple[str, ...] = ()
    """The operations, named as nodes, between the last place where samples are mixed and the next
    where they are apart."""
    flat: bool = False
    """Whether the batch is a list of rows, which may be one sequence, set or graph."""
    merged: bool = False
    """Whether, between, an index adds up rows on an axis that holds several rows of each sample."""
    later: int = 0
    """Positions in the second half of one sequence, where each output is to predict the next token
    and those of the first half were sent back together; 0 if the network was not given the sequence
    it predicts."""
    ahead: int = 0
    """How many of them some output of the first half depends on."""
    told: int = 0
    """Positions behind the one in the middle, whose output was sent back alone and depends on none
    of them, where the targets are the tokens at the same positions and the output depends on its
    own and on earlier ones; 0 if that is not so."""
