"""What one sample's output depends on, asked once with a gradient sent back by hand.

The output of the sample in the middle gets a gradient, the other samples' outputs 0. Wherever on
the way back another sample's row is not exactly 0, the output depends on that sample. In a network
that is to predict the next token, the outputs of the first half of one sequence are sent back at
once: no token of the second half may receive a gradient. One output would not do, for a mistaken
layout shows at some positions and not at others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.module_calls import Inputs
from lifesigns.record.graph.operations import FUSED_RECURRENT, LINEAR_MAPS
from lifesigns.record.graph.products import DATA, products
from lifesigns.record.graph.sent_back import gradient_at, hindrance, send_back
from lifesigns.record.graph.site_below import site_below
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved, snake_case
from lifesigns.record.measure.kept_apart import kept_apart
from lifesigns.record.measure.laid_out import LAID_OUT, strangers_among
from lifesigns.record.measure.looking_ahead import TOKENS, asked_of_positions, predicted_tokens
from lifesigns.records import Kind, Mixing, Quantity

ADDING_UP = frozenset({"IndexAdd", "IndexPut", "ScatterAdd", "ScatterReduce"})
"""Operations that add rows up where an index says."""
RUN_OVER = "recurrence_over_samples"
"""Stands for the operation between where a fused recurrent layer takes the samples for its time."""
MOST_TRIES = 2
"""Recorded steps in which it is asked: where a last layer starts at zero, the first says nothing,
and where the last one of a branch does, it says nothing about the branch."""


class MixingReader:
    """Asks once at each place of the cycle, twice if the first answer may not be the last word.

    Args:
        needs: What is measured.
    """

    def __init__(self, needs: Collection[Quantity]) -> None:
        self._needed = Quantity.MIXING in needs
        self._tries: Counter[int] = Counter()
        self.hindrance = ""
        """Why it could not be asked without the run noticing; empty if it could."""

    def ask(
        self, walked: Walk, condensed: Condensed, inputs: Inputs, position: int
    ) -> Mixing | None:
        """What one output depends on; None if it is not asked, or has no answer, in this step.

        Args:
            walked: The graph, before its backward pass.
            condensed: Its sites.
            inputs: Input and output of the root module.
            position: Number of the pass in its cycle.
        """
        if not self._needed or self._tries[position] >= MOST_TRIES:
            return None
        self._tries[position] += 1
        try:
            found = read_mixing(walked, condensed, inputs)
        except RuntimeError as error:  # an operation that cannot be called outside the engine
            found = str(error).partition("\n")[0]
        if isinstance(found, str):
            self.hindrance, self._tries[position] = found, MOST_TRIES
            return None
        if found is None:
            return None
        reading = found.reading
        if found.is_last_word or any((reading.mixed, reading.ahead, reading.told)):
            self._tries[position] = MOST_TRIES
        return reading


class Answer(NamedTuple):
    """What the output of one sample depends on."""

    reading: Mixing
    is_last_word: bool
    """Whether its gradient reached every operation: the next step would say the same."""


def read_mixing(walked: Walk, condensed: Condensed, inputs: Inputs) -> Answer | str | None:
    """What the output of one sample depends on; None if samples cannot be told apart here.

    Args:
        walked: The graph, before its backward pass.
        condensed: Its sites.
        inputs: Input and output of the root module.

    Returns:
        An answer, or the reason why none could be had without the run noticing.

    Cost: about one backward pass, and a reduction for each node; next to nothing where the
    operations themselves tell that they keep samples apart.
    """
    start = _prediction(walked, inputs)
    if start is None:
        return None
    axes, sequence = _sample_axes(walked, condensed, start, inputs), predicted_tokens(walked, start)
    if axes is None and sequence is None:
        return None
    if axes is not None and sequence is None:
        nodes = kept_apart(walked, condensed.weight_like, start, axes.samples)
        if nodes is not None:
            entered = _entered_by_blocks(walked, condensed, nodes, axes)
            return Answer(_of_the_data(walked, axes, inputs, entered), True)
    if why := hindrance(walked):
        return why
    answer = Answer(Mixing(), False)
    if axes is not None and sequence is not None and not sequence.own:
        axes = replace(axes, other=0)  # the next tokens lie along dimension 1, not the samples
    if axes is not None:
        answer = _asked_of_samples(walked, condensed, start, axes, inputs)
    if sequence is None:
        return answer
    reading = asked_of_positions(walked, start, sequence, answer.reading)
    return Answer(reading, answer.is_last_word)


@dataclass(frozen=True)
class Axes:
    """How samples are laid out: along dimension 0, and in doubt perhaps along 1."""

    samples: int
    other: int
    """Length of dimension 1 where that may be the one of the samples; else 0."""
    flat: bool
    """Whether the batch is a list of rows, which may be one sequence or set."""


@dataclass(frozen=True)
class Rows:
    """At which nodes a gradient was seen, and in which rows."""

    nodes: list[int]
    own: list[bool]
    others: list[int]
    """How many rows of others; none where a single row is seen: it may have been moved there."""
    finite: bool
    entered: dict[int, Tensor]
    """At each node that multiplies the data itself, which of its rows it is."""


def _sample_axes(walked: Walk, condensed: Condensed, start: int, inputs: Inputs) -> Axes | None:
    output, batch = walked.shape(start), inputs.batch
    if batch is None or not output or not batch.dim():
        return None
    given, samples = tuple(batch.shape), output[0]
    if samples < 3 or given.count(samples) != 1 or output.count(samples) != 1:
        return None
    entries = _entries(walked, condensed)
    if given[0] != samples or not all(_is_led_by(walked, i, samples) for i in entries):
        return None
    convolved = any(s.kind is Kind.CONVOLUTION for s in condensed.graph.sites)
    sequence = len(output) > 1 and given[1:2] == output[1:2] and not convolved
    doubt = sequence and (len(output) > 2 or not batch.is_floating_point())
    return Axes(samples, output[1] if doubt else 0, len(given) < 3 and batch.is_floating_point())


def _entries(walked: Walk, condensed: Condensed) -> Iterator[int]:
    """Nodes that multiply the data itself, which has no gradient, by a weight.

    Inside a recurrent layer it is the first state, rather.
    """
    layers = {i for i, s in enumerate(condensed.graph.sites) if s.kind is Kind.RECURRENT}
    for product in products(walked):
        if product.data is None and condensed.site_of_node.get(product.node) not in layers:
            yield product.node


def _fused(walked: Walk, condensed: Condensed) -> Iterator[int]:
    """Fused recurrent layers that read the data itself; the first dimension is their time.

    No gradient leaves such a layer, so none shows that its states depend on earlier ones: that
    they do is its definition.
    """
    for index, name in enumerate(walked.names):
        batch_first = name == "CudnnRnn" and saved(walked.nodes[index], "batch_first")
        if name in FUSED_RECURRENT and walked.inputs[index][0] is None and not batch_first:
            yield index


def _is_led_by(walked: Walk, index: int, samples: int) -> bool:
    shape = walked.shape(index)
    along_time = walked.names[index] != "Convolution" and shape[1:2] == (samples,)
    return bool(shape) and (shape[0] % samples == 0 or along_time)


def _asked_of_samples(
    walked: Walk, condensed: Condensed, start: int, axes: Axes, inputs: Inputs
) -> Answer:
    rows = _sent(walked, condensed, start, 0, axes.samples)
    reading = _meeting(walked, condensed, start, axes, inputs, rows)
    return Answer(reading, rows.finite and all(rows.own))


def _meeting(
    walked: Walk, condensed: Condensed, start: int, axes: Axes, inputs: Inputs, rows: Rows
) -> Mixing:
    """Where the gradient of one sample meets others."""
    spread = [k for k, others in enumerate(rows.others) if others]
    layers = (i for i in _fused(walked, condensed) if i in rows.nodes)
    run_over = next((i for i in layers if walked.shape(i)[0] == axes.samples), None)
    if not rows.finite or not any(rows.own[:-1]):
        return Mixing()
    if (spread or run_over is not None) and axes.other:
        along = _sent(walked, condensed, start, 1, axes.other)
        if not (along.finite and any(along.others)):
            return Mixing()  # the samples lie along dimension 1: dimension 0 is time
    if not spread and run_over is not None:
        site = _name_below(walked, condensed, run_over)
        at_least = (axes.samples - 1) // 2  # those before it, or behind it in a reversed layer
        return Mixing(axes.samples - 1, at_least, site, (RUN_OVER,), axes.flat)
    if not spread:
        return _of_the_data(walked, axes, inputs, rows.entered)
    last = max(rows.nodes[k] for k in spread)
    apart = {n for n, others in zip(rows.nodes, rows.others, strict=True) if not others}
    between = _between(walked, condensed, last, start, apart)
    return Mixing(
        axes.samples - 1,
        max(rows.others),
        _name_below(walked, condensed, last),
        tuple(dict.fromkeys(_word(walked, condensed, i) for i in between)),
        axes.flat,
        merged=any(_adds_up_rows_of_all(walked, i, axes.samples) for i in between),
    )


def _sent(walked: Walk, condensed: Condensed, start: int, dim: int, length: int) -> Rows:
    """The rows of `dim` in which a gradient of the row in the middle arrives."""
    row, nodes, largest = length // 2, [], []
    entries, entered = set(_entries(walked, condensed)), {}

    def visit(index: int, gradient: Tensor) -> None:
        shape = tuple(gradient.shape)
        if index in entries and len(shape) > 1:
            entered[index] = (gradient != 0).flatten(1).any(1)
        along = _axis_at(walked, index, shape, dim, length)
        if along is not None and index not in condensed.weight_like:
            nodes.append(index)
            largest.append(_largest(gradient.movedim(along, 0)))

    send_back(walked, start, gradient_at(walked, start, {dim: row}), visit)
    seen, finite = torch.stack(largest) != 0, torch.stack(largest).isfinite().all(1)
    counts = torch.stack([seen[:, row].long(), seen.sum(1), finite.long()]).tolist()
    own = [mine > 0 for mine in counts[0]]
    others = [n - mine if n > 1 else 0 for n, mine in zip(counts[1], own, strict=True)]
    return Rows(nodes, own, others, all(counts[2]), entered)


def _axis_at(walked: Walk, index: int, shape: tuple[int, ...], dim: int, length: int) -> int | None:
    """Along which dimension of a node's value the rows lie; None where that is not certain."""
    name = walked.names[index]
    if name in FUSED_RECURRENT and dim == 0 and shape[0] != length and shape[1:2] == (length,):
        return 1  # of (time, batch, unit), the batch
    laid_out = shape[:-1] if name == TOKENS else shape  # the last holds units
    is_led = laid_out[dim : dim + 1] == (length,) and laid_out.count(length) == 1
    return dim if is_led else None


