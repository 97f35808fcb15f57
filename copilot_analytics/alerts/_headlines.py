"""What a finding is called in the title of a message, and the sentence below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.alerts.rules import diagnosis_of
from copilot_analytics.wording import begun

if TYPE_CHECKING:
    from copilot_analytics.events import Event
    from copilot_analytics.findings import Finding


def headline(event: Event) -> str:
    """Return the short title of a finding, or of its end; empty for anything else.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> headline(Event("finding", "metric_collapse", 9, None, 9, "val_acc went from 0.9 to 0.1"))
    'METRIC COLLAPSED'
    >>> headline(Event("phase", "DIVERGING", 9, None, 9, ""))
    ''
    """
    rule = diagnosis_of(event.key) if event.kind in {"finding", "resolved"} else None
    return "" if rule is None else rule.headline


def reason_below(event: Event, found: Finding | None) -> str:
    """Return the sentence below the title of a finding; empty where the title is the sentence."""
    rule = diagnosis_of(event.key)
    if rule is None or not rule.headline:
        return "" if found is not None or event.text else event.key
    if found is None:
        return begun(event.text)
    return begun(found.title if rule.reason == "title" else found.explanation.partition(". ")[0])


def taken_back(about: Event) -> str:
    """Return what is quoted of a finding that was wrong: the sentence below its title.

    That of a plateau or a lost loss counts on, so that it is not known any more how it was told.
    """
    rule = diagnosis_of(about.key)
    told = rule is not None and rule.headline and rule.reason == "title"
    return f"“{about.text}”" if told else "It"
