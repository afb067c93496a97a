"""Designs of the lab, as files and as options: `python tests/fuzz/fuzz_design.py -n 100000`."""

import json

from driver import Target, main
from toml_damage import damage

from lifesigns.lab.design.arguments import design_of

KEYS = (
    "data", "target", "hidden", "activations", "initialisers", "losses", "optimizers", "rates",
    "seeds",
    "steps", "batch_size", "momentum", "weight_decay", "chunk", "rate", "x", "'\\u001b'",
)  # fmt: skip
EXAMPLE = b"""data = "iris"
hidden = [8, 8]
activations = ["relu", "tanh"]
initialisers = ["he_normal"]
losses = ["cross_entropy"]
rates = [0.01, 0.1]
seeds = 3
steps = 10
"""
WORDS = (
    "relu,tanh", "he", "", ",", "1e-3:1:log", "1:1:log", "0.1,nan", "1e-308:1e308:log",
    "1:2:log:9999999999",
    "1:2:log:0", "a:b:c:d:e", "64-64", "-1", "0", "9" * 5000, "none", "１２",
    "1e999", "\x1b", "inf", "64-", "_",
)  # fmt: skip
OPTIONS = {"data": "iris", "hidden": "8-8", "rates": "1e-3:1:log", "activations": "relu"}
NUMBERS = ("seeds", "steps", "batch_size", "momentum", "weight_decay")


def damage_options(random, data):
    """Words exchanged; the numbers are what the command line makes of theirs."""
    try:
        options = json.loads(data)
    except ValueError:
        return data
    for _ in range(random.choice((1, 2, 4))):
        options[random.choice(KEYS[:8])] = random.choice(WORDS)
    options[random.choice(NUMBERS)] = random.choice((0, -1, 3, 10**30, 2**62))
    return json.dumps(options).encode()


def read(data, folder):
    (folder / "design.toml").write_bytes(data)
    design_of(folder / "design.toml", {})


def read_options(data, _):
    try:
        options = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(options, dict):
        known = {k: v for k, v in options.items() if k in KEYS[:8] and isinstance(v, str)}
        numbers = {k: v for k, v in options.items() if k in NUMBERS and isinstance(v, int)}
        design_of(None, {**known, **numbers})


DESIGN = Target("design", lambda _: [EXAMPLE], lambda r, d: damage(r, d, KEYS), read)
ARGUMENTS = Target(
    "arguments", lambda _: [json.dumps(OPTIONS).encode()], damage_options, read_options
)

if __name__ == "__main__":
    main(DESIGN, ARGUMENTS)
