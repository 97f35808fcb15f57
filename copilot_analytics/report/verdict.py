"""The verdict in two sentences, and what to do: the first lines that anyone reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.analyzers._fold_results import folds_in_words
from copilot_analytics.analyzers._metric_scale import difference_text
from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.findings import LAST, Severity
from copilot_analytics.report.which_checkpoint import (
    DISK,
    newest,
    recommendation,
    to_use,
)
from copilot_analytics.report.wording import extent, phase_of, place, to_go_on, within
from copilot_analytics.stats.stopping import shipped_rule
from copilot_analytics.wording import begun, duration, in_words, is_share, number, share

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.stopping import CheckpointChoice
    from copilot_analytics.findings import Finding
    from copilot_analytics.report.which_checkpoint import Look, Usable
    from copilot_analytics.run import Run

_SAID_ABOVE = {"the run is over", "the run was interrupted", "the run crashed"}
_STATES = {
    "waiting": "The log holds no training step yet",
    "running": "The run is going",
    "evaluating": "The run is evaluating",
    "stalled": "The run has gone silent",
    "crashed": "The run crashed",
    "interrupted": "The run ended early",
    "finished": "The run finished",
    "unknown": "The log ends, and does not say whether that was planned,",
}
_FEW_GPU_HOURS = 0.1
_FOUND_AS: dict[Phase | None, str] = {Phase.OVERFITTING_RISK: "overfitting"}
_IF_IT_RUNS = {
    "stalled": "Resume it unless it still runs",
    "unknown": "Worth going on unless its end was planned",
}


def verdict(analysis: Analysis) -> str:
    """Say in two sentences what happened and what it means, and in one what of other folds."""
    folds = folds_in_words(analysis.folds)
    of_all = f" {sentence(folds)}. All else is of fold {analysis.run.meta.fold}." if folds else ""
    return f"{_what_happened(analysis)} {_what_it_means(analysis)}{of_all}"


def headline(analysis: Analysis) -> str:
    """Say the state and the phase in a few words, for a title.

    The state comes first, since a phase without it misleads.
    """
    phase = in_words(analysis.phases.current.value)
    if analysis.life.stopped_early and phase != "diverging":
        phase = "stopped early"
    return f"{analysis.life.status}, {phase}"


def actions(analysis: Analysis) -> list[str]:
    """Say what to do now, the most urgent first; at least one line."""
    stop, status, look = analysis.stop, analysis.life.status, DISK.once()
    lines = []
    if stop.advice == "kill":
        lines.append(f"**Kill it.** {sentence(stop.reason)}.")
    elif stop.advice == "stop":
        known = "Not worth going on" if status in _IF_IT_RUNS else "Stop now"
        lines.append(f"**{known}.** {sentence(stop.reason)}.{_savings(analysis)}")
        told = track_record(analysis)
        if told:
            lines.append(told)
    elif stop.advice in {"wait", "continue"} and analysis.phases.current is Phase.DIVERGING:
        lines.append(f"**Decide soon.** {sentence(stop.reason)}.")
    elif stop.advice in {"wait", "continue"}:
        known = "Wait" if stop.advice == "wait" else to_go_on(analysis)
        lines.append(f"**{_IF_IT_RUNS.get(status, known)}.** {sentence(stop.reason)}.")
    elif stop.reason and stop.reason.rstrip(".") not in _SAID_ABOVE:
        lines.append(sentence(stop.reason) + ".")
    elif status in {"crashed", "interrupted"} and _has_begun(analysis.run):
        last = newest(analysis, look)
        named = last if last == LAST else f"`{last}`, {LAST}"
        lines.append(f"To go on, resume from {named}.")
    lines += [
        f"{sentence(_named(finding, analysis))}: {recommendation(analysis, finding, look)}"
        for finding in analysis.findings
        if finding.recommendation
        and (finding.severity >= Severity.WARNING or (stop.advice == "stop" and finding.mend_first))
    ]
    choice = _checkpoints(analysis, look)
    if choice:
        lines.append(choice)
    seen: set[str] = set()
    unique = [line for line in lines if not (line in seen or seen.add(line))]  # type: ignore[func-returns-value]  # keeps the order
    return unique or ["Nothing needs doing."]


def sentence(text: str) -> str:
    """Begin a text with a capital letter if it is a word, and leave out a full stop at its end.

    Examples
    --------
    >>> sentence("the run is over.")
    'The run is over'
    """
    return begun(text).rstrip(".")


def _what_happened(analysis: Analysis) -> str:
    life, run = analysis.life, analysis.run
    text = _STATES[life.status]
    if life.status == "waiting":
        return text + "."
    if not _has_begun(run):
        text += " before it logged a step"
    else:
        text += f" after {extent(run)}" if life.status != "finished" else f": {extent(run)}"
    if life.active_s:
        text += f" in {duration(life.active_s)}"
    if life.status == "crashed" and life.error:
        text += f" ({life.error})"
    metric = analysis.metric
    if metric.name is not None and metric.best is not None:
        text += f"; best {metric.name} {number(metric.best)}"
        text += f" at {place(run, metric.best_step, metric.best_epoch)}"
        if len(analysis.ties) > 1:
            text += f", as good {within(metric)} at {_and_others(analysis)}"
    elif run.loss_names:
        series = run.train_series(run.loss_names[0])
        if len(series.value):
            text += f"; {run.loss_names[0]} {number(series.value[0])} → {number(series.value[-1])}"
    return text + "."


def _has_begun(run: Run) -> bool:
    return bool(len(run.train_log) or len(run.eval_log) or run.last_step)


def _and_others(analysis: Analysis) -> str:
    run, ties = analysis.run, analysis.ties[1:]
    shown = [place(run, tie.step, tie.epoch) for tie in ties[:3]]
    if len(ties) > 3:
        # Those beyond the limit are counted, unless some are known to be of lost weights.
        every = len(analysis.ties) == len(analysis.metric.ties)
        count = max(analysis.metric.tied - 1, len(ties)) if every else len(ties)
        return f"{shown[0]} and {count - 1} other evaluations"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _what_it_means(analysis: Analysis) -> str:
    worst = analysis.findings[0] if analysis.findings else None
    if worst is not None and worst.severity >= Severity.CRITICAL:
        return f"{worst.explanation}"
    phases = analysis.phases
    phase = phase_of(analysis)
    reason, title = phases.reason, ""
    if worst is not None and worst.severity >= Severity.WARNING:
        title = worst.title
        if worst.id == _FOUND_AS.get(phases.leaning):
            reason = ""  # what was found is surer than the phase that it speaks for
        elif worst.id == _FOUND_AS.get(phases.current) and phases.leaning is None:
            title = ""  # the reason says it
        elif worst.id == _FOUND_AS.get(phases.current):
            reason, title = title.partition(": ")[2] or title, ""
    text = f"It {phase}" + (f": {reason}" if reason else "") + (f"; {title}" if title else "")
    return text.rstrip(".") + "."


def _named(finding: Finding, analysis: Analysis) -> str:
    """Name a finding; by its first word where the verdict told the rest."""
    if finding is analysis.findings[0] and finding.severity < Severity.CRITICAL:
        return finding.title.partition(": ")[0]
    return finding.title


def _savings(analysis: Analysis) -> str:
    stop = analysis.stop
    if stop.saves_s is None:
        return ""
    text = f" Saves {duration(stop.saves_s)}"
    if stop.saves_gpu_h is not None and stop.saves_gpu_h >= _FEW_GPU_HOURS:
        text += f" (≈ {number(stop.saves_gpu_h, 2)} GPU-hours"
        text += f", {stop.saves_money:,.2f} in money)" if stop.saves_money is not None else ")"
    if stop.may_lose is not None:
        lost = difference_text(stop.may_lose, analysis.metric.scale)
        text += f" and gives up {lost} of expected gain"
        each = per_gpu_hour(analysis)
        text += f", {each}" if each else ""
    return text + "."


def per_gpu_hour(analysis: Analysis) -> str:
    """Say what each GPU-hour of the rest is expected to bring; empty where that is unknown.

    A rest of a few minutes is not worth the words.
    """
    each, gain = analysis.stop.gain_per_gpu_h, analysis.forecast.expected_gain
    if not each or not gain or gain / each < _FEW_GPU_HOURS:
        return ""
    return f"{difference_text(each, analysis.metric.scale)} for each GPU-hour"


def track_record(analysis: Analysis) -> str:
    """Say how often advice to stop of this strictness was right, and where that is known from."""
    record = analysis.stop.record
    if record is None or not record.stops:
        return ""
    return (
        f"Of {record.stops} finished public runs in which such advice came (risk "
        f"{100 * record.risk:g} %), {share(record.right / record.stops)} gained no more than "
        f"0.5 pt or 0.5 % afterwards; it was tried on {record.runs} runs "
        f"({shipped_rule().sources}), none of them with numbers fitted to its own source."
    )


def _checkpoints(analysis: Analysis, look: Look) -> str:
    run = analysis.run
    if not analysis.stop.checkpoints:
        return ""
    usable = to_use(analysis, look)
    first, *others = usable.choices[:4]
    there = usable.on_disk(first)
    at = place(run, first.step, first.epoch)
    measured = f"{analysis.metric.name} {number(first.value)} at {at}"
    if first.path is None and there is False:
        text = f"The checkpoint of {at} is the one to use, but it is not on disk"
        text += f"{_instead(usable) or f' (the newest there is `{usable.folder.newest}`)'}: "
        text += measured
    elif first.path is None:
        text = f"Use the checkpoint of {at} (the log names no file): {measured}"
    elif there is False:
        text = f"`{first.path}` is the one to use, but it is gone from the disk"
        text += f"{_instead(usable)}: {measured}"
    else:
        known = " (on disk)" if there else ""
        text = f"Use `{first.path}`{known}: {measured}"
    if others:
        named = [_named_tie(analysis, choice, usable) for choice in others]
        tie = "ties" if len(named) == 1 else "tie"
        text += f"; {', '.join(named)} {tie} with it {within(analysis.metric)}"
    return text + "."


def _instead(usable: Usable) -> str:
    there = usable.instead
    return "" if there is None else f" (the best there is `{there.path}`, {number(there.value)})"


def _named_tie(analysis: Analysis, choice: CheckpointChoice, usable: Usable) -> str:
    is_gone = usable.on_disk(choice) is False
    if choice.path is None:
        at = place(analysis.run, choice.step, choice.epoch)
        return f"{at} (not on disk)" if is_gone else at
    gone = " (gone from the disk)" if is_gone else ""
    return f"`{choice.path}`{gone}"


def chance(analysis: Analysis) -> str:
    """Say P(gain) in words, with its δ and its horizon; empty without a forecast."""
    forecast = analysis.forecast
    if forecast.p_gain is None or forecast.horizon is None:
        return ""
    until = place(analysis.run, forecast.horizon)
    gain = analysis.metric.delta_text or number(forecast.delta)
    return f"P(best improves by ≥ {gain} until {until}) {is_share(forecast.p_gain)}"
