"""Reads text logs: training lines by their layouts, all others one by one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.reading.commands import commanded_plan
from copilot_analytics.reading.crashes import CrashWatcher
from copilot_analytics.reading.folds import FoldHeaders
from copilot_analytics.reading.gathering import BLANK, Gathered, Names, Reader
from copilot_analytics.reading.handled_failures import FailureFilter
from copilot_analytics.reading.layouts import MASK, Codes, LayoutCache, rows_of
from copilot_analytics.reading.lines import Lines, clean
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._base import Field, LineParser
    from copilot_analytics.records import Ints, Item

_FEWEST_ROWS = 4  # below, slicing is faster than arrays
_LAST_NUMBER = re.compile(r"[\d.eE+-]$")
_FRACTION = re.compile(r"\.(\d*)")
_PLAIN = re.compile(r"(?:^|[^\w.+-])[+-]?(?P<whole>\d{1,20})\.(?P<decimals>\d{1,20})$")
_TAIL = 60  # bytes that hold the last number of a line
_COUNTED = re.compile(r"(?:^|[^\w.+-])(?P<digits>\d{1,20})$")
_ALL_DIGITS = 15  # significant ones, which say all that a float holds


class _Indices(dict[bytes, int]):
    """Numbers keys in the order in which they first appear."""

    def __missing__(self, key: bytes) -> int:
        index = self[key] = len(self)
        return index


class TextReader(Reader):
    """Reads the lines of a text log."""

    _parser: LineParser

    def __init__(self, parser: LineParser, file: str) -> None:
        super().__init__(parser, file)
        self._cache = LayoutCache()
        self._crashes = CrashWatcher(file)
        self._failures = FailureFilter()
        self._folds = FoldHeaders()
        self._before = b""  # the end of the last line
        self._file = file
        self._has_trained = False

    def read(self, lines: Lines) -> list[Item]:
        """Return what complete lines say; where a fold begins, that comes before its line."""
        items: list[Item] = []
        done = 0
        for place, facts in self._folds.beginnings(lines):
            items += self._read(lines.before(place).after(done))
            number, done = int(lines.numbers[place]), place
            items.append(Record("config", facts=facts, line=number, file=self._file))
        items += self._read(lines.after(done) if done else lines)
        return self._failures.see(items)

    def _read(self, lines: Lines) -> list[Item]:
        batch = _Batch(lines, self._parser, self._cache)
        if lines.size:
            self._before = lines.text[
                max(lines.starts[-1], lines.ends[-1] - _TAIL) : lines.ends[-1]
            ]
        items: list[Item] = []
        for kind, places, columns in batch.gathered.runs():
            numbers = lines.numbers[places]
            if kind >= 0:
                self._crashes.training()
                self._has_trained = True
                items += self._block(columns, numbers)
                continue
            for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
                items += self._other(batch.others[place], number)
        return items

    def read_cut(self, lines: Lines) -> list[Item]:
        """Return what a last line says, unless its last number may be cut off."""
        text = clean(lines.text[:-1])
        if may_be_cut(text, clean(self._before)):
            self.skipped += 1
            return []
        return self.read(lines)

    def close(self) -> list[Item]:
        """Return what only the end of the log tells."""
        last = [*self._crashes.close(), *super().close()]
        return [*self._failures.see(last), *self._failures.close()]

    @property
    def failed(self) -> bool:
        """Whether the last that was read of the training is a failure."""
        return self._failures.holds

    def end_process(self) -> list[Item]:
        """Return what is held back: nothing more comes of the process that said it."""
        return self._failures.close()

    def _other(self, line: str, number: int) -> list[Item]:
        items: list[Item] = list(self._crashes.see(line, number))
        if not self._has_trained:
            plan = commanded_plan(line)
            if plan:
                items.append(Record("config", facts=plan, line=number, file=self._file))
        try:
            said = list(self._parser.parse(line, number))
        except Exception as error:
            raise self._broken(number, error) from error
        if any(record.kind == "train" for record in records_of(said)):
            self._has_trained = True
            self._crashes.training()
        items += said
        self.skipped += not items
        return items


def may_be_cut(line: str, before: str = "") -> bool:
    """Tell whether the last number of a line without an end may lack digits.

    A number with as many decimals as the one before it is taken to be whole, and so is one that
    ends like that of the line before: with as many decimals, or both with all that a float has, or
    without decimals and with as many digits.

    Examples
    --------
    >>> may_be_cut("acc: 0.8125  loss: 0.3"), may_be_cut("acc: 0.8125  loss: 0.3000")
    (True, False)
    >>> may_be_cut("step 12"), may_be_cut("Killed")
    (True, False)
    >>> may_be_cut("2,0.125", "1,0.250"), may_be_cut("2,0.12", "1,0.250")
    (False, True)
    >>> may_be_cut("acc: 0.5  steps: 98", "acc: 0.4  steps: 97"), may_be_cut("loss 3", "loss 310")
    (False, True)
    """
    if not _LAST_NUMBER.search(line):
        return False
    counted, counted_above = _COUNTED.search(line), _COUNTED.search(before.rstrip())
    if counted is not None and counted_above is not None:
        return len(counted["digits"]) != len(counted_above["digits"])
    last, above = _PLAIN.search(line), _PLAIN.search(before.rstrip())
    if last is not None and above is not None:
        if len(last["decimals"]) == len(above["decimals"]):
            return False
        if min(_significant(last), _significant(above)) >= _ALL_DIGITS:
            return False
    fractions = list(_FRACTION.finditer(line))
    if len(fractions) < 2 or fractions[-1].end() != len(line):
        return True
    return len(fractions[-1][1]) != len(fractions[-2][1]) or not fractions[-1][1]


def _significant(number: re.Match[str]) -> int:
    """Return how many digits of a number count."""
    return len((number["whole"] + number["decimals"]).lstrip("0"))


class _Batch:
    """The numbers of the training lines of a batch, and the characters of the others."""

    def __init__(self, lines: Lines, parser: LineParser, cache: LayoutCache) -> None:
        self.gathered = Gathered(lines.size)
        self.others: dict[int, str] = {}
        self._text = lines.text
        self._starts, self._ends = lines.starts, lines.ends
        self._codes: Codes = np.frombuffer(lines.text, dtype=np.uint8)
        self._parser, self._cache = parser, cache
        self._slow: dict[Names, tuple[list[int], list[Sequence[float]]]] = {}
        if lines.size == 1:  # as it comes while a log grows
            self._read_group(lines.text[:-1].translate(MASK), np.zeros(1, dtype=np.int64))
            self.gathered.add_rows(self._slow)
            return
        masks = _Indices()
        masked = lines.text.translate(MASK).split(b"\n")
        del masked[-1]
        ids = np.fromiter(map(masks.__getitem__, masked), dtype=np.int32, count=lines.size)
        del masked
        order = np.argsort(ids, kind="stable")
        bounds = np.searchsorted(ids[order], np.arange(len(masks) + 1)).tolist()
        for mask, index in masks.items():
            places = order[bounds[index] : bounds[index + 1]]
            self._read_group(mask, places)
        self.gathered.add_rows(self._slow)

    def _read_group(self, mask: bytes, places: Ints) -> None:
        """Read lines that are equal but for their digits."""
        if not mask or mask.isspace():
            self.gathered.kind[places] = BLANK
            return
        known = self._cache.known(mask)
        if known and len(places) < _FEWEST_ROWS:
            self._read_slowly(places)  # as it comes while a log grows
            return
        for layout in known:
            rows = rows_of(self._codes, self._starts[places], len(mask))
            fits = layout.fits(rows)
            if fits.all():
                self.gathered.add(layout.names, places, layout.numbers(rows))
                return
            if fits.any():
                self.gathered.add(layout.names, places[fits], layout.numbers(rows[fits]))
                places = places[~fits]
        if self._cache.is_worth(mask, len(places)) and _is_plain(mask):
            self._learn(mask, places)
        else:
            self._read_slowly(places)

    def _learn(self, mask: bytes, places: Ints) -> None:
        """Work out the layout of the first line, then read the others again."""
        first = int(places[0])
        raw = self._raw(first)
        fields = self._parser.fields(raw.decode("ascii"))
        if not fields or _numbers(raw.decode("ascii"), fields) is None:
            self._read_slowly(places)
            return
        layout = self._cache.learn(mask, raw, fields)
        rows = rows_of(self._codes, self._starts[places], len(mask))
        fits = layout.fits(rows)
        self.gathered.add(layout.names, places[fits], layout.numbers(rows[fits]))
        if not fits.all():
            self._read_group(mask, places[~fits])

    def _read_slowly(self, places: Ints) -> None:
        for place in places.tolist():
            line = clean(self._raw(place))
            if not line or line.isspace():
                self.gathered.kind[place] = BLANK
                continue
            fields = self._parser.fields(line)
            numbers = _numbers(line, fields) if fields else None
            if fields is None or numbers is None:
                self.others[place] = line
                continue
            names = tuple([field[0] for field in fields])
            rows = self._slow.setdefault(names, ([], []))
            rows[0].append(place)
            rows[1].append(numbers)

    def _raw(self, place: int) -> bytes:
        return self._text[self._starts[place] : self._ends[place]]


def _is_plain(mask: bytes) -> bool:
    """Tell whether nothing in a line needs cleaning, so that bytes are characters."""
    return mask.isascii() and clean(mask) == mask.decode("ascii")


def _numbers(line: str, fields: Sequence[Field]) -> list[float] | None:
    try:
        return [float(line[start:end]) for _, start, end in fields]
    except ValueError:
        return None
