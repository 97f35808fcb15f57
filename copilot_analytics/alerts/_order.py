"""Which of several things is told first, and what kind of message they make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from copilot_analytics.alerts.rules import at_once, rank_of, trouble_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.alerts._beliefs import Held
    from copilot_analytics.alerts.message import MessageKind, Tiding
    from copilot_analytics.findings import Severity


def without_doubles(ready: list[tuple[Held, Tiding]]) -> list[tuple[Held, Tiding]]:
    """Leave out what tells the same trouble by another name; it goes on waiting."""
    kept, troubles = [], set()
    for held, tiding in ready:
        trouble = trouble_of(tiding.event) if tiding.turn == "opened" else None
        if trouble is not None and trouble != "pace":
            if trouble in troubles:
                continue
            troubles.add(trouble)
        kept.append((held, tiding))
    return kept


def counted(tidings: Sequence[Tiding]) -> list[Tiding]:
    """Make one of all times that the same thing came and went, in the place of the first.

    Examples
    --------
    >>> from copilot_analytics.alerts.message import Tiding
    >>> from copilot_analytics.events import Event
    >>> flat = Event("finding", "true_plateau", 9, None, 9, "flat since step 9")
    >>> [tiding.times for tiding in counted([Tiding("passed", flat, None, 2.0)] * 3)]
    [3]
    """
    ones: dict[object, Tiding] = {}
    for nth, tiding in enumerate(tidings):
        passed = tiding.turn == "passed"
        about = (tiding.event.kind, tiding.event.key) if passed else nth
        times = ones[about].times + tiding.times if about in ones else tiding.times
        ones[about] = replace(tiding, times=times)
    return list(ones.values())


def kind_of(tidings: Sequence[Tiding]) -> MessageKind:
    """Return the kind of message that several things make."""
    turns = {tiding.turn for tiding in tidings}
    if turns & {"opened", "unstable"}:
        return "news"
    return "withdrawn" if "withdrawn" in turns else "resolved"


def weight_of(tiding: Tiding) -> Severity:
    """Return how grave a thing is; its end weighs as much as its beginning."""
    return (tiding.about or tiding.event).severity


def waits_for_none(tiding: Tiding) -> bool:
    """Tell whether news goes out at once, without waiting for company."""
    about = tiding.about
    return (
        tiding.turn == "unstable" or at_once(tiding.event) or (about is not None and at_once(about))
    )


def order_of(tiding: Tiding) -> tuple[bool, int, int, bool]:
    """Sort what began before what is over, and the urgent before the rest."""
    ranked = -rank_of(tiding.event)
    later = tiding.turn not in {"opened", "unstable"}
    return (later, -weight_of(tiding), ranked, tiding.event.kind == "finding")
