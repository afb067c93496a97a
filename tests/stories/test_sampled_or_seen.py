"""What a report says of samples is true of the whole run, counted by hooks in every step."""

import torch
from torch import nn

import lifesigns

STEPS, BATCH = 144, 32
CONSTANT, RARE, USUAL = 4, 12, 16


def batches():
    """Inputs of which some never differ, some in one sample of 500, and the rest always."""
    draw = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        rare = (torch.rand(BATCH, RARE, generator=draw) < 1 / 500).float()
        usual = torch.randn(BATCH, USUAL, generator=draw)
        yield torch.cat([torch.ones(BATCH, CONSTANT), rare, usual], 1)


def network():
    """Of 20 hidden units five cannot fire, and five do so for one sample of about 740."""
    hidden = nn.Linear(CONSTANT + RARE + USUAL, 20)
    with torch.no_grad():
        hidden.weight[:10] = 0
        hidden.weight[:10, -1] = 1
        hidden.bias[:5], hidden.bias[5:10] = -100, -3
    return nn.Sequential(hidden, nn.ReLU(), nn.Linear(20, 1))


def trained(every):
    """The findings of a run by their rules, its inputs, and which units fired in each step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = network()
    inputs, fired = [], []
    net[1].register_forward_hook(lambda _, given, out: fired.append(out.detach() > 0))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    with lifesigns.watch(net, optimizer, every=every) as watcher:
        for batch in batches():
            inputs.append(batch)
            loss = nn.functional.mse_loss(net(batch), batch[:, -2:-1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    found = {finding.rule: finding for finding in watcher.report.findings}
    return found, torch.cat(inputs), torch.stack(fired)


def test_features_that_are_constant_in_samples_differ_no_more_than_the_interval_says():
    found, inputs, _ = trained(every=18)
    known = found["constant-features"]
    differing = (inputs != inputs.mode(0).values).float().mean(0)

    _, most = known.intervals["differing"]
    alike = differing.sort().values[: int(known.evidence["constant"])]

    assert known.evidence["constant"] > CONSTANT
    assert "(8 of 144 steps)" in known.symptom
    assert 0 < alike.max() <= most


def test_units_that_are_silent_in_samples_are_active_no_more_than_the_interval_says():
    found, _, fired = trained(every=18)
    known = found["dead-units"]
    activity = fired[STEPS * 3 // 4 :].float().mean((0, 1))

    _, most = known.intervals["activity"]
    silent = activity.sort().values[: round(20 * known.evidence["dead_share"])]

    assert "look dead" in known.symptom
    assert len(silent) > 5
    assert 0 < silent.max() <= most


def test_where_every_step_was_recorded_the_counts_are_the_true_ones():
    found, inputs, fired = trained(every=1)
    never_changed = (inputs == inputs[0]).all(0).sum()
    never_fired = (~fired[STEPS * 3 // 4 :].any(0).any(0)).sum()

    constant, dead = found["constant-features"], found["dead-units"]

    assert constant.evidence["constant"] == never_changed == CONSTANT
    assert "never change" in constant.symptom
    assert 20 * dead.evidence["dead_share"] == never_fired
    assert "are dead" in dead.symptom
    assert constant.intervals == dead.intervals == {}
