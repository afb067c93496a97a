"""How soon a page is there and how smoothly it moves, in headless Chromium.

    python benchmarks/page_in_browser.py            # needs chromium and the package playwright
    python benchmarks/page_in_browser.py --quick    # a hundred snapshots

The pages are those of `benchmarks/page.py`. Paint is milliseconds from the navigation; the others
are milliseconds of tasks of the page's main thread: until all is drawn, for a frame while the page
or the ladder scrolls, for a step of the slider. At 30 frames a second a frame has 33. All of them
grow where other programs want the processor.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from page import Network
from rows import Rows, announce

from lifesigns.records import LossCurve, Trace
from lifesigns.report.page import PageBuilder
from lifesigns.report.page.file_host import page_html

RUNS = ((1_000, 100, 64), (1_000, 300, 512))
"""Snapshots, sites, units."""
FRAMES = 40
SECONDS = 60
"""That both runs take on a machine of 2025, most of it to make their snapshots."""
FRAME = "await new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
MOVES = {
    "page": f"async i => {{ scrollBy(0, 100); {FRAME} }}",
    "ladder": f"""async i => {{
        document.querySelector(".ladder .scroll").scrollTop += 100;
        {FRAME}
    }}""",
    "slider": f"""async i => {{
        const slider = document.querySelector("input[type=range]");
        slider.value = i;
        slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
        {FRAME}
    }}""",
}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def page_of(snapshots: int, sites: int, units: int) -> str:
    """The page of a run with so many snapshots, sites and units."""
    network, builder = Network(sites, units), PageBuilder()
    for snapshot in network.snapshots(snapshots):
        builder.add(snapshot)
    values = np.geomspace(1, 0.1, snapshots)
    losses = LossCurve(np.arange(snapshots), values, np.zeros(snapshots, np.int64))
    return page_html(builder.document(Trace(losses=losses, steps=snapshots), ()))


def measured(browser: Any, file: Path) -> list[float]:
    """Paint, everything drawn, and a frame of each of the moves."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1e3 * next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    page.goto(file.as_uri())
    page.wait_for_selector("#page[data-ready]")
    numbers = [page.evaluate(PAINT), busy()]
    for move in MOVES.values():
        frames = []
        for i in range(FRAMES):
            before = busy()
            page.evaluate(move, i)
            frames.append(busy() - before)
        numbers.append(statistics.median(frames))
    page.close()
    return numbers


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a hundred snapshots")
    tenth = 10 if parser.parse_args().quick else 1
    from playwright.sync_api import sync_playwright

    announce(SECONDS / tenth)
    heads = ("run", "megabytes", "paint", "drawn", *MOVES)
    rows = Rows("Pages in a browser: milliseconds, and those of a frame while it moves", heads)
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        chromium = shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        for snapshots, sites, units in RUNS:
            file = Path(folder) / "page.html"
            file.write_text(page_of(snapshots // tenth, sites, units), encoding="utf-8")
            name = f"{snapshots // tenth:,} × {sites} × {units}"
            numbers = measured(browser, file)
            size = file.stat().st_size / 1e6
            rows.add(name, f"{size:.2f}", *(f"{number:.0f}" for number in numbers))
        browser.close()


if __name__ == "__main__":
    main()
