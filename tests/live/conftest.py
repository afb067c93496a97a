"""The run files of the store's tests are served here, too."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("store", "live")]
