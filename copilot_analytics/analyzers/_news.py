"""Makes the events of analyzers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.events import Event, EventKind
from copilot_analytics.findings import Severity

if TYPE_CHECKING:
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


def news(
    run: Run,
    record: Record,
    kind: EventKind,
    key: str,
    text: str,
    severity: Severity = Severity.INFO,
) -> Event:
    """Return an event that became known at a record."""
    time = record.time if record.time is not None else run.last_time
    step = record.step if record.step is not None else run.last_step
    return Event(kind, key, step, time, record.line, text, severity)
