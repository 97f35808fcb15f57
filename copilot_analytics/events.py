"""What a person may be told, and when it became known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from copilot_analytics.findings import Severity

Status: TypeAlias = Literal[
    "waiting", "running", "evaluating", "stalled", "crashed", "interrupted", "finished", "unknown"
]
# Nothing more is expected of the log; "unknown": it does not say how it ended.
ENDED: frozenset[str] = frozenset({"crashed", "interrupted", "finished", "unknown"})

# How the text begins where a finding is over; the second where a worse one took its place.
OVER = "No longer so: "
OUTDONE = "Worse by now: "

EventKind: TypeAlias = Literal[
    "phase",  # the phase changed
    "finding",  # a diagnosis began to hold
    "resolved",  # a diagnosis no longer holds
    "status",  # running, finished, crashed, ...
    "advice",  # the stop advice changed
    "best",  # a new best value of the metric
    "lr",  # the learning rate dropped
    "resume",  # training continued from a checkpoint
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became known at one record of the log.

    Parameters
    ----------
    kind
        What sort of news it is.
    key
        What it is about, e.g. the id of the diagnosis; with `kind` it tells repeated news apart.
    step, time, line
        The record at which it became known; time in seconds since 1970, None if unknown.
    text
        One sentence for a reader.
    severity
        How urgent it is.

    Examples
    --------
    >>> Event("phase", "PLATEAU", 1200, None, 88, "STABLE_CONVERGENCE → PLATEAU").severity
    <Severity.INFO: 1>
    """

    kind: EventKind
    key: str
    step: int | None
    time: float | None
    line: int
    text: str
    severity: Severity = Severity.INFO
