"""What an integration says where its library is not installed."""

import importlib
import sys
from pathlib import Path

import pytest

import lifesigns.integrations
from lifesigns._errors import MissingExtraError, UsageError

FOLDER = Path(lifesigns.integrations.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
LIBRARIES = {"huggingface": "transformers"}


@pytest.mark.parametrize("name", NAMES)
def test_an_integration_without_its_library_says_what_to_install(name, monkeypatch):
    library = LIBRARIES.get(name, name)
    for module in list(sys.modules):
        if module.split(".")[0] == library:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    if name == "tensorboard":
        monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.delitem(sys.modules, f"lifesigns.integrations.{name}", raising=False)

    with pytest.raises(MissingExtraError, match=rf"pip install 'lifesigns\[{name}\]'") as raised:
        importlib.import_module(f"lifesigns.integrations.{name}")

    assert isinstance(raised.value, UsageError)
