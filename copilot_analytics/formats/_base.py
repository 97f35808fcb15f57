"""What every log format is.

A format is data about one way of writing a log (name, samples, what its numbers average) and a
parser that turns its statements into records. Reading bytes, splitting lines, telling formats
apart and gathering numbers column-wise is the work of :mod:`copilot_analytics.reading`.

Training statements are the bulk of a log, so a parser never builds a record for one. It says where
the numbers of a statement stand (`fields` of a line, `columns` of a JSON object) and turns
columns of such numbers into a block. One statement is a block of one row: there is no second path.

Logs that are no lines (event files, JSON documents) are read by a `ByteParser`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from copilot_analytics.records import Block, Floats, Ints, Item, Record


LONGEST_LINE = 20_000
"""No trainer writes longer lines of text that say something."""

OUT_OF_PATIENCE: Mapping[str, Any] = {"reason": "early stopping", "stopped_early": True}
"""What an end states that a trainer made because its metric did not improve for so long."""


class Field(NamedTuple):
    """A number in a line.

    Parameters
    ----------
    name
        What the parser calls it in `block`.
    start, end
        The characters that hold it: what ``float()`` accepts, without blanks.
    """

    name: str
    start: int
    end: int


Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """A few statements as the trainer writes them, and what they must be read as.

    Parameters
    ----------
    text
        Lines of a log, of our own making; bytes where a log is no text.
    records
        The records that they mean, in their order; metrics and facts named here must be there
        with these values, others may be there too.
    """

    text: str | bytes
    records: tuple[Record, ...]


class LineParser(ABC):
    """Reads one log of a text format, line by line. It may keep state, which must be picklable."""

    @abstractmethod
    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a training line stand; None if it is no training line.

        The answer may depend on nothing but the line, and must be the same for every line that
        differs only in digits of these fields.
        """

    @abstractmethod
    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Block | Iterable[Item]:
        """Turn the numbers of consecutive training lines with the same fields into a block.

        Lines that say more than training metrics give several items, in the order of the lines:
        what they mean together must be what they mean one by one.
        """

    @abstractmethod
    def parse(self, line: str, number: int) -> Iterable[Item]:
        """Read any other line; `number` counts from 1."""

    def close(self) -> Iterable[Item]:
        """Say what only the end of the log tells."""
        return ()


class JsonParser(ABC):
    """Reads one log of JSON objects, one a line. It may keep state, which must be picklable."""

    @abstractmethod
    def columns(self, keys: tuple[str, ...], statement: Json) -> Sequence[str] | None:
        """Name the keys that hold the numbers of a training statement; None if it is none.

        The answer may depend on nothing but the keys and on values that are neither numbers nor
        texts of a clock, such as ``0:10:00`` or a time stamp. Texts of a clock may be named too:
        they are gathered in seconds. A statement with another named value goes to `parse`.
        """

    def numbers(self, statement: Json) -> Mapping[str, float] | None:
        """Return the numbers of a training statement that do not all stand beside its keys.

        Asked where `columns` names none. The answer may depend on nothing but the statement;
        `block` gets the numbers of neighbours with the same names together. None leaves the
        statement to `parse`.
        """
        return None

    @abstractmethod
    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Block | Iterable[Item]:
        """Turn the numbers of consecutive training statements with the same keys into a block.

        As for lines, several items are possible.
        """

    @abstractmethod
    def parse(self, statement: Json, number: int) -> Iterable[Item]:
        """Read any other statement; `number` is its line, from 1."""

    def close(self) -> Iterable[Record]:
        """Say what only the end of the log tells."""
        return ()


class ByteParser(ABC):
    """Reads one log that is no text of lines. It may keep state, which must be picklable."""

    @abstractmethod
    def feed(self, chunk: bytes) -> Iterable[Item]:
        """Take the next bytes, cut anywhere; return what they complete."""

    def close(self) -> Iterable[Item]:
        """Say what only the end of the log tells."""
        return ()


_Judge = TypeVar("_Judge", bound="Callable[..., float]")


def judges_each_line(confidence: _Judge) -> _Judge:
    """Mark a `LogFormat.confidence` that is the largest one of its lines, each taken alone.

    Lines that it was asked about once need not be shown to it again.
    """
    confidence.judges_each_line = True  # type: ignore[attr-defined]
    return confidence


class LogFormat(ABC):
    """One way of writing a training log.

    Attributes
    ----------
    name : str
        As in ``--log-format``.
    title, url : str
        For people.
    smoothing : int or None
        Iterations that a printed training value averages, unless the log says otherwise;
        None means all since the last line.
    samples : tuple of Sample
        At least one for every kind of statement; no other format may claim them.
    is_fallback : bool
        Whether it is asked only where no other format is likely.
    twin_of : str or None
        Name of the format of another file in which the trainer says all of this and more.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    url: ClassVar[str]
    smoothing: ClassVar[int | None]
    samples: ClassVar[tuple[Sample, ...]]
    is_fallback: ClassVar[bool] = False
    twin_of: ClassVar[str | None] = None

    def claims(self, head: bytes) -> bool | None:
        """Tell by its first bytes whether a log that is no text of lines is of this format.

        None means that more bytes are needed. The answer for more bytes may not differ, unless it
        was None; formats of lines claim nothing.
        """
        return False

    @abstractmethod
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is that these first lines of a log are of this format, in [0, 1]."""

    @abstractmethod
    def parser(self, file: str) -> LineParser | JsonParser | ByteParser:
        """Return a fresh parser for a log; `file` is its name, for hints such as a date."""
