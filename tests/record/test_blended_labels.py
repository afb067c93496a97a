"""Maps of classes that were resized as pictures."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def scenes():
    """Discs of the classes 1 to 5 on class 0."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    maps = torch.zeros(8, 48, 48)
    for one in maps:
        for kind in range(1, 6):
            top, left = torch.randint(8, 40, (2,), generator=generator)
            one[(rows - top) ** 2 + (columns - left) ** 2 < 50] = kind
    return maps


def resized(mode, size=34):
    return F.interpolate(scenes()[:, None], size=(size, size), mode=mode)[:, 0].long()


def levels():
    """Depths that fall from row to row."""
    return (torch.arange(36) // 4).clamp(max=7).expand(8, 36, 36).transpose(1, 2).contiguous()


def details(labels, classes=8, kind=F.cross_entropy):
    torch.manual_seed(0)
    model = nn.Conv2d(3, classes, 1)
    pictures = torch.randn(len(labels), 3, *labels.shape[1:])
    return snapshot(lambda: kind(model(pictures), labels).backward(), model).loss.details


def test_means_put_other_classes_at_the_borders():
    found = details(resized("bilinear"))

    assert found["blended_borders"] > 0.15 * found["far_borders"] > 0
    assert found["blended_kinds"] >= 3
    assert found["far_changes"] > 0.2 * found["changes"]


@pytest.mark.parametrize("labels", [resized("nearest"), scenes().long()])
def test_nearest_neighbours_leave_them_as_they_are(labels):
    found = details(labels)

    assert found["blended_borders"] < 0.05 * found["far_borders"]


def test_levels_go_one_by_one():
    found = details(levels())

    assert found["far_changes"] == 0 < found["changes"]


def test_places_that_are_ignored_are_no_border():
    labels = resized("nearest")
    labels[:, ::2] = -100

    assert details(labels)["changes"] < details(resized("nearest"))["changes"]


def test_few_classes_and_many_levels_are_not_looked_at():
    assert "far_borders" not in details(resized("bilinear").clamp(max=2), classes=3)
    assert "far_borders" not in details(resized("bilinear"), classes=64)
