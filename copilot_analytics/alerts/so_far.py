"""What a run went through before anybody watched it, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.alerts import wording
from copilot_analytics.alerts._silence import is_silent
from copilot_analytics.alerts.rules import diagnosis_of, opens, subject_of
from copilot_analytics.events import ENDED
from copilot_analytics.wording import in_words, number, place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.events import Event

_MOST_PHASES = 8
_MOST_TROUBLES = 8
_TROUBLES = frozenset({"finding", "resolved", "status", "advice"})


def so_far(past: Sequence[Event], context: Context) -> wording.Words:
    """Write the phases of a run, its best value, and the trouble that came and went.

    How it ended is left out: the message about it comes next.

    Parameters
    ----------
    past
        Its events, the oldest first.
    context
        The run; its analysis tells the best value and epochs.

    Examples
    --------
    >>> from copilot_analytics.alerts.policy import Context
    >>> from copilot_analytics.events import Event
    >>> from copilot_analytics.findings import Severity
    >>> past = [
    ...     Event("phase", "WARMUP", 10, None, 1, ""),
    ...     Event("finding", "loss_spike", 50, None, 5, "loss jumped", Severity.WARNING),
    ...     Event("resolved", "loss_spike", 90, None, 9, "loss is back"),
    ... ]
    >>> so_far(past, Context("key", "my_run")).body
    ('phases: warmup from step 10', 'loss jumped (step 50 to step 90)')
    """
    run = None
    metric = None
    if context.analysis is not None:
        analysis = context.analysis()
        run, metric = analysis.run, analysis.metric

    def at(event: Event) -> str:
        if event.step is None:
            return f"line {event.line}"
        return place(event.step, run.epoch_of(event.step) if run is not None else None)

    lines = []
    phases = [event for event in past if event.kind == "phase"]
    named = [f"{in_words(event.key)} from {at(event)}" for event in phases]
    if named:
        left_out = ["…"] if len(named) > _MOST_PHASES else []
        lines.append("phases: " + " → ".join([*left_out, *named[-_MOST_PHASES:]]))
    if run is not None and metric is not None and metric.best is not None:
        where = place(metric.best_step, metric.best_epoch)
        lines.append(f"best so far: {metric.name} {number(metric.best)} at {where}")
    status = next((event.key for event in reversed(past) if event.kind == "status"), "")
    troubled = is_silent(context) or status in ENDED - {"finished"}
    calm = [] if troubled else ["no trouble so far"]
    lines += _troubles(past, at)[-_MOST_TROUBLES:] or calm
    name = wording.plain(context.run_name, 80)
    return wording.Words(name, f"📋 SO FAR   {name}", tuple(wording.plain(one) for one in lines))


def is_said(event: Event, words: wording.Words, context: Context) -> bool:
    """Tell whether the first message of a run says what an event before it began.

    It names the phase and the state. What it leaves out, because it has become less grave or the
    run is over, must not be called over later on: nobody was told that it began.

    Parameters
    ----------
    event
        What began.
    words
        The first message.
    context
        The run as it was when the message was written.
    """
    if event.kind in {"phase", "status"} or context.analysis is None:
        return event.kind in {"phase", "status"}
    analysis = context.analysis()
    if event.kind == "advice":
        return analysis.stop.advice == event.key and analysis.life.status not in ENDED
    titles = [
        wording.plain(found.title, 80) for found in analysis.findings if found.id == event.key
    ]
    return any(title in line for title in titles for line in words.body)


def _troubles(past: Sequence[Event], at: Callable[[Event], str]) -> list[str]:
    """Write what began, and when it was over if it is."""
    begun: dict[str, Event] = {}
    lines: list[tuple[int, str]] = []
    for event in past:
        if event.kind not in _TROUBLES or _tells_of_a_crash(event):
            continue
        subject = subject_of(event)
        before = begun.get(subject)
        if before is not None and (event.kind == "resolved" or before.key != event.key):
            lines.append((before.line, f"{before.text} ({at(before)} to {at(event)})"))
            del begun[subject]
        if opens(event) and event.key != "finished":
            begun.setdefault(subject, event)
    standing = (event for event in begun.values() if event.key not in ENDED)
    lines += [(event.line, _since(event.text, at(event))) for event in standing]
    return [text for _, text in sorted(lines, key=lambda one: one[0])]


def _tells_of_a_crash(event: Event) -> bool:
    """Tell whether a finding says what the status says too."""
    found = event.kind in {"finding", "resolved"}
    rule = diagnosis_of(event.key) if found else None
    return rule is not None and rule.trouble == "crash"


def _since(text: str, where: str) -> str:
    """Say since when something is so, unless the text does."""
    return text if f"since {where}" in text else f"{text} (since {where})"
