"""Which of several things a message tells first."""

from __future__ import annotations

from copilot_analytics.alerts._order import kind_of, order_of
from copilot_analytics.alerts.message import Tiding
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity


def event(kind, key, severity):
    return Event(kind, key, 100, None, 7, f"{key} it is", severity)


CRASH = event("status", "crashed", Severity.CRITICAL)
FLAT = event("phase", "PLATEAU", Severity.WARNING)
RISK = event("finding", "OVERFITTING_RISK", Severity.WARNING)
OVER = Tiding("resolved", event("resolved", "OVERFITTING_RISK", Severity.INFO), about=CRASH)


def test_what_began_comes_before_what_is_over_and_the_grave_before_the_rest():
    opened = [Tiding("opened", one) for one in (RISK, FLAT, CRASH)]
    told = sorted([OVER, *opened], key=order_of)
    assert told[0].event is CRASH
    assert told[-1] is OVER


def test_news_decides_what_kind_of_message_it_is():
    assert kind_of([OVER, Tiding("opened", FLAT)]) == "news"
    assert kind_of([OVER]) == "resolved"
