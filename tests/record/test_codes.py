"""Whether the codes of categories that are looked up are all 0 or 1."""

import pytest
import torch
from torch import nn
from training_steps import sgd


class Tables(nn.Module):
    def __init__(self, *rows):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(n, 3) for n in rows])
        self.head = nn.Linear(3 * len(rows), 1)

    def forward(self, codes):
        found = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        return self.head(torch.cat(found, 1))


@pytest.mark.parametrize(
    ("rows", "highest", "marked"),
    [
        ((9, 6), (1, 1), True),
        ((9, 6), (0, 1), True),
        ((9, 6), (1, 5), False),
        ((9, 2), (1, 1), True),
        ((2, 3), (1, 2), False),
    ],
)
def test_codes_are_marked_where_no_table_sees_another_than_0_and_1(
    recording, rows, highest, marked
):
    model = Tables(*rows)
    recorder, optimizer = recording(every=1), sgd(model)
    codes = torch.zeros(20, 2, dtype=torch.long)
    codes[4] = torch.tensor(highest)

    model(codes).square().mean().backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    expected = {
        "code_rows": min((n for n in rows if n > 4), default=0),
        "codes": 20,
        "code_ones": 0.05,
    }
    found = {name: shot.loss.details.get(name) for name in expected}
    assert found == (expected if marked else dict.fromkeys(expected))
