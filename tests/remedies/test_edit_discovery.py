"""Edits are found by a walk over their files; a malformed one is named."""

from types import ModuleType

import pytest

from lifesigns._errors import LifesignsError, UsageError
from lifesigns.remedies import all_manuals, find_manual
from lifesigns.remedies._discovery import manual_of


def module(**names):
    made = ModuleType("lifesigns.remedies.made_up")
    made.__file__ = "/somewhere/made_up.py"
    vars(made).update(names)
    return made


def test_an_edit_is_found_by_its_name():
    assert find_manual("scale-rate").name == "scale-rate"
    assert [manual.name for manual in all_manuals()] == sorted(m.name for m in all_manuals())


def test_an_unknown_edit_is_a_mistake_of_the_caller_that_lists_what_there_is():
    with pytest.raises(UsageError, match="clip-gradient"):
        find_manual("clip")


def test_a_file_without_a_manual_or_with_another_name_is_refused_by_its_path():
    with pytest.raises(LifesignsError, match=r"made_up\.py:1: MANUAL is NoneType"):
        manual_of(module())
    with pytest.raises(LifesignsError, match=r"made_up\.py:1: the edit is called 'scale-rate'"):
        manual_of(module(MANUAL=find_manual("scale-rate")))
