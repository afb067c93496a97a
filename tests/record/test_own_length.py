"""Values divided by their own length are read, as rows of length 1."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lifesigns
from lifesigns.records import Site, SiteReading

FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "normalize": F.normalize,
    "by hand": lambda z: z / z.norm(dim=1, keepdim=True),
    "by hand, kept above 0": lambda z: (
        z / (torch.linalg.vector_norm(z, dim=-1, keepdim=True) + 1e-8)
    ),
    "cosines": lambda z: F.cosine_similarity(z, z.flip(0), dim=1),
}


def _read(form: Callable[[Tensor], Tensor]) -> list[tuple[Site, SiteReading]]:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    with lifesigns.watch(model, every=1, strict=True) as watcher:
        form(model(torch.randn(8, 4))).square().sum().backward()
    assert watcher.trace is not None
    shot = watcher.trace.snapshots[0]
    sites = [(shot.graph.sites[r.site], r) for r in shot.sites]
    return [(site, reading) for site, reading in sites if "length_dim" in site.details]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_of_length_one_are_read(form: Callable[[Tensor], Tensor]) -> None:
    site, reading = _read(form)[0]

    assert site.details["length_dim"] == -1
    assert reading.value is not None
    assert reading.value.mean_square.sum() == pytest.approx(1, abs=1e-5)


def test_a_length_over_the_batch_is_told_by_its_dimension() -> None:
    site, _ = _read(lambda z: F.normalize(z, dim=0))[0]

    assert site.details["length_dim"] == -2


@pytest.mark.parametrize("form", [lambda z: z / z.detach().norm(), lambda z: z / z.exp()])
def test_other_quotients_are_not(form: Callable[[Tensor], Tensor]) -> None:
    assert not _read(form)


SUMS: dict[str, Callable[[Tensor], Tensor]] = {
    "by hand": lambda z: z / z.sum(1, keepdim=True),
    "kept above 0": lambda z: z / (z.sum(-1, keepdim=True) + 1e-20),
    "with a dimension put back": lambda z: z / z.sum(-1).unsqueeze(-1),
    "normalize": lambda z: F.normalize(z, p=1, dim=-1),
}


def _along(form: Callable[[Tensor], Tensor]) -> list[float]:
    model = nn.Linear(4, 3)
    with lifesigns.watch(model, every=1, strict=True) as watcher:
        form(model(torch.randn(8, 4))).square().sum().backward()
    assert watcher.trace is not None
    sites = watcher.trace.snapshots[0].graph.sites
    return [site.details["sum_dim"] for site in sites if "sum_dim" in site.details]


@pytest.mark.parametrize("form", SUMS.values(), ids=SUMS)
def test_values_divided_by_their_sum_are_told_by_its_dimension(form: Callable[..., Tensor]) -> None:
    assert _along(form) == [-1]


@pytest.mark.parametrize(
    "form", [lambda z: z / z.sum(), lambda z: z / z.exp().sum(1, keepdim=True), F.normalize]
)
def test_other_sums_are_not(form: Callable[[Tensor], Tensor]) -> None:
    assert _along(form) == []
