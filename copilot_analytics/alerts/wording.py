"""The words of the messages: short, complete, and with something to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics.alerts.rules import trouble_of
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.alerts.message import Tiding
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.events import Event

_LONGEST_LINE = 600
_MOST_ITEMS = 20
_MARKS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_TITLES = {
    ("finding", "true_plateau"): "🟠 PLATEAU DETECTED",
    ("phase", "OVERFITTING_RISK"): "🟠 OVERFITTING RISK",
    ("phase", "DIVERGING"): "🔴 DIVERGING",
    ("phase", "CONVERGED"): "🟢 CONVERGED",
    ("status", "crashed"): "🔴 CRASHED",
    ("status", "stalled"): "🔴 STALLED",
    ("status", "interrupted"): "🟡 ENDED EARLY",
    ("status", "finished"): "🏁 FINISHED",
    ("status", "unknown"): "⚪ THE LOG ENDS",
    ("advice", "stop"): "🛑 TIME TO STOP",
    ("advice", "kill"): "🛑 KILL IT",
}
_NOUNS = {
    "OVERFITTING_RISK": "overfitting risk",
    "DIVERGING": "divergence",
    "CONVERGED": "convergence",
    "crashed": "crash",
    "stalled": "stall",
    "interrupted": "early end",
    "finished": "end",
    "unknown": "end of the log",
    "stop": "advice to stop",
    "kill": "advice to kill the run",
}
_ADVICE = {
    "stop": "Stop now",
    "kill": "Kill it",
    "wait": "Wait",
    "continue": "Let it run",
}


@dataclass(frozen=True, slots=True)
class Words:
    """Title, lines and figures of a message."""

    run_name: str
    title: str
    body: tuple[str, ...]
    figures: tuple[str, ...] = ()


def plain(text: str, limit: int = _LONGEST_LINE) -> str:
    r"""Make text from a log one harmless line.

    Control and direction characters become blanks, lone surrogates question marks.

    Examples
    --------
    >>> plain("a\x1b[31m\u202eb\n c")
    'a [31m b c'
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    shown = "".join(c if c.isprintable() else _blank(c) for c in text)
    flat = " ".join(shown.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def news(tidings: Sequence[Tiding], context: Context, *, digest: bool = False) -> Words:
    """Write what began or is over, the most urgent first.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> from copilot_analytics.alerts.message import Tiding
    >>> from copilot_analytics.alerts.policy import Context
    >>> over = Event("resolved", "slow", 9, 700.0, 9, "No longer so: It is slow")
    >>> began = Event("finding", "slow", 5, 100.0, 5, "It is slow")
    >>> words = news([Tiding("resolved", over, began, 600.0)], Context("key", "my_run"))
    >>> print(words.title)
    ✅ OVER AFTER 10 min: It is slow   my_run
    """
    analysis = context.analysis() if context.analysis is not None else None
    first = tidings[0]
    name = plain(context.run_name, 80)
    if digest and len(tidings) > 1:
        lines = [_item(tiding) for tiding in tidings[:_MOST_ITEMS]]
        if len(tidings) > _MOST_ITEMS:
            lines.append(f"… and {len(tidings) - _MOST_ITEMS} more")
        title = f"📋 MEANWHILE: {len(tidings)} things   {name}"
    else:
        title = f"{_title(first)}   {name}"
        lines = [line for line in (_change(first, analysis),) if line]
        lines += [_item(tiding) for tiding in tidings[1:_MOST_ITEMS]]
    figures: tuple[str, ...] = ()
    if any(t.event.kind == "phase" or trouble_of(t.event) == "plateau" for t in tidings):
        figures = ("overview",)
    if analysis is not None:
        lines += _situation(analysis)
        lines += _advice(analysis, tidings)
    return Words(name, title, tuple(plain(line) for line in lines), figures)


def past(tidings: Sequence[Tiding], context: Context) -> Words:
    """Write what was found in the part of the log before the supervision."""
    name = plain(context.run_name, 80)
    lines = [_item(tiding) for tiding in tidings[-_MOST_ITEMS:]]
    return Words(name, f"📋 SO FAR   {name}", tuple(plain(line) for line in lines))


def attached(context: Context) -> Words:
    """Write the first message of a run, so that silence means something afterwards."""
    name = plain(context.run_name, 80)
    title = f"👁 WATCHING   {name}"
    analysis = context.analysis() if context.analysis is not None else None
    if analysis is None:
        return Words(name, title, ("You hear from me when something happens.",))
    from copilot_analytics.report.wording import extent

    run, life = analysis.run, analysis.life
    lines = [f"{run.path or 'the log'}: {life.status}, {_phase(analysis)}, {extent(run)}"]
    lines += [
        f"{_MARKS[found.severity]} {found.title}"
        for found in analysis.findings
        if found.severity >= Severity.WARNING
    ]
    rate = analysis.learning_rate
    known = f"schedule: {rate.schedule}" if rate.schedule else "schedule: none found in the log"
    lines.append(known + (f" (from the {rate.source})" if rate.schedule else ""))
    lines += _situation(analysis)
    lines.append("judged: " + ", ".join(_judged(analysis)))
    gaps = [f"{gap.what} ({gap.why})" for gap in analysis.not_judged]
    lines.append("not judged: " + ("; ".join(dict.fromkeys(gaps)) if gaps else "nothing left out"))
    lines.append("Silence from now on means that none of this went wrong.")
    return Words(name, title, tuple(plain(line, 1200) for line in lines))


def summary(context: Context, *, supervised_on: bool = False) -> Words:
    """Write the last message of a run, or of its supervision.

    Parameters
    ----------
    context
        The run.
    supervised_on
        Whether it is the supervision that ends, and not necessarily the run.
    """
    name = plain(context.run_name, 80)
    analysis = context.analysis() if context.analysis is not None else None
    if analysis is None:
        title = "👋 NO LONGER WATCHED" if supervised_on else "🏁 FINISHED"
        return Words(name, f"{title}   {name}", ())
    from copilot_analytics.report.verdict import verdict

    status = analysis.life.status
    going = status not in ENDED
    title = "👋 NO LONGER WATCHED" if going else _TITLES["status", status]
    lines = [verdict(analysis)]
    if going:
        lines += _situation(analysis)
        lines += _advice(analysis, ())
    else:
        lines.append(_savings(analysis, past=True))
        lines.append(_checkpoint(analysis))
    lines += [
        f"{_MARKS[found.severity]} {found.title}: {found.recommendation}"
        for found in analysis.findings
        if found.severity >= Severity.WARNING
    ]
    body = tuple(plain(line) for line in lines if line)
    return Words(name, f"{title}   {name}", body, ("overview",))


def _blank(character: str) -> str:
    return "" if character in "\u200b\u2060\ufeff" else character if character == "\u200d" else " "


def _noun(event: Event) -> str:
    if event.kind in {"finding", "resolved"}:
        return event.text.removeprefix("No longer so: ")
    return _NOUNS.get(event.key, event.key.replace("_", " ").lower())


def _title(tiding: Tiding) -> str:
    from copilot_analytics.wording import duration

    event, about = tiding.event, tiding.about
    if tiding.turn == "unstable":
        return f"🔁 UNSTABLE: {plain(_noun(event), 80)} comes and goes"
    if about is None:
        mark = _MARKS[event.severity]
        return _TITLES.get((event.kind, event.key), f"{mark} {plain(_noun(event), 120)}")
    if about.kind == "status" and event.key in {"running", "evaluating"}:
        return f"▶️ RUNNING AGAIN after {duration(tiding.lasted_s)}"
    if tiding.turn == "withdrawn":
        return f"↩️ TAKEN BACK: {plain(_noun(about), 100)}"
    return f"✅ OVER AFTER {duration(tiding.lasted_s)}: {plain(_noun(about), 100)}"


def _change(tiding: Tiding, analysis: Analysis | None) -> str:
    """Say what changed and why."""
    from copilot_analytics.wording import duration

    event, about = tiding.event, tiding.about
    if tiding.turn == "unstable":
        return f"{event.text}. It changed again and again; I say no more until it keeps still."
    if tiding.turn == "withdrawn" and about is not None:
        since = f"{duration(tiding.lasted_s)} after I told of it"
        return f"My message “{plain(about.text, 200)}” no longer holds, {since}. Now: {event.text}"
    if event.kind == "finding":
        found = _finding(analysis, event.key)
        if found is None:
            return "" if event.text else event.key
        return f"{found.explanation.rstrip('.')}. Seen: {found.evidence[0]}"
    return event.text


def _item(tiding: Tiding) -> str:
    """Say one of several things in one line."""
    from copilot_analytics.wording import duration

    event, about = tiding.event, tiding.about
    if tiding.turn == "passed":
        return f"• came and went in {duration(tiding.lasted_s)}: {event.text}"
    if tiding.turn == "withdrawn" and about is not None:
        return f"• ↩️ taken back: {_noun(about)}. {event.text}"
    if tiding.turn == "resolved" and about is not None:
        return f"• ✅ over after {duration(tiding.lasted_s)}: {_noun(about)}"
    if tiding.turn == "unstable":
        return f"• 🔁 comes and goes: {event.text}"
    return f"• {_MARKS[event.severity]} {event.text}"


def _finding(analysis: Analysis | None, key: str) -> Finding | None:
    found = analysis.findings if analysis is not None else ()
    return next((finding for finding in found if finding.id == key), None)


def _phase(analysis: Analysis) -> str:
    return analysis.phases.current.value.replace("_", " ").lower()


def _situation(analysis: Analysis) -> list[str]:
    """Say how long it takes and how good it is, in one line."""
    from copilot_analytics.report.wording import extent, place
    from copilot_analytics.wording import duration, number, share

    eta, metric, run = analysis.eta, analysis.metric, analysis.run
    parts = []
    if analysis.life.status in ENDED:
        parts.append(f"⏱ ended at {extent(run)}")
    elif not run.last_step:
        parts.append("⏱ nothing trained yet")
    elif eta.remaining_s is not None:
        text = f"⏱ {duration(eta.remaining_s)} left"
        if eta.low_s is not None and eta.high_s is not None:
            text += f" ({share(eta.level)}: {duration(eta.low_s)} – {duration(eta.high_s)})"
        parts.append(text)
    else:
        why = next((gap.why for gap in eta.not_judged), "")
        parts.append(f"⏱ at {extent(run)}; time left unknown" + (f": {why}" if why else ""))
    if metric.name is not None and metric.best is not None:
        at = place(run, metric.best_step, metric.best_epoch)
        parts.append(f"best {metric.name} {number(metric.best)} at {at}")
    return [" · ".join(parts)]


def _advice(analysis: Analysis, tidings: Sequence[Tiding]) -> list[str]:
    """Say what to do: first about what is told, then about the run."""
    stop = analysis.stop
    status = analysis.life.status
    named = {tiding.event.key for tiding in tidings if tiding.turn == "opened"}
    causes = [f for f in analysis.findings if f.id in named]
    if status in {"crashed", "interrupted"}:
        causes += [f for f in analysis.findings if f.severity >= Severity.WARNING]
    hopeless = any(f.severity >= Severity.CRITICAL for f in causes)
    advised = list(dict.fromkeys(f.recommendation for f in causes if f.recommendation))[:3]
    lines = [f"💡 {recommendation}" for recommendation in advised]
    sentences = []
    if status in {"crashed", "interrupted"}:
        saved = analysis.run.checkpoints[-1:]
        if not advised:
            path = saved[0].facts.get("path") if saved else None
            sentences.append(f"Resume from {path or 'the last checkpoint'} once the cause is gone.")
    elif status == "stalled":
        sentences.append(
            "Look whether the process lives (nvidia-smi, ps); if it hangs, restart it."
        )
    elif hopeless and advised:
        pass  # what the finding says to do counts, whatever the forecast says
    elif stop.advice in _ADVICE:
        from copilot_analytics.report.verdict import chance

        reason = _lead(stop.reason)
        odds = "" if "P(" in reason or stop.advice == "kill" else chance(analysis)
        sentences.append(f"{_ADVICE[stop.advice]}: {reason or odds}".rstrip(": ").rstrip(".") + ".")
        if reason and odds:
            sentences.append(f"{odds}.")
        if stop.advice in {"stop", "kill"}:
            sentences.append(_savings(analysis))
    if stop.advice in {"stop", "kill"} or status in ENDED:
        sentences.append(_checkpoint(analysis))
    text = " ".join(sentence for sentence in sentences if sentence)
    if text:
        lines.append(f"💡 {text}")
    return list(dict.fromkeys(lines))


def _lead(reason: str) -> str:
    """Return a reason as it follows a colon."""
    if len(reason) > 1 and reason[1].islower():
        return reason[0].lower() + reason[1:]
    return reason


def _savings(analysis: Analysis, *, past: bool = False) -> str:
    from copilot_analytics.wording import duration, number

    stop = analysis.stop
    if stop.saves_s is None or stop.saves_s < 60:
        return ""
    parts = [duration(stop.saves_s)]
    if stop.saves_gpu_h is not None and stop.saves_gpu_h >= 0.1:
        parts.append(f"≈ {number(stop.saves_gpu_h, 2)} GPU-hours")
    if stop.saves_money is not None:
        parts.append(f"{stop.saves_money:,.2f} in money")
    verb = "Stopping when nothing was left to gain would have saved" if past else "Saves"
    return f"{verb} {', '.join(parts)}."


def _checkpoint(analysis: Analysis) -> str:
    """Name the checkpoint to use and those that are as good."""
    from copilot_analytics.report.wording import place

    run, choices = analysis.run, analysis.stop.checkpoints
    if not choices:
        return ""
    best = choices[0]
    name = best.path or f"the checkpoint of {place(run, best.step, best.epoch)}"
    ties = [place(run, choice.step, choice.epoch) for choice in choices[:4]]
    if len(ties) < 2:
        return f"Use {name}."
    shared = [ties[0], *(tie.removeprefix("epoch ").removeprefix("step ") for tie in ties[1:])]
    text = shared[0].replace("epoch ", "epochs ").replace("step ", "steps ")
    more = ", …" if len(choices) > 4 else ""
    return f"Use {name} ({', '.join([text, *shared[1:]])}{more} tie)."


def _judged(analysis: Analysis) -> list[str]:
    parts = ["NaN and divergence", "crash and silence", "phase"]
    metric, eta = analysis.metric, analysis.eta
    if metric.name is not None:
        better = "higher" if metric.direction == "max" else "lower"
        parts.append(f"{metric.name} ({better} is better: {metric.reason or 'by its name'})")
        parts.append("overfitting")
    if analysis.forecast.metric is not None:
        parts.append("what is left to gain")
    if eta.remaining_s is not None:
        parts.append(f"time left (from {eta.source or 'the log'})")
    return parts