def _entered_by_blocks(
    walked: Walk, condensed: Condensed, nodes: Set[int], axes: Axes
) -> dict[int, Tensor]:
    """What `Rows.entered` is where each sample is one block of rows everywhere."""
    entered = {}
    for index in nodes & set(_entries(walked, condensed)):
        used = torch.zeros(axes.samples, walked.shape(index)[0] // axes.samples, dtype=torch.bool)
        used[axes.samples // 2] = True
        entered[index] = used.flatten()
    return entered


def _of_the_data(walked: Walk, axes: Axes, inputs: Inputs, entered: Mapping[int, Tensor]) -> Mixing:
    """The answer where no operation mixes samples: a view of the data may have."""
    given = _data_of_one(walked, entered)
    strangers = strangers_among(given, inputs.batch, axes.samples // 2)
    between = (LAID_OUT,) if strangers else ()
    return Mixing(axes.samples - 1, strangers, between=between, flat=axes.flat)


def _data_of_one(walked: Walk, entered: Mapping[int, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """What each first layer is given, and which rows of it the output of one sample depends on."""
    for index, used in entered.items():
        name = DATA.get(walked.names[index])
        data = saved(walked.nodes[index], name) if name else None
        if data is not None and len(data) == len(used):
            yield data, used


def _largest(gradient: Tensor) -> Tensor:
    """Of each row the largest size: not 0 where anything is, not finite where anything is not."""
    rows = gradient.reshape(len(gradient), -1)
    return rows.abs().amax(1) if rows.numel() else rows.sum(1)


def _name_below(walked: Walk, condensed: Condensed, index: int) -> str:
    """Name of the nearest site at a node or before it; empty where there is none."""
    site = site_below(walked, condensed, index)
    return "" if site is None else condensed.graph.sites[site].name


def _between(
    walked: Walk, condensed: Condensed, last: int, start: int, apart: set[int]
) -> list[int]:
    """The nodes that follow `last`, up to where the samples are apart."""
    reached, between = {last}, []
    for index in range(last + 1, start + 1):
        if index in condensed.weight_like or not reached.intersection(walked.inputs[index]):
            continue
        between.append(index)
        if index not in apart:
            reached.add(index)
    return between


def _adds_up_rows_of_all(walked: Walk, index: int, samples: int) -> bool:
    """Whether an index says where rows are added, of several rows of each sample on one axis."""
    rows = walked.shape(index)[:1] if walked.names[index] in ADDING_UP else ()
    return any(n > samples and n % samples == 0 for n in rows)


def _word(walked: Walk, condensed: Condensed, index: int) -> str:
    if walked.names[index] in LINEAR_MAPS and _joins_rows(walked, condensed, index):
        return "combination"
    site = condensed.site_of_node.get(index)
    named = None if site is None else condensed.graph.sites[site]
    return snake_case(walked.names[index]) if named is None else named.operation


def _joins_rows(walked: Walk, condensed: Condensed, index: int) -> bool:
    """Whether a matrix without gradient multiplies from the left: neighbours in a graph, say."""
    left, right = walked.inputs[index][-2:]
    return left is None and right is not None and right not in condensed.weight_like


def _prediction(walked: Walk, inputs: Inputs) -> int | None:
    """The node that made the root's output."""
    prediction = inputs.prediction
    if prediction is None or prediction.node is None:
        return None
    shape = tuple(prediction.value.shape)
    made = (i for i in range(len(walked)) if walked.makes(i, prediction.node))
    index = next(made, None)
    return index if index is not None and walked.shape(index) == shape else None
