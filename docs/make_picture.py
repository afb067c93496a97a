"""Draws the pictures in the README: the report on a doubled softmax, and the page of dying ReLUs.

Run it with `python docs/make_picture.py` when the form of a report or of the page has changed. The
page is drawn by Debian's Chromium, through playwright.
"""

import io
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console

from lifesigns.commands.demo import FAULTS, run
from lifesigns.report import Report

HERE = Path(__file__).parent
WINDOW = {"width": 1280, "height": 1000}


def report_on(name: str) -> Report:
    """Trains the network with this fault."""
    fault = next(fault for fault in FAULTS if fault.name == name)
    (outcome,) = run([fault], seed=0, console=Console(file=io.StringIO()))
    return outcome.report


def photograph(report: Report, picture: Path) -> None:
    """Opens the page of a run, and keeps what a window shows."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page_file = Path(folder, "page.html")
        report.write_html(page_file)
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=WINDOW)
        page.goto(page_file.as_uri())
        page.wait_for_selector("#page[data-ready]")
        page.wait_for_timeout(1000)
        page.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Write both pictures."""
    (HERE / "report.svg").write_text(report_on("double-softmax").svg(), encoding="utf-8")
    photograph(report_on("dead-relu"), HERE / "page.png")


if __name__ == "__main__":
    main()
