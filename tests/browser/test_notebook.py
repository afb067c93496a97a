"""What a Jupyter notebook shows: the page of the run, not `<Report ...>`."""

import pytest

TRAINING = """
import torch, lifesigns
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
x, y = torch.randn(64, 4), torch.randint(3, (64,))
with lifesigns.watch(model, optimizer) as watcher:
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
"""


@pytest.fixture(scope="module")
def shown():
    """What the last lines of the cells are displayed as, in HTML."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    cells = [nbformat.v4.new_code_cell(c) for c in (TRAINING, "watcher", "watcher.report")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output.output_type for output in outputs] == ["execute_result"] * 2, outputs
    return [output.data["text/html"] for output in outputs]


def test_a_watcher_and_a_report_are_shown_as_the_page(opened, shown):
    page = opened("<meta charset='utf-8'>" + "<hr>".join(shown), ready="iframe")

    for frame in page.frames[1:]:
        frame.wait_for_selector("#page[data-ready]")
        assert frame.locator(".ladder tbody tr").count() == 3
        assert "softmax is applied twice" in frame.locator(".card").first.inner_text()
    assert len(page.frames) == 3
