"""Where the folds of a cross-validation begin in a text log, as its headers and rows name them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_line_kinds import said_in
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.reading.lines import clean

if TYPE_CHECKING:
    from copilot_analytics.reading.lines import Lines

_LONGEST = 2000
_NAMED = re.compile(
    rb"(?<![A-Za-z0-9_-])(?:fold|Fold|FOLD)[ _:#=\[(-]{0,3}(\d{1,3})\b(?!\.\d|%)"
    rb"(?: ?(?:/|of) ?(\d{1,3})\b)?"
)
_FOLD = r"\W{0,20}fold\W{0,3}\d{1,3}(?:\W{0,3}(?:/|\bof\b)\W{0,3}\d{1,3})?"
_HEADER = re.compile(
    rf"(?i)(?:\W{{0,20}}(?:start|starting|begin|beginning|training|train|running|run|processing|now"
    rf"|cross|validation|cv|on|for|the|model)\b){{0,6}}{_FOLD}"
    r"(?:\W{1,20}(?:start|started|starting|begins?|training|train)\b){0,3}"
    r"(?:\W{1,9}train\w{0,20}\W{1,9}\d{1,9}\b(?!\.).{0,200})?\W{0,200}"
)
_ROW = re.compile(rf"(?i){_FOLD}\W{{1,9}}(?:epoch|ep|iter|iteration|step|round)\b")


class FoldHeaders:
    """Finds the lines with which another fold begins.

    Lines that tell the result of a fold, or of all, begin none.
    """

    def __init__(self) -> None:
        self._fold: int | None = None

    def beginnings(self, lines: Lines) -> list[tuple[int, dict[str, int]]]:
        """Return the places of lines with which a fold begins, its number, and how many there are.

        The last only where the line says it.
        """
        if b"old" not in lines.text and b"OLD" not in lines.text:
            return []
        found, place = [], 0
        for named in _NAMED.finditer(lines.text):
            fold = int(named[1])
            if fold == self._fold:
                continue
            place = int(lines.ends.searchsorted(named.start()))
            start = int(lines.ends[place - 1]) + 1 if place else 0
            if self._is_beginning(
                lines.text[start : min(int(lines.ends[place]), start + _LONGEST)]
            ):
                self._fold = fold
                facts = {"fold": fold}
                found.append((place, facts | ({"folds": int(named[2])} if named[2] else {})))
        return found

    def _is_beginning(self, raw: bytes) -> bool:
        line = clean(raw)
        said = said_in(line[find_stamp(line).message :])
        return _HEADER.fullmatch(said) is not None or _ROW.match(said) is not None
