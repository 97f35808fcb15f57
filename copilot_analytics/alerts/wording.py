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
_LONGEST_ON_A_PHONE = 220
_MOST_ITEMS = 20
_MARKS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_TITLES = {
    ("finding", "true_plateau"): "🟠 PLATEAU DETECTED",
    ("finding", "loss_nan"): "🔴 LOSS IS NaN",
    ("finding", "loss_explosion"): "🔴 LOSS EXPLODED",
    ("finding", "gpu_lost"): "🔴 GPU LOST",
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
_DIVERGENCES = frozenset({"loss_nan", "loss_explosion", "masked_nan", "slow_divergence"})
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
        return _ended(name, analysis)
    lines = [f"{extent(run)}, {_phase(analysis)} · {_time_left(analysis, where=False)}"]
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
    if analysis.life.status != "stalled":
        lines.append("Silence means that all is well.")
    return Words(name, title, _on_a_phone(lines))


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
    if analysis.life.status in ENDED:
        return _ended(name, analysis)
    lines = [_state(analysis), *_situation(analysis), *_advice(analysis, ()), *_troubles(analysis)]
    return Words(name, f"👋 NO LONGER WATCHED   {name}", _on_a_phone(lines), ("overview",))


def _ended(name: str, analysis: Analysis) -> Words:
    """Write how a run ended and which checkpoint to use."""
    lines = [_state(analysis), *_situation(analysis)]
    if analysis.life.status == "finished":
        parts = (_checkpoint(analysis), _savings(analysis, past=True))
        todo = " ".join(part for part in parts if part)
        lines += [f"💡 {todo}"] if todo else []
        lines += _troubles(analysis)
    else:
        lines += _advice(analysis, ())
    title = _TITLES["status", analysis.life.status]
    return Words(name, f"{title}   {name}", _on_a_phone(lines), ("overview",))


def _state(analysis: Analysis) -> str:
    """Say in one line how the run stands or ended, and why."""
    from copilot_analytics.report.wording import phase_in_words

    life, phases = analysis.life, analysis.phases
    if life.status in {"crashed", "interrupted", "unknown", "stalled"}:
        return life.error or life.reason
    phase = phase_in_words(phases.current.value, ended=life.status in ENDED)
    return f"It {phase}" + (f": {phases.reason.partition('; ')[0]}" if phases.reason else "")


def _troubles(analysis: Analysis) -> list[str]:
    """Name what is wrong, once; what to do about it stands in the report."""
    said = _DIVERGENCES if analysis.phases.current.value == "DIVERGING" else frozenset()
    grave = [f for f in analysis.findings if f.severity >= Severity.WARNING and f.id not in said]
    shown = [f"{_MARKS[found.severity]} {found.title}" for found in grave[:1]]
    if len(grave) > 1:
        shown[0] += f" · {len(grave) - 1} more in the report"
    return shown


def _on_a_phone(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(plain(line, _LONGEST_ON_A_PHONE) for line in lines if line)


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
        noun = plain(_noun(event), 120)
        return _TITLES.get((event.kind, event.key), f"{mark} {noun[:1].upper()}{noun[1:]}")
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
        # What the title does not say already.
        known = ("finding", event.key) in _TITLES
        return plain(found.explanation.partition(". ")[0] if known else "", _LONGEST_ON_A_PHONE)
    if event.kind == "advice" and analysis is not None and analysis.stop.advice == event.key:
        return ""  # the advice says it
    return event.text.removeprefix(f"{event.key}: ")


def _seen(tiding: Tiding, analysis: Analysis) -> list[str]:
    """Show what a finding rests on, unless it was said with its line."""
    found = _finding(analysis, tiding.event.key) if tiding.turn == "opened" else None
    if found is None or tiding.event.kind != "finding":
        return []
    shown = found.evidence[0]
    said = any(f"(line {line:,})" in found.explanation for line in shown.lines)
    said = said or (" ± " in shown.observed and shown.observed.lstrip("+−") in found.explanation)
    return [] if said else [f"Seen: {shown}"]


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
    from copilot_analytics.report.wording import place
    from copilot_analytics.wording import number

    metric, run = analysis.metric, analysis.run
    line = _time_left(analysis)
    if metric.name is not None and metric.best is not None:
        at = place(run, metric.best_step, metric.best_epoch)
        line += f" · best {metric.name} {number(metric.best)} at {at}"
    return [line]


def _time_left(analysis: Analysis, *, where: bool = True) -> str:
    from copilot_analytics.report.wording import extent
    from copilot_analytics.wording import duration, interval

    eta, run, life = analysis.eta, analysis.run, analysis.life
    if life.status in ENDED:
        took = f" in {duration(life.active_s)}" if life.active_s else ""
        return f"⏱ ended at {extent(run)}{took}"
    if not run.last_step:
        return "⏱ nothing trained yet"
    if life.status == "stalled":
        return f"⏱ silent at {extent(run)}"
    if eta.remaining_s is not None:
        bounds = interval(eta.low_s, eta.high_s, eta.level)
        text = f"⏱ {duration(eta.remaining_s)} left" + (f" ({bounds})" if bounds else "")
        return text + (" by the log's own eta" if eta.source.startswith("the log's own") else "")
    why = next((gap.why for gap in eta.not_judged), "")
    text = f"⏱ at {extent(run)}; time left unknown" if where else "⏱ time left unknown"
    return text + (f": {why}" if why else "")


def _advice(analysis: Analysis, tidings: Sequence[Tiding]) -> list[str]:
    """Say what to do, in one voice: what is told counts for more than the forecast."""
    stop, status = analysis.stop, analysis.life.status
    named = {tiding.event.key for tiding in tidings if tiding.turn == "opened"}
    causes = [f for f in analysis.findings if f.id in named and f.recommendation]
    if status in {"crashed", "interrupted", "unknown"}:
        return [f"💡 {_going_on(analysis)}"]
    if status == "stalled" and _names_a_cure(analysis):
        return []
    if status == "stalled":
        return ["💡 Look whether the process lives (nvidia-smi, ps); if it hangs, restart it."]
    grave = [f.recommendation for f in causes if f.severity >= Severity.CRITICAL]
    if grave:
        return [f"💡 {grave[0]}"]
    if causes and stop.advice not in {"stop", "kill"}:
        return [f"💡 {causes[0].recommendation}"]
    if stop.advice not in _ADVICE:
        return []
    if analysis.phases.current.value == "DIVERGING" and stop.advice in {"continue", "wait"}:
        return [f"💡 {_of_a_divergence(analysis)}"]
    from copilot_analytics.report.verdict import chance

    reason = _lead(stop.reason)
    if stop.advice == "kill" and stop.checkpoints:
        reason = reason.partition("; go back to")[0]  # the checkpoint is named
    odds = "" if "P(" in reason or stop.advice == "kill" else chance(analysis)
    sentences = [f"{_ADVICE[stop.advice]}: {reason or odds}".rstrip(": ").rstrip(".") + "."]
    if reason and odds:
        sentences.append(f"{odds}.")
    if stop.advice in {"stop", "kill"}:
        sentences += [_savings(analysis), _checkpoint(analysis)]
        sentences.append(_record(analysis))
    return ["💡 " + " ".join(sentence for sentence in sentences if sentence)]


def _names_a_cure(analysis: Analysis) -> bool:
    """Tell whether the reason of a stall says what ends it: a process that was stopped."""
    return "kill -CONT" in analysis.life.reason


def _of_a_divergence(analysis: Analysis) -> str:
    """Say what to do about a loss that rises, by the finding that says most about it."""
    causes = (f for f in analysis.findings if f.id in _DIVERGENCES and f.recommendation)
    cause = next(causes, None)
    if cause is not None:
        return cause.recommendation
    choices = analysis.stop.checkpoints
    name = choices[0].path if choices and choices[0].path else "the best checkpoint"
    return f"If it does not fall back soon, resume from {name} with a lower learning rate."


def _going_on(analysis: Analysis) -> str:
    """Say from where to go on, and which checkpoint to use otherwise."""
    life = analysis.life
    saved = [str(r.facts["path"]) for r in analysis.run.checkpoints[-1:] if r.facts.get("path")]
    resume = saved[0] if saved else "the last checkpoint"
    cause = next(
        (f for f in analysis.findings if f.id in {"out_of_memory", "loss_nan", "loss_explosion"}),
        None,
    )
    if cause is not None:
        return cause.recommendation
    if life.status == "crashed" and life.line:
        text = f"Mend the cause and resume from {resume}"
    elif life.status == "crashed":
        text = f"Killed, or out of memory? `dmesg` knows. Resume from {resume}"
    else:
        text = f"To go on, resume from {resume}"
    choices = analysis.stop.checkpoints
    best = choices[0].path if choices else None
    return text + (f"; for evaluation use {best}." if best and best != resume else ".")


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
    counted = not any(gap.what == "number of GPUs" for gap in stop.not_judged)
    parts = [duration(stop.saves_s)]
    if stop.saves_gpu_h is not None and stop.saves_gpu_h >= 0.1 and counted:
        parts = [f"≈ {number(stop.saves_gpu_h, 2)} GPU-hours"]
    if stop.saves_money is not None:
        parts.append(f"{stop.saves_money:,.2f} in money")
    verb = "Stopping when advised would have saved" if past else "Saves"
    return f"{verb} {', '.join(parts)}."


def _record(analysis: Analysis) -> str:
    """Say how often such advice was right."""
    from copilot_analytics.wording import share

    record = analysis.stop.record
    if record is None or not record.stops:
        return ""
    return (
        f"Right in {share(record.right / record.stops)} of {record.stops} public runs so advised."
    )


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
