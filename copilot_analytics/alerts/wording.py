"""The words of the messages: short, complete, and with something to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics.alerts._durations import silence_s
from copilot_analytics.alerts._headlines import headline, reason_below, taken_back
from copilot_analytics.alerts._order import counted
from copilot_analytics.alerts._silence import if_it_goes_on, is_silent, may_be_over, unheard
from copilot_analytics.alerts.advice import (
    Advised,
    advice,
    advised,
    causes,
    checkpoint,
    learns_nothing,
    would_have_saved,
)
from copilot_analytics.alerts.rules import ALERTING_ADVICE, trouble_of
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Finding, Severity
from copilot_analytics.wording import begun, duration, in_words, number, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.alerts.message import Tiding
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.events import Event

_LONGEST_LINE = 600
_LONGEST_ON_A_PHONE = 220
_MOST_ITEMS = 20
_MARKS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_TITLES = {
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
# Gaps that change what silence means; the rest stands in the report.
_WORTH_KNOWING = frozenset({"training loss", "divergence", "metric", "planned end"})


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
    tidings = counted(tidings)
    first = tidings[0]
    name = plain(context.run_name, 80)
    todo = advised(analysis, tidings, context) if analysis is not None else Advised()
    if digest and (len(tidings) > 1 or first.turn == "passed"):
        lines = [_item(tiding, todo.key, analysis) for tiding in tidings[:_MOST_ITEMS]]
        if len(tidings) > _MOST_ITEMS:
            lines.append(f"… and {len(tidings) - _MOST_ITEMS} more")
        title = f"📋 MEANWHILE: {plural(len(tidings), 'thing')}   {name}"
    else:
        title = f"{_title(first, analysis, context)}   {name}"
        lines = [line for line in (_change(first, analysis),) if line]
        lines += [_item(tiding, todo.key, analysis) for tiding in tidings[1:_MOST_ITEMS]]
    figures: tuple[str, ...] = ()
    if any(t.event.kind == "phase" or trouble_of(t.event) == "plateau" for t in tidings):
        figures = ("overview",)
    if analysis is not None:
        lines += [*_situation(analysis), *([f"💡 {todo.text}"] if todo.text else [])]
        if len(lines) and not digest:
            lines += _seen(first, analysis)
    return Words(name, title, tuple(plain(line) for line in lines), figures)


def attached(context: Context) -> Words:
    """Write the first message of a run, so that silence means something afterwards."""
    name = plain(context.run_name, 80)
    title = f"👁 WATCHING   {name}"
    analysis = context.analysis() if context.analysis is not None else None
    if analysis is None:
        return Words(name, title, ("You hear from me when something happens.",))
    from copilot_analytics.report.wording import extent

    run = analysis.run
    if analysis.life.status in ENDED:
        return _ended(name, analysis, context)
    silent = is_silent(context) and analysis.life.status != "stalled"
    left = if_it_goes_on(analysis, context) if silent else _time_left(analysis, where=False)
    lines = [f"{extent(run)}, {in_words(analysis.phases.current.value)} · {left}"]
    lines += [
        f"{_MARKS[found.severity]} {found.title}"
        for found in analysis.findings
        if found.severity >= Severity.WARNING
    ]
    metric, rate = analysis.metric, analysis.learning_rate
    known = "metric: no evaluation yet"
    if metric.name is not None:
        known = f"metric: {metric.name}, {'higher' if metric.direction == 'max' else 'lower'}"
        known += " is better"
    elif len(run.eval_log):
        known = "metric: none that can be judged"
    lines.append(f"{known} · schedule: {rate.schedule or 'none found'}")
    gaps = [
        gap.why
        for gap in analysis.not_judged
        if gap.what in _WORTH_KNOWING and (gap.what != "metric" or len(run.eval_log))
    ]
    if gaps:
        lines.append("not judged: " + "; ".join(dict.fromkeys(gaps)))
    urges = analysis.stop.advice in ALERTING_ADVICE
    lines += advice(analysis, (), context) if urges else []
    is_well = not urges and all(found.severity < Severity.WARNING for found in analysis.findings)
    lines += unheard(context) if silent else []
    if analysis.life.status != "stalled" and not silent:
        so = "all is well" if is_well else "nothing has changed"
        lines.append(f"Silence means that {so}.")
    return Words(name, title, _on_a_phone(lines))


def summary(
    context: Context,
    left: Sequence[Tiding] = (),
    *,
    supervised_on: bool = False,
    urged_s: tuple[float, float] | None = None,
) -> Words:
    """Write the last message of a run, or of its supervision.

    Parameters
    ----------
    context
        The run.
    left
        What waited to be told.
    supervised_on
        Whether it is the supervision that ends, and not necessarily the run.
    urged_s
        How long after the advice to stop the reader heard of it, and how long before the end.
    """
    name = plain(context.run_name, 80)
    analysis = context.analysis() if context.analysis is not None else None
    if analysis is None:
        title = "👋 NO LONGER WATCHED" if supervised_on else "🏁 FINISHED"
        return Words(name, f"{title}   {name}", ())
    if analysis.life.status in ENDED:
        return _ended(name, analysis, context, urged_s)
    if analysis.life.status != "stalled" and is_silent(context):
        lines = [*_situation(analysis, if_it_goes_on(analysis, context)), *unheard(context)]
    else:
        lines = [_state(analysis), *_situation(analysis), *advice(analysis, (), context)]
    lines += _troubles(analysis)
    # The state and the advice are said.
    for tiding in counted(left):
        found = _finding(analysis, tiding.event.key)
        title = tiding.event.text if found is None else found.title  # which may count further
        said = any(plain(title) in line for line in lines)
        if tiding.event.kind in {"finding", "resolved"} and not said:
            lines.append(_item(tiding))
    return Words(name, f"👋 NO LONGER WATCHED   {name}", _on_a_phone(lines), ("overview",))


def _ended(
    name: str, analysis: Analysis, context: Context, urged_s: tuple[float, float] | None = None
) -> Words:
    """Write how a run ended and which checkpoint to use."""
    from copilot_analytics.analyzers._fold_results import folds_in_words, further_fold

    lines = [_state(analysis), *_situation(analysis)]
    folds = folds_in_words(analysis.folds)
    lines += [begun(folds)] if folds else []
    if analysis.life.status == "finished":
        unlearned = learns_nothing(analysis)
        first = checkpoint(analysis, context) if unlearned is None else unlearned.recommendation
        parts = (first, would_have_saved(analysis, urged_s))
        todo = " ".join(part for part in parts if part)
        lines += [f"💡 {todo}"] if todo else []
        lines += _troubles(analysis)
    else:
        lines += advice(analysis, (), context)
    title = _TITLES["status", analysis.life.status]
    figures: tuple[str, ...] = ("overview",)
    part, follows = further_fold(analysis.run, analysis.folds)
    if part and analysis.life.status == "finished":
        title, figures = f"☑️ {part.upper()} IS DONE", ()
        lines.append(f"{begun(follows)} follows.")
    return Words(name, f"{title}   {name}", _on_a_phone(lines), figures)


def _state(analysis: Analysis) -> str:
    """Say in one line how the run stands or ended, and why."""
    from copilot_analytics.report.wording import metric_is_level, phase_of

    life, phases = analysis.life, analysis.phases
    if life.status in {"crashed", "interrupted", "unknown", "stalled"}:
        return life.error or life.reason
    parts = phases.reason.split("; ")
    if metric_is_level(analysis):  # then what the loss does shows nothing
        parts.sort(key=lambda part: not part.startswith(str(analysis.metric.name)))
    return f"It {phase_of(analysis)}" + (f": {parts[0]}" if parts[0] else "")


def _troubles(analysis: Analysis) -> list[str]:
    """Name what is wrong, once; what to do about it stands in the report."""
    said = causes(analysis)
    grave = [f for f in analysis.findings if f.severity >= Severity.WARNING and f not in said]
    shown = [f"{_MARKS[found.severity]} {found.title}" for found in grave[:1]]
    if len(grave) > 1:
        shown[0] += f" · {len(grave) - 1} more in the report"
    return shown


def _on_a_phone(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(plain(line, _LONGEST_ON_A_PHONE) for line in lines if line)


def _blank(character: str) -> str:
    return "" if character in "\u200b\u2060\ufeff" else character if character == "\u200d" else " "


def _noun(event: Event) -> str:
    if event.kind == "finding":
        return event.text
    return _NOUNS.get(event.key, in_words(event.key))


def _title(tiding: Tiding, analysis: Analysis | None, context: Context) -> str:

    event, about = tiding.event, tiding.about
    if tiding.turn == "unstable":
        return f"🔁 UNSTABLE: {plain(_noun(event), 80)} comes and goes"
    if about is None:
        mark = _MARKS[event.severity]
        if headline(event):
            return f"{mark} {headline(event)}"
        if event.key == "stalled" and analysis is not None and may_be_over(analysis, context):
            return "🟠 SILENT: stalled or over"
        return _TITLES.get((event.kind, event.key), f"{mark} {begun(plain(_noun(event), 120))}")
    if about.kind == "status" and event.key in {"running", "evaluating"}:
        silent_s = silence_s(tiding, analysis)
        return "▶️ RUNNING AGAIN" + (f" after {duration(silent_s)}" if silent_s else "")
    what = headline(about) or plain(_noun(about), 100)
    if tiding.turn == "withdrawn":
        return f"↩️ TAKEN BACK: {what}"
    return f"✅ OVER AFTER {duration(tiding.lasted_s)}: {what}"


def _change(tiding: Tiding, analysis: Analysis | None) -> str:
    """Say what changed and why."""
    event, about = tiding.event, tiding.about
    if tiding.turn == "unstable":
        return f"{event.text}. It changed again and again; I say no more until it keeps still."
    if tiding.turn == "withdrawn" and about is not None:
        since = f"{duration(tiding.lasted_s)} after I told of it"
        if event.kind == "resolved":  # the title says what
            return f"{plain(taken_back(about), 200)} no longer holds, {since}."
        return f"My message “{plain(about.text, 200)}” no longer holds, {since}. Now: {event.text}"
    if event.kind == "finding":
        return plain(reason_below(event, _finding(analysis, event.key)), _LONGEST_ON_A_PHONE)
    if event.kind == "advice" and analysis is not None and analysis.stop.advice == event.key:
        return ""  # the advice says it
    said = _as_of_now(event, analysis).removeprefix(f"{event.key}: ")
    went_on = about is not None and about.kind == "status" and event.key == "running"
    return f"it went on {said}" if went_on else said


def _seen(tiding: Tiding, analysis: Analysis) -> list[str]:
    """Show what a finding rests on, unless it was said with its line."""
    found = _finding(analysis, tiding.event.key) if tiding.turn == "opened" else None
    if found is None or tiding.event.kind != "finding":
        return []
    shown = found.evidence[0]
    said = any(f"(line {line:,})" in found.explanation for line in shown.lines)
    said = said or (" ± " in shown.observed and shown.observed.lstrip("+−") in found.explanation)
    said = said or (shown.what in found.title and shown.observed in found.title)
    return [] if said else [f"Seen: {shown}"]


def _as_of_now(event: Event, analysis: Analysis | None) -> str:
    """Return what an event says, with the numbers of now if it tells of the present phase."""
    if event.kind != "phase" or analysis is None:
        return event.text
    phases = analysis.phases
    if event.key != phases.current.value or phases.leaning is not None or not phases.reason:
        return event.text
    return f"{event.text.partition(': ')[0]}: {phases.reason}"


def _item(tiding: Tiding, urged: str = "", analysis: Analysis | None = None) -> str:
    """Say one of several things in one line, but not why something is advised that is said."""
    event, about = tiding.event, tiding.about
    is_said = event.kind == "advice" and event.key == urged
    if tiding.turn == "passed":
        often = f"in {duration(tiding.lasted_s)}" if tiding.times == 1 else f"{tiding.times} times"
        return f"• came and went {often}: {event.text}"
    if tiding.turn == "withdrawn" and about is not None:
        now = "" if event.kind == "resolved" or is_said else f". {event.text}"
        return f"• ↩️ taken back: {_noun(about)}{now}"
    if tiding.turn == "resolved" and about is not None:
        return f"• ✅ over after {duration(tiding.lasted_s)}: {_noun(about)}"
    if tiding.turn == "unstable":
        return f"• 🔁 comes and goes: {event.text}"
    said = _noun(event) if is_said else _as_of_now(event, analysis)
    return f"• {_MARKS[event.severity]} {said}"


def _finding(analysis: Analysis | None, key: str) -> Finding | None:
    found = analysis.findings if analysis is not None else ()
    return next((finding for finding in found if finding.id == key), None)


def _situation(analysis: Analysis, time_left: str = "") -> list[str]:
    """Say how long it takes and how good it is, in one line."""
    from copilot_analytics.report.wording import place

    metric, run = analysis.metric, analysis.run
    line = time_left or _time_left(analysis)
    if metric.name is not None and metric.best is not None:
        at = place(run, metric.best_step, metric.best_epoch)
        line += f" · best {metric.name} {number(metric.best)} at {at}"
    return [line]


def _time_left(analysis: Analysis, *, where: bool = True) -> str:
    from copilot_analytics.report.wording import extent

    eta, run, life = analysis.eta, analysis.run, analysis.life
    if life.status in ENDED:
        took = f" in {duration(life.active_s)}" if life.active_s else ""
        return f"⏱ ended at {extent(run)}{took}"
    if not run.last_step:
        return "⏱ nothing trained yet"
    if life.status == "stalled":
        return f"⏱ silent at {extent(run)}"
    if eta.remaining_s is not None:
        bounds = eta.bounds
        text = f"⏱ {duration(eta.remaining_s)} left" + (f" ({bounds})" if bounds else "")
        return text + (" by the log's own eta" if eta.source.startswith("the log's own") else "")
    why = next((gap.why for gap in eta.not_judged), "")
    text = f"⏱ at {extent(run)}; time left unknown" if where else "⏱ time left unknown"
    return text + (f": {why}" if why else "")
