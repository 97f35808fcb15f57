"""The tables of the alert policy: what an event is about, what outranks it, when to be quiet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from copilot_analytics.diagnoses._worse import rank
from copilot_analytics.errors import UsageError
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Severity
from copilot_analytics.plugins import discover

if TYPE_CHECKING:
    from copilot_analytics.diagnoses._base import Diagnosis
    from copilot_analytics.events import Event

# Not PLATEAU: flat stretches are part of healthy runs (before a drop of the learning rate, near the
# end, or in a loss that says little). One worth a message is the finding `true_plateau`.
ALERTING_PHASES = frozenset({"OVERFITTING_RISK", "DIVERGING", "CONVERGED"})
ALERTING_STATUS = ENDED | {"stalled"}
ALERTING_ADVICE = frozenset({"stop", "kill"})
SUBJECTS = frozenset({"phase", "status", "advice", "finding", "resolved"})

_CLASSES = {
    ("status", "crashed"): "crash",
    ("status", "stalled"): "stall",
    ("phase", "DIVERGING"): "divergence",
    ("phase", "OVERFITTING_RISK"): "overfitting",
}


def subject_of(event: Event) -> str:
    """Return what an event is about; later events of one subject overrule earlier ones.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> subject_of(Event("resolved", "loss_nan", 1, None, 1, ""))
    'finding:loss_nan'
    >>> subject_of(Event("phase", "DIVERGING", 1, None, 1, ""))
    'phase'
    """
    if event.kind in {"finding", "resolved"}:
        return f"finding:{event.key}"
    return event.kind


def ends_a_remark(event: Event) -> bool:
    """Tell whether an event is the end of a finding that was only worth knowing.

    That is no news: what comes and goes is heard of twice, and what another finding took over is
    not over.
    """
    return event.kind == "resolved" and event.severity < Severity.WARNING


class Remarks:
    """Tells which events say nothing new to whoever reads all of them.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> flat = Event("finding", "true_plateau", 9, None, 9, "flat since step 9")
    >>> over = Event("resolved", "true_plateau", 9, None, 9, "No longer so: flat since step 9")
    >>> remarks = Remarks()
    >>> [remarks.hides(event) for event in (flat, over, flat)]
    [False, True, True]
    """

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def hides(self, event: Event) -> bool:
        """Tell whether an event ends a mere remark, or makes it again in the same words."""
        if event.kind not in {"finding", "resolved"}:
            return False
        if ends_a_remark(event):
            return True
        before, is_remark = self._said.pop(event.key, None), event.severity < Severity.WARNING
        if event.kind == "finding":
            self._said[event.key] = event.text
        return is_remark and before == event.text


def opens(event: Event) -> bool:
    """Tell whether an event begins something that is worth a message.

    A new best value, a lower learning rate, a phase that healthy runs have too and a finding that
    is only worth knowing are not: they stand in the status and in digests of others.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> opens(Event("phase", "OVERFITTING_RISK", 1, None, 1, ""))
    True
    >>> (
    ...     opens(Event("best", "mIoU", 1, None, 1, "")),
    ...     opens(Event("status", "running", 1, None, 1, "")),
    ...     opens(Event("phase", "PLATEAU", 1, None, 1, "")),
    ... )
    (False, False, False)
    """
    if event.kind == "phase":
        return event.key in ALERTING_PHASES
    if event.kind == "status":
        return event.key in ALERTING_STATUS
    if event.kind == "advice":
        return event.key in ALERTING_ADVICE
    return event.kind == "finding" and event.severity >= Severity.WARNING


def diagnosis_of(key: str) -> Diagnosis | None:
    """Return the diagnosis that a finding came from; None if it is not installed any more."""
    found: Diagnosis | None = discover("copilot_analytics.diagnoses", "DIAGNOSIS").get(key)
    return found


def trouble_of(event: Event) -> str | None:
    """Return the sort of trouble that ranks an event, None for what is not ranked.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> trouble_of(Event("finding", "loss_nan", 1, None, 1, ""))
    'nan'
    """
    if event.kind == "finding":
        rule = diagnosis_of(event.key)
        return None if rule is None else rule.trouble
    return _CLASSES.get((event.kind, event.key))


def rank_of(event: Event) -> int:
    """Return how much an event outranks others, 0 for what is not ranked."""
    return rank(trouble_of(event))


def says_stop(event: Event) -> bool:
    """Tell whether the message of an event says to stop in so many words: the loss is NaN.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> says_stop(Event("finding", "loss_nan", 1, None, 1, ""))
    True
    """
    return (event.kind, event.key) == ("finding", "loss_nan")


def says_level(event: Event) -> bool:
    """Tell whether an event says that nothing is left to gain: a plateau, or convergence.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> says_level(Event("phase", "CONVERGED", 1, None, 1, ""))
    True
    """
    return trouble_of(event) == "plateau" or (event.kind, event.key) == ("phase", "CONVERGED")


def outranks(higher: Event, lower: Event) -> bool:
    """Tell whether one open event makes another not worth telling.

    The worse trouble does. Findings about the pace of the run (an idle device, slow loading) give
    way to a crash or a stall only; advice to stop or kill says nothing new of a run that crashed,
    diverged or learns nothing. That a loss does not recover is news while it diverges; of one that
    is NaN it was said. A finding never silences a more urgent one. A finished run mutes all.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> crash = Event("status", "crashed", 9, None, 9, "")
    >>> plateau = Event("finding", "true_plateau", 8, None, 8, "")
    >>> outranks(crash, plateau), outranks(plateau, crash)
    (True, False)
    """
    if higher.kind == "status" and higher.key == "finished":
        return lower.kind != "status"
    above = trouble_of(higher)
    if above is None:
        return False
    if lower.kind == "advice" and lower.key == "kill":
        return above in {"crash", "stall"} or says_stop(higher)
    if lower.kind == "advice":
        return above in {"crash", "stall", "nan", "divergence", "dead"}
    if higher.kind == lower.kind == "finding" and higher.severity < lower.severity:
        return False
    below = trouble_of(lower)
    if below is None:
        return False
    if below == "pace":
        return above in {"crash", "stall"}
    return rank(above) > rank(below)


def adds_to(event: Event, told: Event) -> bool:
    """Tell whether an event says more of what was told: a crash whose cause is known only now.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> told = Event("status", "crashed", 9, None, 9, "crashed: process 7 is gone")
    >>> cause = Event("status", "crashed", 9, None, 12, "crashed: out of memory")
    >>> adds_to(cause, told), adds_to(told, told)
    (True, False)
    """
    same = (event.kind, event.key) == (told.kind, told.key) == ("status", "crashed")
    return same and event.text != told.text


def at_once(event: Event) -> bool:
    """Tell whether an event waits for nothing: a crash, a NaN, and all that is critical."""
    return event.severity >= Severity.CRITICAL or trouble_of(event) in {"crash", "nan"}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A stretch of the day in which only what is critical makes a sound.

    Parameters
    ----------
    start_min, end_min
        Minutes after midnight, local; the stretch may pass midnight.
    zone
        Time zone; None means that of the machine, whose clock may change on the way.

    Examples
    --------
    >>> night = QuietHours.parse("23:00-07:00")
    >>> night.covers(3 * 3600.0), night.covers(12 * 3600.0), night.covers(23.5 * 3600)
    (True, False, True)
    """

    start_min: int
    end_min: int
    zone: tzinfo | None = UTC

    @classmethod
    def parse(cls, text: str, zone: tzinfo | None = UTC) -> QuietHours:
        """Read ``HH:MM-HH:MM``.

        Raises
        ------
        UsageError
            If the text is something else.
        """
        found = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\s*", text)
        if found:
            h1, m1, h2, m2 = (int(part) for part in found.groups())
            if max(h1, h2) <= 24 and max(m1, m2) <= 59 and (h1, m1) != (h2, m2):
                return cls((60 * h1 + m1) % 1440, (60 * h2 + m2) % 1440, zone)
        msg = f"quiet hours {text!r} are not understood; write them like 23:00-07:00"
        raise UsageError(msg)

    def covers(self, now: float) -> bool:
        """Tell whether a moment lies in the quiet hours."""
        minute = self._minute(now)
        if self.start_min <= self.end_min:
            return self.start_min <= minute < self.end_min
        return minute >= self.start_min or minute < self.end_min

    def end_after(self, now: float) -> float:
        """Return when they end next, in seconds since 1970; at their end, that is a day later.

        Examples
        --------
        >>> night, morning = QuietHours.parse("23:00-07:00"), 86_400.0 + 7 * 3600.0
        >>> night.end_after(90_000.0) == morning, night.end_after(morning) == morning + 86_400.0
        (True, True)
        """
        left_min = (self.end_min - self._minute(now)) % 1440 or 1440
        end = now // 60.0 * 60.0 + 60.0 * left_min
        # Where summer time begins or ends before it, a clock shows another minute then.
        early_min = (self.end_min - self._minute(end) + 720) % 1440 - 720
        moved = end + 60.0 * early_min
        return moved if moved > now and not self.covers(moved) else end

    def _minute(self, now: float) -> int:
        local = datetime.fromtimestamp(now, UTC).astimezone(self.zone)
        return 60 * local.hour + local.minute


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """How patient the policy is; all in seconds unless named otherwise.

    Parameters
    ----------
    cooldown_s
        Least time between two messages that the same thing began.
    pace_cooldown_s
        The same for what only costs time (an idle device, slow loading): it comes and goes with
        the load of the machine, and what to do about it stays the same.
    group_s
        How long news waits for company; what is over by then is never told.
    withdraw_s
        What ends sooner after it was told was wrong, and is withdrawn in words.
    flap_changes, flap_window_s
        So many beginnings and ends of one thing in that time are named once as unstable.
    calm_s
        How long it must keep still before it is told of again.
    quiet
        Quiet hours, None for none.
    """

    cooldown_s: float = 600.0
    pace_cooldown_s: float = 86_400.0
    group_s: float = 30.0
    withdraw_s: float = 900.0
    flap_changes: int = 4
    flap_window_s: float = 3600.0
    calm_s: float = 1800.0
    quiet: QuietHours | None = None
