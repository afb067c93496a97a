"""The JAX side of lab.py: `vmap` over members, `scan` over steps; needs jax and NumPy only.

    python benchmarks/lab_jax.py '[[64, 64, 64, 10], 64, 32, 0.5]'   # widths, batch, members, s

Prints model-steps per second of CPU time; compilation is not counted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import pairwise

if hasattr(os, "sched_setaffinity"):  # one processor, and so one thread at a time
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

SAMPLES = 1797
RATE = 0.01


def loss(parameters, x, y):
    for weight, bias in parameters[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = parameters[-1]
    log_p = jax.nn.log_softmax(x @ weight + bias)
    return -jnp.take_along_axis(log_p, y[:, None], 1).mean()


def program(x, y):
    def member_step(parameters, rows):
        value, gradients = jax.value_and_grad(loss)(parameters, x[rows], y[rows])
        moved = jax.tree.map(lambda p, g: p - RATE * g, parameters, gradients)
        return moved, value

    @jax.jit
    def steps(parameters, rows):
        return jax.lax.scan(jax.vmap(member_step), parameters, rows)

    return steps


def main() -> None:
    widths, batch, members, seconds = json.loads(sys.argv[1])
    random = np.random.default_rng(0)
    x = jnp.asarray(random.standard_normal((SAMPLES, widths[0])), jnp.float32)
    y = jnp.asarray(random.integers(0, widths[-1], SAMPLES))
    parameters = [
        (
            jnp.asarray(random.standard_normal((members, i, o)) * (2 / i) ** 0.5, jnp.float32),
            jnp.zeros((members, o)),
        )
        for i, o in pairwise(widths)
    ]
    train = program(x, y)
    length = max(10, 2000 // members)
    rows = jnp.asarray(random.integers(0, SAMPLES, (length, members, batch)))
    parameters, _ = jax.block_until_ready(train(parameters, rows))
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        parameters, _ = jax.block_until_ready(train(parameters, rows))
        done += length * members
    print(done / (time.process_time() - start))


if __name__ == "__main__":
    main()
