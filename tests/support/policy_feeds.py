"""Events at made-up times for a policy."""

from __future__ import annotations

from copilot_analytics.alerts.policy import Context
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

CONTEXT = Context("key", "my_run")


SEVERITIES = {
    "OVERFITTING_RISK": Severity.WARNING,
    "DIVERGING": Severity.CRITICAL,
    "crashed": Severity.CRITICAL,
    "stalled": Severity.CRITICAL,
    "interrupted": Severity.WARNING,
    "loss_nan": Severity.CRITICAL,
    "data_loading_bound": Severity.WARNING,
    "loss_spike": Severity.WARNING,
}


class Feed:
    """Makes events with growing lines."""

    def __init__(self) -> None:
        self.line = 0

    def __call__(self, kind: str, key: str, severity: Severity | None = None) -> Event:
        self.line += 1
        usual = Severity.WARNING if kind == "finding" else Severity.INFO
        urgency = severity or SEVERITIES.get(key, usual)
        return Event(kind, key, self.line * 10, None, self.line, f"{kind} {key}", urgency)


def run(policy, events, *times):
    """Give the events at the first time, and let the policy look again at the others."""
    told = []
    for n, now in enumerate(times):
        told += policy.step(events if n == 0 else [], float(now), CONTEXT)
    return told
