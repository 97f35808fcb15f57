"""Reads the numbers of JSON lines that are equal but for their numbers, without parsing each.

Such lines have the same characters between their numbers: keys, texts, commas. One of them is
parsed and says what these are. In the others every quote is looked up; the quotes tell where the
characters must stand; what stands between them is a number, or the line is not alike.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.reading.clock_columns import clock_text
from copilot_analytics.reading.decimals import PADDING, Digits, Flags, Words, number_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.formats._base import JsonParser
    from copilot_analytics.reading.clock_columns import ClockText
    from copilot_analytics.reading.gathering import Gathered, Names
    from copilot_analytics.reading.lines import Lines
    from copilot_analytics.records import Floats, Ints

_QUOTE = ord('"')
_LONGEST_LINE = 1 << 13
_FEWEST_LINES = 32  # below, parsing them is faster than arrays
_LINES, _AT_ONCE = 1 << 12, 1 << 13  # lines and numbers whose arrays stay in the nearer caches
_MOST_TRIES = 4
_VALUE = re.compile(rb"\s{0,2}:\s{0,2}([-+.\w]+)\s{0,2}[,}]\s{0,2}")
_PRINTABLE = re.compile(rb"[ -~]*")


@dataclass(frozen=True, slots=True)
class _Constant:
    """Characters that all lines have in one place.

    Parameters
    ----------
    text
        The characters.
    quote
        Index of the first quote in it among those of the line; None for the end of the line.
    offset
        Where that quote stands in `text`.
    """

    text: bytes
    quote: int | None
    offset: int

    def stands_at(self, begin: Ints, words: Words) -> Flags:
        """Tell where the characters stand."""
        size = len(self.text)
        good = np.ones(len(begin), dtype=np.bool_)
        for place in range(0, size, 8):
            at = max(min(place, size - 8), 0)
            part = self.text[at : at + 8]
            found = words[begin + at]
            if len(part) < 8:
                found &= np.uint64((1 << (8 * len(part))) - 1)
            good &= found == np.uint64(int.from_bytes(part, "little"))
        return good


class Quoted:
    """Some lines of JSON and where the quotes of each are."""

    def __init__(self, lines: Lines) -> None:
        padding = b" " * PADDING
        self.digits = Digits(b"".join((padding, lines.text, padding)))
        self.starts, self.ends = lines.starts + PADDING, lines.ends + PADDING
        self.quotes = np.flatnonzero(self.digits.codes == _QUOTE)
        until = np.searchsorted(self.quotes, self.ends)
        self.first = np.concatenate(([0], until[:-1]))
        self.counts = until - self.first

    def line(self, place: int) -> bytes:
        """Return one line."""
        return self.digits.codes[self.starts[place] : self.ends[place]].tobytes()


class ObjectLayout:
    r"""Where the numbers of JSON objects stand that are equal but for their numbers.

    Parameters
    ----------
    names
        Keys of the numbers to read.
    keys
        Keys of all numbers of the line, in their order.
    constants
        The characters before, between and after the numbers.
    clocks
        By place among the keys, those that hold the text of a clock instead.
    """

    def __init__(
        self,
        names: Names,
        keys: list[str],
        constants: list[bytes],
        clocks: Mapping[int, ClockText],
    ) -> None:
        self.names = names
        self._clocks = dict(clocks)
        self._columns = [keys.index(name) for name in names]
        self._constants: list[_Constant] = []
        quotes = 0
        for text in constants:
            has_quote = _QUOTE in text
            offset = text.index(_QUOTE) if has_quote else len(text)
            self._constants.append(_Constant(text, quotes if has_quote else None, offset))
            quotes += text.count(_QUOTE)
        self.quotes = quotes
        self._shortest = sum(map(len, constants)) + len(keys)

    def read(self, lines: Quoted, places: Ints) -> tuple[Floats, Ints, Ints]:
        """Read the lines that have this layout.

        Parameters
        ----------
        lines
            Lines of a log.
        places
            Which of them to look at; all have as many quotes as this layout.

        Returns
        -------
        numbers, fitting, others
            The numbers of shape ``(names, fitting)``; the places of the lines that have them, and
            those of the lines that differ.
        """
        starts, ends = lines.starts[places], lines.ends[places]
        fits = ends - starts >= self._shortest
        alike = np.flatnonzero(fits)
        bounds: list[tuple[Ints, Ints]] = []
        for constant in self._constants:
            if not len(alike):
                break
            begin = self._begin(constant, lines, places[alike], ends[alike])
            good = begin + len(constant.text) <= ends[alike]
            if not bounds:
                good &= begin == starts[alike]
            if not good.all():
                bounds, alike, begin = _only(good, bounds, alike, begin)
            good = constant.stands_at(begin, lines.digits.words)
            if not good.all():
                bounds, alike, begin = _only(good, bounds, alike, begin)
            bounds.append((begin, begin + len(constant.text)))
        if not len(alike):
            return np.empty((len(self.names), 0)), places[:0], places
        fits[:] = False
        fits[alike] = True
        numbers, are_numbers = self._numbers(lines.digits, bounds)
        return numbers[:, are_numbers], places[alike[are_numbers]], places[~fits]

    @staticmethod
    def _begin(constant: _Constant, lines: Quoted, places: Ints, ends: Ints) -> Ints:
        if constant.quote is None:
            return ends - len(constant.text)
        begin: Ints = lines.quotes[lines.first[places] + constant.quote] - constant.offset
        return begin

    def _numbers(self, digits: Digits, bounds: list[tuple[Ints, Ints]]) -> tuple[Floats, Flags]:
        """Return the named numbers, and in which lines every number is one."""
        count = len(bounds[0][0])
        starts = np.stack([stop for _, stop in bounds[:-1]])
        ends = np.stack([begin for begin, _ in bounds[1:]])
        numbers = np.empty(starts.shape)
        good = np.ones(count, dtype=np.bool_)
        for row, clock in self._clocks.items():
            numbers[row], fine = clock.seconds(digits, starts[row], ends[row])
            good &= fine
        plain = np.array([row for row in range(len(starts)) if row not in self._clocks])
        step = max(1, _AT_ONCE // count)
        for first in range(0, len(plain), step):
            rows = plain[first : first + step]
            found, fine = digits.numbers(starts[rows].ravel(), ends[rows].ravel())
            numbers[rows] = found.reshape(-1, count)
            good &= fine.reshape(-1, count).all(axis=0)
        return numbers[self._columns], good


class ObjectLayouts:
    """The layouts seen so far, by how many quotes their lines have.

    At most `variants` of each and `most` in all are remembered.
    """

    def __init__(self, variants: int = 8, most: int = 256) -> None:
        self._variants, self._most = variants, most
        self._known: dict[int, list[ObjectLayout]] = {}

    def gather(self, lines: Lines, parser: JsonParser, gathered: Gathered) -> Ints:
        """Gather the numbers of training statements with a layout; return the other places."""
        everything = np.arange(lines.size, dtype=np.int64)
        if lines.size < _FEWEST_LINES:
            return everything
        quoted = Quoted(lines)
        left: list[Ints] = []
        for part in range(0, lines.size, _LINES):
            counts = quoted.counts[part : part + _LINES]
            order = np.argsort(counts, kind="stable") + part
            cuts = np.flatnonzero(np.diff(quoted.counts[order])) + 1
            left += [
                self._gather_alike(quoted, places, parser, gathered)
                for places in np.split(order, cuts)
            ]
        return np.sort(np.concatenate(left))

    def _gather_alike(
        self, lines: Quoted, places: Ints, parser: JsonParser, gathered: Gathered
    ) -> Ints:
        """Gather lines with equally many quotes; return the places of what is left."""
        strange = [places[:0]]
        count = int(lines.counts[places[0]])
        tried = 0
        known = list(self._known.get(count, ()))
        while len(places) >= _FEWEST_LINES:
            if known:
                layout = known.pop(0)
            elif tried < _MOST_TRIES:
                tried += 1
                # The middle one: rows of another kind come between them, seldom in their midst.
                place = len(places) // 2
                learned = layout_of(lines.line(int(places[place])), parser)
                if learned is None or learned.quotes != count:
                    strange.append(places[place : place + 1])
                    places = np.delete(places, place)
                    continue
                layout = learned
            else:
                break
            numbers, fitting, others = layout.read(lines, places)
            if len(fitting):
                gathered.add(layout.names, fitting, numbers)
                self._remember(count, layout)
            odd = np.setdiff1d(places, np.concatenate((fitting, others)), assume_unique=True)
            strange.append(odd)
            places = others
        return np.concatenate((*strange, places))

    def _remember(self, count: int, layout: ObjectLayout) -> None:
        """Keep a layout as the first that is tried."""
        if count not in self._known and len(self._known) * self._variants >= self._most:
            self._known.clear()
        known = self._known.setdefault(count, [])
        if layout in known:
            known.remove(layout)
        known.insert(0, layout)
        del known[self._variants :]


def layout_of(line: bytes, parser: JsonParser) -> ObjectLayout | None:
    """Work out the layout of a training statement; None if it has none.

    Lines with nested objects, with escapes, with a key twice or with a number that does not fit
    have none.
    """
    if len(line) > _LONGEST_LINE or b"\\" in line or not _PRINTABLE.fullmatch(line):
        return None
    pieces = line.split(b'"')
    outside = b" ".join(pieces[::2])
    if len(pieces) % 2 == 0 or not outside.count(b"{") == 1 == outside.count(b"}"):
        return None
    try:
        statement = json.loads(line)
    except (ValueError, RecursionError):
        return None
    named = parser.columns(tuple(statement), statement) if isinstance(statement, dict) else None
    if not named or outside.count(b":") != len(statement):
        return None
    keys: list[str] = []
    constants: list[bytes] = []
    clocks: dict[int, ClockText] = {}
    begin = place = 0
    for index, piece in enumerate(pieces):
        is_text = index % 2 == 1
        clock = clock_text(piece) if is_text and pieces[index - 1].strip() == b":" else None
        if clock is not None:
            clocks[len(keys)] = clock
            keys.append(pieces[index - 2].decode("ascii"))
            constants.append(line[begin:place])
            begin = place + len(piece)
        value = None if is_text or not index else _VALUE.fullmatch(piece)
        if value is not None and value[1] not in (b"true", b"false", b"null"):
            if number_in(value[1]) is None:
                return None
            keys.append(pieces[index - 1].decode("ascii"))
            constants.append(line[begin : place + value.start(1)])
            begin = place + value.end(1)
        place += len(piece) + 1
    constants.append(line[begin:])
    if not set(named) <= set(keys):
        return None
    return ObjectLayout(tuple(named), keys, constants, clocks)


def _only(
    good: Flags, bounds: list[tuple[Ints, Ints]], alike: Ints, begin: Ints
) -> tuple[list[tuple[Ints, Ints]], Ints, Ints]:
    """Keep what is good."""
    return [(left[good], right[good]) for left, right in bounds], alike[good], begin[good]
