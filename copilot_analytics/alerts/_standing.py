"""What stands beside an event: something worse, or the same trouble by another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.alerts.rules import ALERTING_ADVICE, outranks, says_level, trouble_of
from copilot_analytics.events import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from copilot_analytics.alerts._beliefs import Subject
    from copilot_analytics.alerts.message import Tiding
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.events import Event

_LAST_TENTH, _MINUTE_S = 0.9, 60.0


def is_outranked(subjects: Mapping[str, Subject], name: str, event: Event | None) -> bool:
    """Tell whether something worse than an event is going on."""
    return event is not None and any(
        subject.truth is not None and outranks(subject.truth, event)
        for subject in _others(subjects, name)
    )


def is_told_elsewhere(subjects: Mapping[str, Subject], name: str, event: Event) -> bool:
    """Tell whether the reader believes the same trouble by another name, and no less of it.

    Also where that one is over, if its end waits as long as this one lasts, see `goes_on`. Whoever
    was told to stop learns nothing to act on from a curve that is level.
    """
    if says_level(event) and _told_to_stop(subjects):
        return True
    for other in _others(subjects, name):
        told = other.belief
        if told is None or not _is_no_less(told, event):
            continue
        waits = told.severity <= event.severity and told.key not in other.unstable
        if other.truth is not None or waits:
            return True
    return False


def is_void(event: Event, context: Context) -> bool:
    """Tell whether advice to stop has nothing left to stop: training is through with its plan."""
    if event.kind != "advice" or context.analysis is None:
        return False  # what the end of a run makes of it is told with the end
    analysis = context.analysis()
    return analysis.stop.advice == "none" and analysis.life.status not in ENDED


def is_too_late(tiding: Tiding, analysis: Analysis) -> bool:
    """Tell whether stopping saves next to nothing by now: advice may have waited to be told.

    A tenth of the plan is as much as advice leaves untouched when it begins; nobody stops a run
    within its last minute.
    """
    event = tiding.event
    advises = (event.kind, event.key) == ("advice", "stop") or trouble_of(event) == "plateau"
    if tiding.turn != "opened" or not advises or analysis.life.status in ENDED:
        return False
    done, left_s = analysis.run.progress, analysis.eta.remaining_s
    return (done is not None and done > _LAST_TENTH) or (left_s is not None and left_s < _MINUTE_S)


def goes_on(subjects: Mapping[str, Subject], name: str, told: Event | None) -> bool:
    """Tell whether the trouble of an event that is over lasts by another name, and no less of it.

    A finding that gives way to a worse one of the same matter is no good news.
    """
    return told is not None and any(
        _is_no_less(subject.truth, told) for subject in _others(subjects, name)
    )


def is_in_doubt(tiding: Tiding, analysis: Analysis) -> bool:
    """Tell whether a finding that is to be told is less grave by now, or may soon be.

    A plateau is waited with once the learning rate has dropped: three evaluations show what that
    brings, and until the first of them the finding stands as it was.
    """
    event = tiding.event
    if tiding.turn != "opened" or event.kind != "finding":
        return False
    if trouble_of(event) == "plateau":
        from copilot_analytics.diagnoses.true_plateau import awaits_a_drop

        if awaits_a_drop(analysis.run, analysis.learning_rate, analysis.metric):
            return True
    now = next((found for found in analysis.findings if found.id == event.key), None)
    return now is not None and now.severity < event.severity


def _told_to_stop(subjects: Mapping[str, Subject]) -> bool:
    told = [one.belief for one in subjects.values() if one.truth and one.belief]
    return any(
        trouble_of(event) == "dead" or (event.kind == "advice" and event.key in ALERTING_ADVICE)
        for event in told
    )


def _is_no_less(one: Event | None, event: Event) -> bool:
    trouble = trouble_of(event)
    if one is None or trouble is None or trouble == "pace":
        return False
    return trouble_of(one) == trouble and one.severity >= event.severity


def _others(subjects: Mapping[str, Subject], name: str) -> Iterator[Subject]:
    return (subject for other, subject in subjects.items() if other != name)
