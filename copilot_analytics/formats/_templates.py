"""Notes which kinds of lines a log repeats, and what became of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Role = Literal["train", "eval", "running eval", "epoch header", "plan", "remark", "not judged"]

_MOST = 256
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_LONGEST_EXAMPLE = 300


class Template(NamedTuple):
    """A kind of line.

    Parameters
    ----------
    example
        The first such line.
    role
        What such lines were taken for.
    axis
        What places them, as printed places; empty for lines without an axis of their own.
    metrics
        Names of their numbers.
    lines
        How many there were.
    """

    example: str
    role: Role
    axis: tuple[str, ...]
    metrics: tuple[str, ...]
    lines: int


@dataclass
class TemplateBook:
    """The kinds of lines so far, as many as are worth remembering."""

    _lines: dict[tuple[str, ...], Template] = field(default_factory=dict)
    _examples: dict[tuple[str, ...], str] = field(default_factory=dict)

    def remember(self, names: tuple[str, ...], line: str) -> None:
        """Keep the first line with these numbers."""
        if len(self._examples) < _MOST:
            self._examples.setdefault(names, line[:_LONGEST_EXAMPLE])

    def rows(self, names: tuple[str, ...], count: int) -> None:
        """Note training lines with these numbers."""
        self._note(names, self._examples.get(names, ""), "train", names, count)

    def line(self, line: str, role: Role, names: tuple[str, ...] = ()) -> None:
        """Note one other line."""
        key = (role, *names) if names else (role, _DIGITS.sub("0", line[:_LONGEST_EXAMPLE]))
        self._note(key, line, role, names, 1)

    def told(self) -> list[Template]:
        """Return the kinds of lines in the order of their first line; strays are left out."""
        return [t for t in self._lines.values() if t.role != "not judged" or t.lines > 1]

    def _note(
        self, key: tuple[str, ...], line: str, role: Role, names: tuple[str, ...], count: int
    ) -> None:
        known = self._lines.get(key)
        if known is not None:
            self._lines[key] = known._replace(lines=known.lines + count)
        elif len(self._lines) < _MOST:
            axis = tuple(name[1:] for name in names if _is_place(name))
            metrics = tuple(name for name in names if name[0] != "#")
            self._lines[key] = Template(line[:_LONGEST_EXAMPLE], role, axis, metrics, count)


def _is_place(name: str) -> bool:
    return name[0] == "#" and not name[1:].startswith("n.") and "*" not in name
