"""Decisions as rows of the ledger."""

from __future__ import annotations

from typing import Any

from copilot_analytics.alerts.message import Decision
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity


def event_row(row: Decision) -> tuple[Any, ...]:
    """Return the row of a decision."""
    event = row.event
    return (
        row.event_id,
        sound(row.run_key),
        event.kind,
        sound(event.key),
        None if event.step is None else min(event.step, 2**63 - 1),
        event.time,
        event.line,
        sound(event.text),
        int(event.severity),
        row.seen_at,
        row.seen_tick,
        row.verdict,
        row.reason,
        row.decided_at,
        row.decided_tick,
        row.message_id,
    )


def sound(text: str) -> str:
    """Make text storable: what a log or a path holds need not be valid Unicode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def decision(row: tuple[Any, ...], run_key: str) -> Decision:
    """Return the decision of a row."""
    kind, key, step, time, line, text, severity = row[2:9]
    event = Event(kind, key, step, time, line, text, Severity(severity))
    return Decision(row[0], run_key, event, *row[9:])
