"""How fast the playground's engine trains, in headless Chromium.

    python benchmarks/play.py            # needs chromium and the package playwright
    python benchmarks/play.py --quick    # a tenth of the steps

Each row is a network with its data: milliseconds until its first step is done (the data made, the
weights drawn), of a step, of judging what was recorded, and of drawing its maps' values (every unit
at 60 × 60 points). A frame at 60 a second has 16.7 ms: *frame* is what one takes for two such
networks side by side with two steps each, maps of 24 × 24 points and the prediction at 48 × 48.
"""

from __future__ import annotations

import argparse
import shutil
from typing import Any

from rows import Rows, announce

from lifesigns.play.modules import modules
from lifesigns.report.page.linker import link

SECONDS = 30
"""That it takes on a machine of 2025."""
NETWORKS: dict[str, dict[str, Any]] = {
    "2-8-8-1, tanh, circles": {"network": {"hidden": [{"units": 8, "activation": "tanh"}] * 2}},
    "2-8-8-1, gelu, Adam": {
        "network": {"hidden": [{"units": 8, "activation": "gelu"}] * 2},
        "optimizer": {"name": "adam", "rate": 0.01},
    },
    "2-64 × 8-1, relu": {"network": {"hidden": [{"units": 64, "activation": "relu"}] * 8}},
    "64-32-10, relu, digits": {
        "data": {"name": "digits"},
        "network": {"hidden": [{"units": 32, "activation": "relu"}]},
    },
}
ENTRY = """
import { validated } from "./setting.js";
import { startOf } from "./training.js";
import { findings } from "./findings.js";
globalThis.bench = ({ given, steps }) => {
    const took = (work, times = 1) => {
        const from = performance.now();
        for (let i = 0; i < times; i++) work();
        return (performance.now() - from) / times;
    };
    const { setting } = validated(given);
    let training;
    const first = took(() => (training = startOf(setting)).step());
    training.steps(Math.ceil(steps / 10));
    const step = took(() => training.step(), steps);
    const judged = took(() => findings(training), 5);
    const grid = (side) => new Float64Array(side * side * training.data.features).fill(0.5);
    const [small, middle, large] = [24, 48, 60].map(grid);
    const maps = took(() => training.activations(large), 5);
    const two = [training, startOf({ ...setting, seed: 1 })];
    const frame = took(() => two.forEach((each) => {
        each.steps(2);
        each.activations(small);
        each.predict(middle);
    }), 30);
    return { first, step, judged, maps, frame, epoch: training.epoch };
};"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    steps = 100 if parser.parse_args().quick else 1000
    from playwright.sync_api import sync_playwright

    announce(SECONDS * steps / 1000)
    heads = ("network", "first", "step", "judged", "maps", "frame", "epochs/min")
    rows = Rows("The engine in a browser: milliseconds", heads)
    script = link({**modules(), "bench.js": ENTRY}, "bench.js")
    with sync_playwright() as driver:
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_page()
        page.add_script_tag(content=script)
        for name, given in NETWORKS.items():
            told = page.evaluate("given => bench(given)", {"given": given, "steps": steps})
            numbers = (told[key] for key in ("first", "step", "judged", "maps", "frame"))
            epochs = 60_000 / (told["step"] * told["epoch"])
            rows.add(name, *(f"{number:.2f}" for number in numbers), f"{epochs:.0f}")
        browser.close()


if __name__ == "__main__":
    main()
