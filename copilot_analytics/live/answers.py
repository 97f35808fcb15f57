"""How a run stands, for a chat: state, time left, the reasons of its phase, the status card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Severity
from copilot_analytics.live.run_names import known_name
from copilot_analytics.wording import duration, in_words, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.live.watched import Watched

AT_REST = ENDED | {"stalled"}
"""States in which nothing is done for now: there is no time left to be told."""

MOST_RUNS = 15
"""So many runs one answer tells of."""

_LONG_S = 60.0
_MARKS = {
    "finished": "🏁",
    "crashed": "🔴",
    "stalled": "🔴",
    "interrupted": "🟡",
    "buffered": "🟡",
    "waiting": "⚪",
    "silent": "⚪",
    "unknown": "⚪",
}


def card(runs: Sequence[Watched], now: float) -> str:
    """Write the status card: a few lines for each run."""
    texts = [status(watched, now) for watched in runs[:MOST_RUNS]]
    if len(runs) > MOST_RUNS:
        texts.append(f"… and {len(runs) - MOST_RUNS} more runs")
    return "\n\n".join(texts)


def status(watched: Watched, now: float) -> str:
    """Say how a run stands: state, place, time left, best so far."""
    from copilot_analytics.report.wording import extent, place

    following = watched.following
    if not following.log.run_key:
        known = "no training yet" if following.caught_up else "being read"
        if following.missing and not Path(following.path).exists():
            known = "no log yet"
        died = watched.stillborn.words
        return f"{'🔴' if died else '⚪'} {known_name(watched)}: {died or known}"
    analysis = watched.analysis
    life = state(watched, now)
    phase = in_words(analysis.phases.current.value)
    lines = [f"{mark(watched, now)} {watched.name}: {life}, {phase}"]
    where = extent(analysis.run)
    lines.append(f"{where}; {left(watched, now)}" if life != "finished" else where)
    metric = analysis.metric
    if metric.name is not None and metric.best is not None:
        at = place(analysis.run, metric.best_step, metric.best_epoch)
        lines.append(f"best {metric.name} {number(metric.best)} at {at}")
    silence_s = watched.following.silence_s(now)
    if silence_s > _LONG_S and life not in AT_REST:
        lines.append(quiet(watched, now))
    lines += [f"! {found.title}" for found in analysis.findings if found.severity > 1][:3]
    return "\n".join(lines)


def mark(watched: Watched, now: float) -> str:
    """Return the mark of how a run is."""
    return _MARKS.get(state(watched, now)) or _health(watched.analysis)


def _health(analysis: Analysis) -> str:
    """Return the mark of a run that goes on."""
    gravest = max((found.severity for found in analysis.findings), default=Severity.INFO)
    if gravest >= Severity.CRITICAL or analysis.phases.current is Phase.DIVERGING:
        return "🔴"
    at_risk = gravest >= Severity.WARNING or analysis.phases.current is Phase.OVERFITTING_RISK
    return "🟡" if at_risk else "🟢"


def state(watched: Watched, now: float) -> str:
    """Return the state of a run; ``silent`` where nothing shows that it runs."""
    following = watched.following
    unseen = following.process.state == "unknown" and following.silence_s(now) > _LONG_S
    return "silent" if unseen and following.liveness == "running" else following.liveness


def quiet(watched: Watched, now: float) -> str:
    """Say for how long a log has been silent, and what is known of its process."""
    text = f"silent for {duration(watched.following.silence_s(now))}"
    reason = watched.following.process.reason
    return f"{text}; {reason}" if reason else text


def eta(watched: Watched, now: float) -> str:
    """Say when a run ends."""
    if not watched.following.log.run_key:
        return status(watched, now)
    return f"⏱ {watched.name}: {left(watched, now)}"


def why(watched: Watched, now: float) -> str:
    """Say why the phase is what it is, and what the findings rest on."""
    if not watched.following.log.run_key:
        return status(watched, now)
    from copilot_analytics.report.wording import place

    analysis = watched.analysis
    phases = analysis.phases
    lines = [f"{watched.name}: {phases.current.value}"]
    if phases.history:
        entered = phases.history[-1]
        lines[0] += f" since {place(analysis.run, entered.from_step, entered.from_epoch)}"
        lines.append(phases.reason)
    lines += [f"• {found.title}: {found.evidence[0]}" for found in analysis.findings[:5]]
    if analysis.stop.reason:
        lines.append(f"advice: {advised(analysis)} – {analysis.stop.reason}")
    return "\n".join(lines)


def advised(analysis: Analysis) -> str:
    """Return the advice in a word; to go on says nothing of a run that diverges or overfits."""
    advice = analysis.stop.advice
    diverges = analysis.phases.current.value == "DIVERGING"
    if diverges and advice in {"continue", "wait"}:
        return "decide soon"
    if advice != "continue":
        return advice
    from copilot_analytics.report.wording import LET_IT_RUN, to_go_on

    known = to_go_on(analysis)
    return advice if known == LET_IT_RUN else known.lower()


def left(watched: Watched, now: float) -> str:
    """Say how long a run still takes, or since when one that has come to rest is silent."""
    found, life = watched.analysis.eta, watched.following.status
    if life == "finished":
        return "it has finished"
    if life in AT_REST:
        return silent(watched, now)
    if found.remaining_s is None:
        return "time left unknown: " + next((gap.why for gap in found.not_judged), "no plan")
    if state(watched, now) == "silent":
        return f"{duration(found.remaining_s)} would be left if it goes on"
    found = found.after(watched.following.silence_s(now))
    return f"{duration(found.remaining_s)} left" + (f" ({found.bounds})" if found.bounds else "")


def silent(watched: Watched, now: float) -> str:
    """Say for how long a run at rest has been silent, and what is left if it goes on."""
    silence_s = watched.following.silence_s(now)
    text = f"silent for {duration(silence_s)}, since {moment(now - silence_s, now)}"
    rest_s = watched.analysis.eta.remaining_s
    if watched.following.status not in {"finished", "unknown"} and rest_s:
        text += f"; {duration(rest_s)} would be left if it went on"
    return text


def at_rest(watched: Watched, now: float) -> tuple[str, str]:
    """Say in two parts what a run at rest does, and since when: one that finished is not silent."""
    if watched.following.status == "finished":
        return "ended", moment(now - watched.following.silence_s(now), now)
    what, _, since = silent(watched, now).partition(" ")
    return what, since


def moment(time: float, now: float) -> str:
    """Write a time of the wall clock, with its day where that is another one.

    Examples
    --------
    >>> moment(0.0, 9e8)[-5] in "012"
    True
    """
    from datetime import datetime

    at, today = (datetime.fromtimestamp(one).astimezone() for one in (time, now))
    return at.strftime("%H:%M" if at.date() == today.date() else "%-d %b %H:%M")
