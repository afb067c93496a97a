"""What was not seen, so that silence is not taken for health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lifesigns.records import Coverage, Snapshot, Trace

NAMED = 3
"""How many names a sentence lists before it only counts."""


@dataclass(frozen=True)
class Unseen:
    """What no snapshot of a run shows; each name once, in the order of appearance."""

    opaque: tuple[str, ...]
    """Nodes whose inside is not seen."""
    hooked_saves: int
    """The most nodes of one step whose saved tensors were packed away."""
    repeated: int
    """The most compiled calls of one step that were read in an eager repetition."""
    unreadable: tuple[str, ...]
    """Sites whose values could not be read, with the reason."""
    failures: tuple[str, ...]
    """Failures of the recorder itself."""
    unreached: tuple[str, ...]
    """Trainable parameters to which no recorded loss leads."""
    unwatched: tuple[str, ...]
    """What could not be watched at all, in sentences."""

    @classmethod
    def of(cls, trace: Trace) -> Unseen:
        """What the snapshots of `trace` say together.

        Args:
            trace: Of any length; without snapshots only `unwatched` can say something.
        """
        seen = [snapshot.coverage for snapshot in trace.snapshots]
        return cls(
            opaque=_each_once(seen, lambda c: c.opaque),
            hooked_saves=max((c.hooked_saves for c in seen), default=0),
            repeated=max((c.repeated for c in seen), default=0),
            unreadable=_each_once(seen, lambda c: c.unreadable),
            failures=_each_once(seen, lambda c: c.failures),
            unreached=_unreached(trace.snapshots),
            unwatched=trace.unseen,
        )

    def sentences(self) -> Iterator[str]:
        """One sentence for each thing not seen; nothing if all was seen."""
        yield from self.unwatched
        yield from _sentence("the inside of {} opaque operation{s}", self.opaque)
        if self.hooked_saves:
            yield (
                f"values of {self.hooked_saves} operations whose saved tensors are packed away "
                "(checkpointing, save_on_cpu); their gradients were seen"
            )
        if self.repeated:
            yield (
                "compiled steps themselves: layers of compiled modules were read in an eager "
                "repetition of the step, which draws dropout masks of its own"
            )
        yield from _sentence("values at {} site{s}", self.unreadable)
        yield from _sentence(
            "{} trainable parameter{s} that no recorded loss reaches", self.unreached
        )
        yield from (f"the recorder failed: {text}" for text in self.failures)


def _each_once(
    seen: Sequence[Coverage], names: Callable[[Coverage], tuple[str, ...]]
) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for coverage in seen for name in names(coverage)))


def _unreached(snapshots: Iterable[Snapshot]) -> tuple[str, ...]:
    """A parameter of a GAN is reached by one loss and not by the other: any will do."""
    reached: dict[str, bool] = {}
    for parameter in (p for s in snapshots for p in s.parameters if p.trainable):
        reached[parameter.name] = reached.get(parameter.name, False) or parameter.reached
    return tuple(name for name, was in reached.items() if not was)


def _sentence(text: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        rest = len(names) - NAMED
        more = f" and {rest} more" if rest > 0 else ""
        counted = text.format(len(names), s="" if len(names) == 1 else "s")
        yield f"{counted}: {', '.join(names[:NAMED])}{more}"
