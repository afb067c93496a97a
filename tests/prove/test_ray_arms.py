"""Arms on a cluster are what they are here."""

import os
import threading

import pytest

from lifesigns.prove import arm as module
from lifesigns.prove.arm import Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.order import Order
from lifesigns.prove.treatment import Treatment

SCRIPT = """
import os, torch
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(5):
    loss = torch.nn.functional.mse_loss(net(torch.rand(8, 2)), torch.rand(8, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("with", os.environ["OURS"])
"""


@pytest.fixture(scope="module")
def ray_arms():
    ray = pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
    from lifesigns.prove import ray_arms

    source = {"PYTHONPATH": os.fspath(module.Path(module.__file__).parents[2])}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": source},
    )
    yield ray_arms
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_an_arm_in_a_cluster_trains_as_it_does_here(ray_arms, project, monkeypatch):
    monkeypatch.setenv("OURS", "this machine's variable")
    (project / "train.py").write_text(SCRIPT)
    program = Program("train.py", folder=project)

    here, there = (
        Arms(program, 120.0, **by).train([Treatment(1)], every=1)[0]
        for by in ({}, {"carry_out": ray_arms.on_ray})
    )

    assert "with this machine's variable" in there.end.output
    assert (there.how, there.trace.steps) == ("finished", 5)
    assert list(there.trace.losses.values) == list(here.trace.losses.values)


@pytest.mark.filterwarnings("ignore")
def test_an_arm_in_a_cluster_is_ended_when_it_is_told_to(ray_arms, project):
    order = Order(Program("train.py", folder=project), Treatment(), 60.0)
    stopped = threading.Event()
    stopped.set()

    with pytest.raises(CannotRun, match="stopped without a result"):
        ray_arms.on_ray(order, stopped)
