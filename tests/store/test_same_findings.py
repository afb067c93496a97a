"""A stored run is judged as it was live: every case of every rule, before and after storing."""

import pytest

from lifesigns.records import to_json
from lifesigns.rules import all_rules, judge
from lifesigns.store import RunWriter, read_findings, read_run

CASES = [(rule, case) for rule in all_rules() for case in rule.cases]


@pytest.mark.parametrize(
    ("rule", "case"),
    [
        pytest.param(
            rule,
            case,
            id=f"{rule.name}: {case.name}",
            marks=pytest.mark.sampled(f"{rule.name}: {case.name}", {rule.name}),
        )
        for rule, case in CASES
    ],
)
def test_rules_find_in_the_stored_run_what_they_found_live(rule, case, tmp_path):
    live = case.trace()
    findings = judge(live)
    with RunWriter(tmp_path / "run.ls", live.info) as writer:
        for snapshot in live.snapshots:
            writer.append(snapshot)
        writer.losses(live.losses)
        writer.progress(
            live.steps,
            live.cost,
            live.optimizers,
            live.unseen,
            live.severed,
            rates=live.rates,
            unreached=live.unreached,
            idle=live.idle,
            evaluated=live.evaluated,
            standing=live.standing,
            loads=live.loads,
            rewind=live.rewind,
            own_load=live.own_load,
            rounded_eps=live.rounded_eps,
            loaders=live.loaders,
            evaluations=live.evaluations,
        )
        writer.finish(findings, live.info.outcome, cost=live.cost, steps=live.steps)

    stored = judge(read_run(tmp_path / "run.ls"))

    assert to_json(stored) == to_json(findings)
    assert to_json(read_findings(tmp_path / "run.ls")) == to_json(findings)
    assert case.fires is None or rule.name in {finding.rule for finding in stored}
