"""Gathers the numbers of some lines column-wise, and hands them on in the order of the log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from copilot_analytics.errors import PluginError
from copilot_analytics.records import Block

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import JsonParser, LineParser
    from copilot_analytics.reading.lines import Lines
    from copilot_analytics.records import Floats, Ints, Item

Names: TypeAlias = tuple[str, ...]

OTHER, BLANK = -1, -2


class Gathered:
    """The numbers of the training lines among some lines.

    Parameters
    ----------
    count
        How many lines there are.

    Attributes
    ----------
    kind : ndarray
        For every line the index of its names, ``OTHER`` or ``BLANK``; shape ``(count,)``.
    """

    def __init__(self, count: int) -> None:
        self.kind = np.full(count, OTHER, dtype=np.int64)
        self._index: dict[Names, int] = {}
        self._names: list[Names] = []
        self._places: list[list[Ints]] = []
        self._numbers: list[list[Floats]] = []

    def add(self, names: Names, places: Ints, numbers: Floats) -> None:
        """Put numbers of shape ``(names, lines)`` at the places of their lines."""
        kind = self._index.setdefault(names, len(self._index))
        if kind == len(self._names):
            self._names.append(names)
            self._places.append([])
            self._numbers.append([])
        self.kind[places] = kind
        self._places[kind].append(places)
        self._numbers[kind].append(numbers)

    def add_rows(self, rows: Mapping[Names, tuple[list[int], list[Sequence[float]]]]) -> None:
        """Put numbers that were read line by line at the places of their lines."""
        for names, (places, numbers) in rows.items():
            table = np.array(numbers, dtype=np.float64).reshape(len(places), len(names))
            self.add(names, np.array(places, dtype=np.int64), np.ascontiguousarray(table.T))

    def runs(self) -> Iterable[tuple[int, Ints, dict[str, Floats]]]:
        """Yield stretches of lines of one kind in the order of the log.

        Yields
        ------
        kind, places, columns
            The places of the lines, and the columns by name if they are training lines.
        """
        sorted_numbers = [
            _in_order(places, numbers)
            for places, numbers in zip(self._places, self._numbers, strict=True)
        ]
        used = [0] * len(self._names)
        places = np.flatnonzero(self.kind != BLANK)
        kinds = self.kind[places]
        cuts = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
        start = 0
        for stop in (*cuts.tolist(), len(kinds)):
            if start == stop:
                return
            kind = int(kinds[start])
            columns = {}
            if kind >= 0:
                first = used[kind]
                used[kind] = last = first + stop - start
                rows = sorted_numbers[kind]
                columns = {
                    name: rows[row, first:last] for row, name in enumerate(self._names[kind])
                }
            yield kind, places[start:stop], columns
            start = stop


def _in_order(places: list[Ints], numbers: list[Floats]) -> Floats:
    place = places[0] if len(places) == 1 else np.concatenate(places)
    number = numbers[0] if len(numbers) == 1 else np.concatenate(numbers, axis=1)
    if (place[1:] > place[:-1]).all():
        return number
    return number[:, np.argsort(place)]


class Reader(ABC):
    """Reads the lines of one log of a known format.

    Attributes
    ----------
    skipped : int
        Lines so far that are not blank and gave no record.
    """

    def __init__(self, parser: LineParser | JsonParser, file: str) -> None:
        self.skipped = 0
        self._parser = parser
        self._file = file

    @abstractmethod
    def read(self, lines: Lines) -> list[Item]:
        """Return what complete lines say."""

    @abstractmethod
    def read_cut(self, lines: Lines) -> list[Item]:
        """Return what a last line says that no line end follows."""

    @property
    def failed(self) -> bool:
        """Whether the last that was read of the training is a failure."""
        return False

    def end_process(self) -> list[Item]:
        """Return what is held back: nothing more comes of the process that said it."""
        return []

    def close(self) -> list[Item]:
        """Return what only the end of the log tells."""
        try:
            return list(self._parser.close())
        except Exception as error:
            raise self._broken(0, error) from error

    def _block(self, columns: Mapping[str, Floats], numbers: Ints) -> list[Item]:
        try:
            said = self._parser.block(columns, numbers)
            return [said] if isinstance(said, Block) else list(said)
        except Exception as error:
            raise self._broken(int(numbers[0]), error) from error

    def _broken(self, line: int, error: Exception) -> PluginError:
        return broken_format(self._parser, self._file, line, error)


def broken_format(parser: object, file: str, line: int, error: Exception) -> PluginError:
    """Return the error for a parser that failed, which says whose fault it is."""
    kind = type(parser)
    msg = (
        f"{file}, line {line}: {kind.__module__}.{kind.__qualname__} failed with "
        f"{type(error).__name__}: {error}. This is a fault of the format, not of the log; "
        "please report it with that line, or try another --log-format"
    )
    return PluginError(msg)
