"""The vendored libraries: as published, licensed, and in the wheel."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src/lifesigns/report/page/browser"
FOLDERS = [PAGE / "vendor", Path(__file__).parent / "vendor"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["page", "tests"])
def test_every_file_is_the_one_that_was_published(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    digests = {each["file"]: each["sha256"] for each in manifest}

    files = {path.name for path in folder.iterdir()} - {"manifest.json", "LICENSE"}
    assert {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files
    } == digests


@pytest.mark.parametrize("folder", FOLDERS, ids=["page", "tests"])
def test_every_library_stands_above_its_licence(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    text = (folder / "LICENSE").read_text(encoding="utf-8")

    for each in manifest:
        assert f"\n{each['name']} {each['version']} ({each['licence']})\n" in text
        assert each["source"].startswith(f"npm:{each['name']}@{each['version']}/")


def test_the_wheel_carries_modules_styles_and_libraries(tmp_path):
    path = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))

    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())

    there = {str(file.relative_to(ROOT / "src")) for file in PAGE.rglob("*") if file.is_file()}
    assert there <= names
