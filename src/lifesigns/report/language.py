"""The languages of pages and reports."""

from __future__ import annotations

from enum import Enum

from lifesigns.locale import spoken


class Language(str, Enum):
    """In which a page is written."""

    ENGLISH = "en"
    CHINESE = "zh"

    @property
    def own_name(self) -> str:
        """What its readers call it."""
        return {Language.ENGLISH: "English", Language.CHINESE: "中文"}[self]

    @classmethod
    def spoken(cls) -> Language:
        """That of this process, on a terminal that can show it."""
        return cls(spoken.spoken())

    @classmethod
    def asked(cls) -> Language:
        """That of this process, for a file: whatever its terminal can show."""
        return cls(spoken.asked())

    @classmethod
    def each(cls) -> tuple[Language, ...]:
        """All of them, the one that was asked for first."""
        return tuple(sorted(cls, key=lambda one: one is not cls.asked()))
