"""Tells the format of a log by its first lines."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from copilot_analytics.errors import UnknownFormatError
from copilot_analytics.plugins import discover

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from copilot_analytics.formats._base import LogFormat

CERTAIN = 0.95
"""From here on the format is settled at once; below, more lines may tell otherwise."""

LIKELY = 0.5
"""Below this no log is taken for one of a format."""

_MOST_REMEMBERED = 50_000
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A format and how sure it is of a log."""

    name: str
    title: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Detection:
    """Which format a log has.

    Parameters
    ----------
    format
        Name of the format; None if none is likely.
    confidence
        How sure it is, in [0, 1].
    why
        In words.
    candidates
        All formats, the surest first.
    """

    format: str | None
    confidence: float
    why: str
    candidates: tuple[Candidate, ...] = ()


def known_formats() -> dict[str, LogFormat]:
    """Return all installed formats by name."""
    return discover("copilot_analytics.formats", "FORMAT")


def format_named(name: str, formats: Mapping[str, LogFormat] | None = None) -> LogFormat:
    """Return a format by its name.

    Raises
    ------
    UnknownFormatError
        If there is none of that name.
    """
    formats = known_formats() if formats is None else formats
    if name in formats:
        return formats[name]
    near = [one for one in formats if name.lower() in one][:3] or get_close_matches(name, formats)
    hint = f" Did you mean {' or '.join(repr(one) for one in near)}?" if near else ""
    few = len(formats) <= _MOST_NAMED
    known = f"There is {', '.join(sorted(formats))}" if few else "`copilot formats` lists all"
    msg = f"no log format is named {name!r}.{hint} {known}"
    raise UnknownFormatError(msg)


def detect(
    lines: Sequence[str],
    formats: Mapping[str, LogFormat] | None = None,
    sure: Mapping[str, float] | None = None,
) -> Detection:
    """Tell the format of a log by its first lines.

    Parameters
    ----------
    lines
        The first lines of the log.
    formats
        Formats to choose from, by name; None takes all that are installed.
    sure
        What each of them makes of these lines, by name; None asks them.

    Examples
    --------
    >>> detect(["Dear diary,"]).format is None
    True
    """
    formats = known_formats() if formats is None else formats
    if sure is None:
        sure = {name: _sure(form, lines) for name, form in formats.items()}
    ranked = sorted(
        (Candidate(name, form.title, sure[name]) for name, form in formats.items()),
        key=lambda candidate: (
            formats[candidate.name].is_fallback or candidate.confidence < LIKELY,
            -candidate.confidence,
            candidate.name,
        ),
    )
    if not ranked or ranked[0].confidence < LIKELY:
        best = ranked[0].confidence if ranked else 0.0
        why = f"no format is likely by the first {len(lines)} lines"
        return Detection(None, best, why, tuple(ranked))
    first = ranked[0]
    why = f"the first {len(lines)} lines look like a {first.title}"
    if len(ranked) > 1 and ranked[1].confidence >= LIKELY:
        why += f" ({first.confidence:.2f}) rather than a {ranked[1].title}"
        why += f" ({ranked[1].confidence:.2f})"
    return Detection(first.name, first.confidence, why, tuple(ranked))


def _sure(form: LogFormat, lines: Sequence[str]) -> float:
    return min(max(float(form.confidence(lines)), 0.0), 1.0)


class _Remembered:
    """Which logs were decided on: the same first lines are decided on in the same way.

    A log is read more than once before it is followed, and the formats need longest for its
    header. Of each line a hash of all lines up to it is kept.
    """

    def __init__(self) -> None:
        self._on_the_way: set[int] = set()
        self._decided: dict[int, Detection] = {}
        self._formats: dict[int, tuple[LogFormat, ...]] = {}

    def key(self, formats: Mapping[str, LogFormat]) -> int:
        """Return what the hash of the first line begins with: other formats decide otherwise."""
        mine = tuple(formats.values())
        key = hash(tuple(map(id, mine)))
        self._formats.setdefault(key, mine)  # while they are kept no others have their ids
        return key

    def is_on_the_way(self, key: int) -> bool:
        """Tell whether a log that was decided on later begins with these lines."""
        return key in self._on_the_way

    def decision(self, key: int) -> Detection | None:
        """Return what was decided after these lines."""
        return self._decided.get(key)

    def remember(self, keys: Sequence[int], detection: Detection) -> None:
        """Keep a decision for the next log that begins with the same lines."""
        if len(self._on_the_way) > _MOST_REMEMBERED:
            self._on_the_way.clear()
            self._decided.clear()
        self._on_the_way.update(keys[:-1])
        self._decided[keys[-1]] = detection


