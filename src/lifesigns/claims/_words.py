"""What a claim says, in the language of a reader: its own texts, then those of all claims."""

from __future__ import annotations

from dataclasses import dataclass

from lifesigns.locale.spoken import said_in
from lifesigns.report.language import Language


@dataclass(frozen=True)
class Words:
    """Says the texts of one claim."""

    language: Language
    claim: str = ""
    """Its name; empty for what all claims say."""

    def said(self, text: str) -> str:
        """A text in this language, or as it is.

        Args:
            text: English.
        """
        own = said_in(self.language.value, text, self.claim, "claims") if self.claim else text
        return said_in(self.language.value, text, "claims") if own == text else own
