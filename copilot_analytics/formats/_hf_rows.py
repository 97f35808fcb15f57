"""Rows of the Hugging Face Trainer's console, before it is known where they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.formats._hf_lines import SUMMARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._tqdm import Frame

ON_BOARD = re.compile(r"[\w.]:\d{1,5} >> \{'")
"""How LLaMA-Factory begins a line for its board."""


class Row(NamedTuple):
    """A line whose step is not known yet; `kind` is train, eval or end."""

    kind: str
    numbers: dict[str, float]
    line: int


class Board:
    """Keeps a line for the board from being told twice.

    LLaMA-Factory logs for its board what the Trainer prints too, on the line before that of the
    Trainer; a file for the board alone has none of those. Two lines for the board without one of
    the Trainer between them show that.

    Examples
    --------
    >>> board, row = Board(), Row("train", {"loss": 0.5, "epoch": 0.25}, 1)
    >>> board.from_board(row), len(board.from_trainer(row)), board.from_board(row)
    ([], 1, [])
    >>> board = Board()
    >>> [len(board.from_board(row)) for _ in range(3)]
    [0, 2, 1]
    """

    def __init__(self) -> None:
        self._held: Row | None = None
        self._prints: bool | None = None  # the Trainer prints lines of its own

    def from_board(self, row: Row) -> list[Row]:
        """Take a line for the board; return the rows to tell."""
        if self._prints:
            return []
        if self._prints is None and self._held is None:
            self._held = row
            return []
        self._prints = False
        return [*self.rest(), row]

    def from_trainer(self, row: Row) -> list[Row]:
        """Take a line of the Trainer; return the rows to tell."""
        if row.kind == "train":
            self.trains()
        return [*self.rest(), row]

    def trains(self) -> None:
        """Note that the Trainer prints the lines of the training itself."""
        self._prints, self._held = True, None

    def rest(self) -> list[Row]:
        """Return the line that waits, as none of the Trainer followed it."""
        held, self._held = self._held, None
        return [] if held is None else [held]


def is_training(rows: Sequence[Row]) -> bool:
    """Tell whether the last of some rows is a line of the training."""
    return bool(rows) and rows[-1].kind == "train"


def is_bar_of(frame: Frame, rows: Sequence[Row]) -> bool:
    """Tell whether rows come with the summary of a training that a bar before them belongs to.

    Their output was held back until the bar was at its end: the next one is of something else. The
    summary prints planned steps by the second with three decimals.
    """
    summary = next((row.numbers for row in rows if row.kind == "end"), None)
    if summary is None or not set(SUMMARY) <= summary.keys():
        return False
    seconds, pace = (summary[name] for name in SUMMARY)
    return abs(frame.total - seconds * pace) <= 0.0006 * seconds + 1