_REMEMBERED = _Remembered()


class Detector:
    """Decides on the format of a growing log, at the same line however it grows.

    All formats look at all lines whenever their number has grown by half; those that already think
    themselves possible look at each new line too, so that the first training line decides.

    Parameters
    ----------
    formats
        Formats to choose from, by name.
    most_lines, most_characters
        A decision is made here at the latest: for the likeliest format, or for none.

    Attributes
    ----------
    lines, characters : int
        What was seen so far.
    detection : Detection or None
        The latest look, final once `decided`.
    """

    def __init__(
        self,
        formats: Mapping[str, LogFormat],
        *,
        most_lines: int = 20_000,
        most_characters: int = 1 << 20,
    ) -> None:
        self.lines = self.characters = 0
        self.detection: Detection | None = None
        self._formats = formats
        self._head: list[str] = []
        self._characters = 0  # of the head
        self._most_lines, self._most_characters = most_lines, most_characters
        self._next_look = 1
        self._hopeful: list[str] = []
        self._looked = 0  # lines of the head
        self._sure: dict[str, float] = {}
        self._keys = [_REMEMBERED.key(formats)]
        self._recalls = True  # the lines so far are those of a log that was decided on

    @property
    def decided(self) -> bool:
        """Whether the format is settled."""
        return (
            self.detection is not None
            and self.detection.format is not None
            and (self.detection.confidence >= CERTAIN or not self._head)
        )

    @property
    def at_limit(self) -> bool:
        """Whether as many lines were seen as may be."""
        return len(self._head) >= self._most_lines or self._characters >= self._most_characters

    def see(self, line: str) -> bool:
        """Take one more line; tell whether the format is settled now."""
        self.lines += 1
        self._head.append(line)
        self._characters += len(line)
        self.characters += len(line)
        if self._keys:
            self._keys.append(hash((self._keys[-1], line)))
        if self._recalls and self._recall():
            return self.decided
        if self._wants_look(line) or self.at_limit:
            self._look()
        if self.decided and self._keys:
            assert self.detection is not None  # noqa: S101  # for the type checker
            _REMEMBERED.remember(self._keys[1:], self.detection)
        return self.decided

    def _recall(self) -> bool:
        """Go by what was decided on the same lines, or look at those that were passed over."""
        known = _REMEMBERED.decision(self._keys[-1])
        if known is not None:
            self.detection, self._looked = known, len(self._head)
            return True
        if _REMEMBERED.is_on_the_way(self._keys[-1]) and not self.at_limit:
            return True
        self._stop_recalling()
        return False

    def _stop_recalling(self) -> None:
        """Look where no look was taken so far, but at the last line."""
        self._recalls = False
        head, self._head = self._head, []
        characters, self._characters = self._characters, 0
        for line in head[:-1]:
            self._head.append(line)
            self._characters += len(line)
            if self._wants_look(line):
                self._look()
        self._head, self._characters = head, characters

    def conclude(self) -> Detection:
        """Decide by the lines so far, and forget them."""
        if self._recalls and not self.decided and self._head:
            self._stop_recalling()
            if self._wants_look(self._head[-1]):
                self._look()
        self._keys, self._recalls = [], False
        if self.detection is None or self._looked < len(self._head):
            self._look()
        self._head, self._characters, self._next_look, self._hopeful = [], 0, 1, []
        self._looked, self._sure = 0, {}
        assert self.detection is not None  # noqa: S101  # _look sets it
        return self.detection

    def _wants_look(self, line: str) -> bool:
        if len(self._head) >= self._next_look:
            return True
        alone = (line,)
        return any(_sure(self._formats[name], alone) >= CERTAIN for name in self._hopeful)

    def _look(self) -> None:
        new = self._head[self._looked :]
        for name, form in self._formats.items():
            if getattr(type(form).confidence, "judges_each_line", False):
                self._sure[name] = max(self._sure.get(name, 0.0), _sure(form, new))
            else:
                self._sure[name] = _sure(form, self._head)
        self._looked = len(self._head)
        self.detection = detect(self._head, self._formats, self._sure)
        self._next_look = len(self._head) * 3 // 2 + 1
        self._hopeful = [c.name for c in self.detection.candidates[:3] if c.confidence > 0]
