"""What a message advises to do: one voice, whether a finding or the forecast speaks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from copilot_analytics.alerts.rules import diagnosis_of
from copilot_analytics.findings import Severity
from copilot_analytics.report.which_checkpoint import newest, recommendation, to_use
from copilot_analytics.wording import IS_ALIVE, NOBODY_WRITES, duration, number, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.alerts.message import Tiding
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.stopping import StopAdvice
    from copilot_analytics.findings import Finding
    from copilot_analytics.report.which_checkpoint import Look

_SPENT = frozenset({"CONVERGED", "OVERFITTING_RISK"})  # going on as before gains nothing
_ADVICE = {
    "stop": "Stop now",
    "kill": "Kill it",
    "wait": "Wait",
    "continue": "",  # as the report says it
}


class Advised(NamedTuple):
    """What to do.

    Parameters
    ----------
    text
        In words; empty where there is nothing to advise.
    key
        The advice whether to stop, with the numbers of now, if that is what the words say.
    """

    text: str = ""
    key: str = ""


def advice(
    analysis: Analysis, tidings: Sequence[Tiding], context: Context | None = None
) -> list[str]:
    """Say what to do, in one voice: what is told counts for more than the forecast.

    Parameters
    ----------
    analysis
        The answers as of now.
    tidings
        What the message tells; none for a summary.
    context
        What is known of the process of the run, and of a log that may go on from its own.

    Returns
    -------
    list of str
        One line, or none where there is nothing to advise.
    """
    text = advised(analysis, tidings, context).text
    return [f"💡 {text}"] if text else []


def advised(
    analysis: Analysis, tidings: Sequence[Tiding], context: Context | None = None
) -> Advised:
    """Return what `advice` says, and whether that is the advice whether to stop."""
    stop, status = analysis.stop, analysis.life.status
    named = {tiding.event.key for tiding in tidings if tiding.turn == "opened"}
    told = [f for f in analysis.findings if f.id in named and f.recommendation]
    if status == "unknown":
        return Advised(_of_an_open_end(analysis, context))
    if status in {"crashed", "interrupted"}:
        return Advised(_going_on(analysis, context))
    if status == "stalled" and _names_a_cure(analysis):
        return Advised()
    if status == "stalled":
        return Advised(_of_a_stall(context))
    grave = [f for f in told if f.severity >= Severity.CRITICAL]
    if grave:
        return Advised(_urged(stop, recommendation(analysis, grave[0], _look(context))))
    unlearned = learns_nothing(analysis)
    if unlearned is not None:
        return Advised(_urged(stop, unlearned.recommendation))
    if told and stop.advice not in {"stop", "kill"}:
        return Advised(recommendation(analysis, told[0], _look(context)))
    if stop.advice not in _ADVICE:
        return Advised()
    if analysis.phases.current.value == "DIVERGING" and stop.advice in {"continue", "wait"}:
        return Advised(_of_a_divergence(analysis, context))
    from copilot_analytics.report.verdict import chance
    from copilot_analytics.report.wording import to_go_on

    is_told = bool(stop.checkpoints) if stop.advice == "kill" else "OVERFITTING_RISK" in named
    reason = _lead((stop.core if is_told else "") or stop.reason)
    odds = "" if stop.says_chance or stop.advice == "kill" else chance(analysis)
    known = _ADVICE[stop.advice] or to_go_on(analysis)
    sentences = [f"{known}: {reason or odds}".rstrip(": ").rstrip(".") + "."]
    if reason and odds:
        sentences.append(f"{odds}.")
    if stop.advice == "stop":
        sentences += [
            f"Mend {found.mend_first} before you train on: {found.title}."
            for found in analysis.findings
            if found.mend_first
        ]
    if stop.advice in {"stop", "kill"}:
        sentences += [savings(analysis), checkpoint(analysis, context)]
        sentences.append(_record(analysis))
    elif "OVERFITTING_RISK" in named:
        sentences.append(checkpoint(analysis, context))
    text = " ".join(sentence for sentence in sentences if sentence)
    return Advised(text, stop.advice)


def learns_nothing(analysis: Analysis) -> Finding | None:
    """Return the finding that nothing is learned, so that no checkpoint is worth using."""
    rules = ((found, diagnosis_of(found.id)) for found in analysis.findings)
    return next((found for found, rule in rules if rule and rule.trouble == "dead"), None)


def causes(analysis: Analysis) -> list[Finding]:
    """Return the findings that are the reason of the present phase."""
    phase = analysis.phases.current.value
    rules = ((found, diagnosis_of(found.id)) for found in analysis.findings)
    return [found for found, rule in rules if rule is not None and rule.explains == phase]


def _of_a_stall(context: Context | None) -> str:
    """Say what to do about a silence, by what is known of the process."""
    process = context.process if context is not None else ""
    if context is not None and context.successor:
        begun = f"{context.successor} has begun beside it and holds no training step yet"
        return f"{begun}: look there, whether it still loads or died."
    if process.endswith(IS_ALIVE):
        number = process.removesuffix(IS_ALIVE).removeprefix("process ")
        look = f"`py-spy dump --pid {number}` shows what it waits for"
        return f"Process {number} is alive: {look}; if it hangs, kill it and resume."
    if process.startswith(NOBODY_WRITES):
        return "No process has the log open: look whether one still trains (nvidia-smi, ps)."
    return "Look whether the process lives (nvidia-smi, ps); if it hangs, restart it."


def _names_a_cure(analysis: Analysis) -> bool:
    """Tell whether the reason of a stall says what ends it: a process that was stopped."""
    return "kill -CONT" in analysis.life.reason


def _of_a_divergence(analysis: Analysis, context: Context | None) -> str:
    """Say what to do about a loss that rises, by the finding that says most about it."""
    cure = next((found for found in causes(analysis) if found.recommendation), None)
    if cure is not None:
        return recommendation(analysis, cure, _look(context))
    usable = to_use(analysis, _look(context))
    first = usable.instead or next(iter(usable.choices), None)
    name = first.path if first is not None and first.path else "the best checkpoint"
    return f"If it does not fall back soon, resume from {name} with a lower learning rate."


def _of_an_open_end(analysis: Analysis, context: Context | None) -> str:
    """Say what to use of a run that may have come to its end, and whether going on makes sense."""
    unlearned = learns_nothing(analysis)
    if unlearned is not None:
        return unlearned.recommendation
    use, phase = checkpoint(analysis, context), analysis.phases.current.value
    lost = any(found.severity >= Severity.CRITICAL for found in analysis.findings)
    if lost or not use:
        return _going_on(analysis, context)
    spent = analysis.stop.advice in {"stop", "kill"} or phase in _SPENT
    if spent or analysis.learning_rate.at_floor:
        return use
    return f"{use} If it was to train on, resume from {newest(analysis, _look(context))}."


def _going_on(analysis: Analysis, context: Context | None) -> str:
    """Say from where to go on, and which checkpoint to use otherwise."""
    life = analysis.life
    resume = newest(analysis, _look(context))
    cause = next(
        (f for f in analysis.findings if f.id in {"out_of_memory", "loss_nan", "loss_explosion"}),
        None,
    )
    if cause is not None:
        return recommendation(analysis, cause, _look(context))
    if life.status == "crashed" and life.line:
        text = f"Mend the cause and resume from {resume}"
    elif life.status == "crashed":
        text = f"Killed, or out of memory? `dmesg` knows. Resume from {resume}"
    else:
        text = f"To go on, resume from {resume}"
    choices, there, _, instead = to_use(analysis, _look(context))
    best = choices[0].path if choices else None
    if best and there.get(best) is False:
        text += f"; {best}, the best, is gone from the disk"
        best = instead.path if instead else None
    return text + (f"; for evaluation use {best}." if best and best != resume else ".")


def _urged(stop: StopAdvice, text: str) -> str:
    """Say first that the run is to be stopped, where that is advised and not said."""
    if stop.advice not in {"stop", "kill"} or text.startswith("Stop"):
        return text
    return f"{_ADVICE[stop.advice]}: {_lead(text)}"


def _lead(reason: str) -> str:
    """Return a reason as it follows a colon."""
    if len(reason) > 1 and reason[1].islower():
        return reason[0].lower() + reason[1:]
    return reason


def savings(analysis: Analysis) -> str:
    """Say what stopping saves and gives up; empty if that is unknown or less than a minute.

    Parameters
    ----------
    analysis
        The answers as of now.
    """
    from copilot_analytics.report.verdict import per_gpu_hour

    saved, each = _saved(analysis.stop), per_gpu_hour(analysis)
    if not saved:
        return ""
    return f"Saves {saved}; the rest would bring {each}." if each else f"Saves {saved}."


def would_have_saved(analysis: Analysis, urged_s: tuple[float, float] | None) -> str:
    """Say what stopping when advised would have saved; empty if nobody was, or for so little.

    Parameters
    ----------
    analysis
        The answers for a run that is over; they count from where it first paid to stop.
    urged_s
        How long after that the reader was told, and how long before the end: less than what the
        answers say where the supervision began later. None if nobody was told.
    """
    stop = analysis.stop
    if urged_s is None or not stop.saves_s:
        return ""
    late_s, before_s = urged_s
    share = max(min(stop.saves_s - late_s, before_s), 0.0) / stop.saves_s
    parts = (stop.saves_s, stop.saves_gpu_h, stop.saves_money)
    saves_s, gpu_h, money = (None if part is None else part * share for part in parts)
    saved = _saved(replace(stop, saves_s=saves_s, saves_gpu_h=gpu_h, saves_money=money))
    return f"Stopping when advised would have saved {saved}." if saved else ""


def _saved(stop: StopAdvice) -> str:

    if stop.saves_s is None or stop.saves_s < 60:
        return ""
    counted = not any(gap.what == "number of GPUs" for gap in stop.not_judged)
    parts = [duration(stop.saves_s)]
    if stop.saves_gpu_h is not None and stop.saves_gpu_h >= 0.1 and counted:
        parts = [f"≈ {number(stop.saves_gpu_h, 2)} GPU-hours"]
    if stop.saves_money is not None:
        parts.append(f"{stop.saves_money:,.2f} in money")
    return ", ".join(parts)


def _record(analysis: Analysis) -> str:
    """Say how often such advice was right."""
    record = analysis.stop.record
    if record is None or not record.stops:
        return ""
    return (
        f"Right in {share(record.right / record.stops)} of {record.stops} public runs so advised."
    )


def checkpoint(analysis: Analysis, context: Context | None = None) -> str:
    """Name the checkpoint to use and those that are as good; empty if none is known.

    Parameters
    ----------
    analysis
        The answers as of now.
    context
        Tells which checkpoints are on disk.
    """
    from copilot_analytics.report.wording import place

    run, best = analysis.run, analysis.stop.checkpoints
    if not best:
        return ""
    choices, there, folder, instead = to_use(analysis, _look(context))
    first = choices[0]
    name = first.path or f"the checkpoint of {place(run, first.step, first.epoch)}"
    gone = [choice.path for choice in best[:4] if choice.path and there.get(choice.path) is False]
    # One as good that is not there is nobody's loss while the best is.
    unsaved = best[:4] if best[0].step in folder.missing else ()
    lost = [place(run, one.step, one.epoch) for one in unsaved if one.step in folder.missing]
    ties = [place(run, choice.step, choice.epoch) for choice in best[:4]]
    remarks = []
    if len(ties) > 1:
        shared = [ties[0], *(tie.removeprefix("epoch ").removeprefix("step ") for tie in ties[1:])]
        text = shared[0].replace("epoch ", "epochs ").replace("step ", "steps ")
        more = ", …" if len(best) > 4 else ""
        remarks.append(f"{', '.join([text, *shared[1:]])}{more} tie")
    left = f"; the best there is {instead.path} ({number(instead.value)})" if instead else ""
    if first.path in gone:
        known = f" ({remarks[0]})" if remarks else ""
        return f"The best is {name}{known}, but it is gone from the disk{left}."
    if first.path is None and first.step in folder.missing:
        left = left or f"; the newest there is {folder.newest}"
        return f"The best is {name}, but it is not on disk{left}."
    if gone:
        remarks.append(f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} gone")
    if lost:
        remarks.append(f"that of {' and '.join(lost)} is not on disk")
    return f"Use {name} ({'; '.join(remarks)})." if remarks else f"Use {name}."


def _look(context: Context | None) -> Look | None:
    return context.look if context is not None else None
