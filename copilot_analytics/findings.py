"""What is wrong, or worth knowing, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

LAST = "the last checkpoint"
"""What a recommendation calls the newest one where no name is known."""
UNNAMED = "(the log names none)"
"""What follows it where a look at the disk may find one."""


class Severity(IntEnum):
    """How urgent a finding is.

    ``CRITICAL`` means that someone should act tonight; ``WARNING`` that the result is at risk;
    ``INFO`` that it is worth knowing.

    Examples
    --------
    >>> Severity.CRITICAL > Severity.WARNING, str(Severity.INFO)
    (True, 'info')
    """

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    def __str__(self) -> str:
        """Return the lower-case name, as in reports and JSON."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation that a finding rests on.

    Parameters
    ----------
    what
        The quantity in plain words, with its unit.
    observed
        What was seen, printed for a reader.
    threshold
        What it was compared with, printed for a reader; empty if it was compared with nothing.
    lines
        Lines of the log that show it.

    Examples
    --------
    >>> str(Evidence("loss", "nan", "finite", lines=(1187,)))
    'loss nan (threshold: finite; line 1187)'
    """

    what: str
    observed: str
    threshold: str = ""
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the evidence as one clause."""
        notes = [f"threshold: {self.threshold}"] if self.threshold else []
        if self.lines:
            word = "line" if len(self.lines) == 1 else "lines"
            notes.append(f"{word} {', '.join(map(str, self.lines))}")
        return f"{self.what} {self.observed}" + (f" ({'; '.join(notes)})" if notes else "")


class WayBack(NamedTuple):
    """A checkpoint that a recommendation may name.

    Parameters
    ----------
    path
        As the log names it.
    said
        As the recommendation names it.
    """

    path: str
    said: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One instance of a diagnosis.

    Parameters
    ----------
    id
        Name of the diagnosis, e.g. ``loss_nan``.
    severity
        How urgent it is.
    step
        Where it began; None if it has no place.
    title
        One line without a full stop.
    explanation
        What it means, in one or two sentences.
    evidence
        At least one observation.
    recommendation
        What to do about it.
    ways_back
        Checkpoints to go back to, the newest first; the recommendation names the first. Whether
        they are still on disk the log does not tell.
    mend_first
        What to mend before one trains on, so that advice to stop is not all; empty if nothing.

    Raises
    ------
    ValueError
        If there is no evidence.
    """

    id: str
    severity: Severity
    step: int | None
    title: str
    explanation: str
    evidence: tuple[Evidence, ...]
    recommendation: str
    ways_back: tuple[WayBack, ...] = ()
    mend_first: str = ""

    def __post_init__(self) -> None:
        """Refuse a finding that rests on nothing."""
        if not self.evidence:
            msg = f"finding {self.id!r} has no evidence"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A question that the log does not answer.

    Parameters
    ----------
    what
        The question, e.g. ``"ETA"``.
    why
        The reason, as it follows "because".
    """

    what: str
    why: str
