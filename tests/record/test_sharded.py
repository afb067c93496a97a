"""Sharded networks train as unwatched, and only their own shards are read."""

import subprocess
import sys

import pytest
import torch

DISTRIBUTED = """
import sys
import torch, torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

torch.set_num_threads(1)
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
mesh = init_device_mesh("cpu", (1,))
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
generator = torch.Generator().manual_seed(1)
x, y = torch.randn(16, 8, generator=generator), torch.arange(16) % 2
kind = sys.argv[1]
if kind == "distributed":
    for layer in (model[0], model[2]):
        for name, p in list(layer.named_parameters()):
            setattr(layer, name, nn.Parameter(distribute_tensor(p, mesh, [Shard(0)])))
    x = distribute_tensor(x, mesh, [Replicate()])
else:
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh, reshard_after_forward=kind == "resharded")
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(5):
    optimizer.zero_grad()
    result = model(x)
    result = result.full_tensor() if isinstance(result, DTensor) else result
    nn.functional.cross_entropy(result, y).backward()
    optimizer.step()
print([p.full_tensor().detach().numpy().tobytes().hex() for p in model.parameters()])
dist.destroy_process_group()
"""


@pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="torch without gloo",
)
@pytest.mark.parametrize("kind", ["resharded", "kept", "distributed"])
def test_sharded_networks_train_the_same_and_their_own_shards_are_read(tmp_path, kind):
    script, report = tmp_path / "train.py", tmp_path / "report.json"
    script.write_text(DISTRIBUTED)
    watch = ["-m", "lifesigns", "run", "--every", "1", "--json", str(report)]

    plain = subprocess.run(
        [sys.executable, "-W", "ignore", script, kind], capture_output=True, text=True
    )
    watched = subprocess.run(
        [sys.executable, "-W", "ignore", *watch, script, kind], capture_output=True, text=True
    )

    assert (plain.returncode, watched.returncode) == (0, 0), watched.stderr
    assert plain.stdout == watched.stdout
    assert "recorder failed" not in watched.stderr
    assert "does not reach" not in watched.stderr
    assert "are in no optimizer" not in watched.stderr
    if kind == "distributed":
        assert "a DTensor" in watched.stderr
