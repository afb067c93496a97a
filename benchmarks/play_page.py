"""How smoothly the playground's page moves, in headless Chromium.

    python benchmarks/play_page.py            # needs chromium and the package playwright
    python benchmarks/play_page.py --quick    # a fifth of the time

Each row is a state of the page that runs for some seconds: milliseconds from the navigation until
its first step is on the screen, frames a second that showed a new step (a screen has 60), steps a
second, milliseconds of a processor that all of the browser took for each of these frames (60 a
second leave one core 16.7), and epochs a minute.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from rows import Rows, announce

from lifesigns.play.file import play_html

SECONDS = 5.0
"""That each state runs."""
TWO = {
    "network.hidden": "8 tanh, 8 tanh",
    "other.initialiser.name": "he_normal",
    "steps": "1000000",
}
STATES: dict[str, tuple[dict[str, str], str]] = {
    "two 2-8-8-1, a step a frame": (TWO, "60"),
    "two 2-8-8-1, ten steps a frame": (TWO, "600"),
    "two 2-8-8-1, as fast as it goes": (TWO, "Infinity"),
    "64-32-10, digits, as fast": (
        {"data.name": "digits", "network.hidden": "32 relu", "steps": "100000"},
        "Infinity",
    ),
}
COUNT = """seconds => new Promise((done) => {
    const page = document.getElementById("page");
    const first = Number(page.dataset.step);
    const from = performance.now();
    let shown = 0;
    let before = first;
    const look = () => {
        const step = Number(page.dataset.step);
        shown += step !== before ? 1 : 0;
        before = step;
        const past = (performance.now() - from) / 1000;
        if (past < seconds) requestAnimationFrame(look);
        else done({ frames: shown / past, steps: (step - first) / past });
    };
    requestAnimationFrame(look);
})"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the time")
    seconds = SECONDS / 5 if parser.parse_args().quick else SECONDS
    from playwright.sync_api import sync_playwright

    announce(len(STATES) * (seconds + 2))
    heads = ("state", "first step", "frames/s", "steps/s", "CPU ms/frame", "epochs/min")
    rows = Rows("The playground's page in a browser", heads)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder) / "play.html"
        file.write_text(play_html(), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        for name, (words, speed) in STATES.items():
            rows.add(name, *_measured(browser.new_page(), file, words, speed, seconds))
        browser.close()


def _measured(page, file, words, speed, seconds) -> tuple[str, ...]:
    page.goto(f"{file.as_uri()}#{urlencode({'v': 1, **words})}")
    page.wait_for_selector("#page[data-version]")
    page.get_by_role("button", name="One step", exact=True).click()
    page.wait_for_selector('#page[data-step="1"]')
    first = page.evaluate("performance.now()")
    page.locator(".speed select").select_option(speed)
    text = page.locator(".size, .side header").first.inner_text()
    found = re.search(r"epoch is (\d+) steps", text)
    epoch = int(found[1]) if found else 5
    page.get_by_role("button", name="Run", exact=True).click()
    before = _worked()
    told = page.evaluate(COUNT, seconds)
    each = (_worked() - before) / max(told["frames"] * seconds, 1)
    numbers = (f"{first:.0f}", f"{told['frames']:.0f}", f"{told['steps']:.0f}", f"{each:.1f}")
    page.close()
    return *numbers, f"{60 * told['steps'] / epoch:.0f}"


def _worked() -> float:
    """Milliseconds of a processor that the browser's processes have taken (Linux)."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    own = {os.getpid()}
    while grown := {pid for pid, (parent, _) in parents.items() if parent in own} - own:
        own |= grown
    ticks = sum(parents[pid][1] for pid in own - {os.getpid()} if pid in parents)
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
