"""The report in Markdown, to be read from the top down by someone in a hurry."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.report.gpu_text import gpu_table
from copilot_analytics.report.looking_back import rows_in_words, tally
from copilot_analytics.report.lr_restarts import restarts_seen
from copilot_analytics.report.verdict import actions, chance, headline, per_gpu_hour, verdict
from copilot_analytics.report.which_checkpoint import DISK, recommendation
from copilot_analytics.report.wording import defused, escaped, extent, place, step_noun
from copilot_analytics.wording import duration, moment, number, plural, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.findings import Finding

_MANY_PHASES = 14
_ENDING = re.compile(r"(\.log)?\.(log|jsonl?|[ct]sv|txt|out|py)(\.gz)?$")
_NO_NAME = re.compile(
    r"[\d_\-.:]*(\dT\d[\d_\-.:]*)?|scalars|None|console|train(ing)?|logs?|outputs?|std(out|err)|nohup|vis_data"
    r"|work_dirs?|runs?|experiments?|results?|lightning_logs|version_\d+|metrics|history"
    r"|trainer_(state|log)|checkpoint[-_]\d+|tensorboard|tb|events\.out\.tfevents.*|progress"
    r"|tmp|root|home|data|content|kaggle|working|workspace"
    # folders of Ultralytics' tasks, of what wandb keeps, and of a launcher's attempts
    r"|detect|segment|classify|pose|obb|files|attempt_\d+|[\da-f]{8}-[\da-f]{4}-[\da-f-]{22}\w*",
    re.IGNORECASE,
)
_BADGES = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_FIGURES = {
    "loss": "Training loss, learning rate and phases",
    "metric": "Main metric with best, ties and forecast",
    "speed": "Time of an iteration and of waiting for data",
    "memory": "Memory that the log reports",
    "gpu": "What the GPUs did",
}


def render(analysis: Analysis, figures: Mapping[str, str]) -> str:
    """Return the report.

    Parameters
    ----------
    analysis
        What there is to say.
    figures
        Paths of figures by name (``loss``, ``metric``, ``speed``, ``memory``, ``gpu``), as the
        report is to link them.
    """
    sections = [
        _top(analysis),
        _section("What to do", [f"- {defused(line)}" for line in actions(analysis)]),
        _phases(analysis, figures),
        _forecast(analysis, figures),
        _time(analysis, figures),
        _findings(analysis),
        _memory(analysis, figures),
        _gpus(analysis, figures),
        _not_judged(analysis),
        _plan(analysis),
        _footer(analysis),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def name_of(analysis: Analysis) -> str:
    """Return the run's name for titles: its own, else the last telling part of its path.

    Time stamps and the names that every project gives its logs and folders tell nothing.
    """
    return name_at(analysis.run.path, analysis.run.meta.name or "")


def name_at(path: str, own: str = "") -> str:
    """Return the same from the path of a log and the name that the run gives itself, if any.

    Examples
    --------
    >>> name_at("/data/runs/t/train.log"), name_at("/data/cars/20240131T093000/output/train.log")
    ('t', 'cars')
    >>> (
    ...     name_at("/data/birds/runs/detect/train/results.csv"),
    ...     name_at("/b/wandb/run-3/files/output.log"),
    ... )
    ('birds', 'run-3')
    """
    parts = re.split(r"[/\\]", os.path.abspath(path) if path else "")  # noqa: PTH100
    candidates = [_ENDING.sub("", name) for name in (own, *reversed(parts))]
    named = (name for name in candidates if name and not _NO_NAME.fullmatch(name))
    return next(named, candidates[1] or "run")


def source_line(path: str) -> str:
    """Return the words by which a report names its log."""
    return f"log {escaped(path)}"


def _top(analysis: Analysis) -> str:
    title = f"# {escaped(name_of(analysis))}: {headline(analysis)}"
    return f"{title}\n\n> {defused(verdict(analysis))}"


def _section(title: str, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    return f"## {title}\n\n{body}" if body else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [" | ".join(row) for row in (header, ["---"] * len(header), *rows)]
    return [f"| {line} |" for line in lines]


def _figure(figures: Mapping[str, str], name: str) -> list[str]:
    return ["", f"![{_FIGURES[name]}]({figures[name]})"] if name in figures else []


def _phases(analysis: Analysis, figures: Mapping[str, str]) -> str:
    run, spans = analysis.run, analysis.phases.history
    shown = list(spans)
    note = []
    unjudged = analysis.phases.current is Phase.INITIALIZING
    if len(spans) > _MANY_PHASES:
        shown = [*spans[:4], *spans[-(_MANY_PHASES - 4) :]]
        note = ["", f"{len(spans) - len(shown)} stretches in the middle are left out."]
    rows = [
        (
            span.phase.value,
            f"{place(run, span.from_step)} – {place(run, span.to_step)}",
            str(span.line or ""),
            # What keeps a run from being judged is what counts, not what was known at its start.
            defused(analysis.phases.reason if unjudged and span is spans[-1] else span.reason),
        )
        for span in shown
    ]
    table = _table(("phase", "from – to", "line", "why"), rows) if rows else []
    return _section("Phases", [*table, *note, *_figure(figures, "loss")])


def _forecast(analysis: Analysis, figures: Mapping[str, str]) -> str:
    forecast, metric, run = analysis.forecast, analysis.metric, analysis.run
    lines = []
    if metric.name is not None:
        lines.append(
            f"Judged by **{escaped(metric.name)}** ({defused(metric.reason)}); "
            f"noise of one evaluation {_noise(metric.noise)}{_of_examples(metric)}."
        )
    ahead = forecast.horizon is not None and forecast.horizon > (forecast.made_at_step or 0)
    if ahead and forecast.final is not None and forecast.best is not None:
        end = (
            "the planned end" if forecast.end_known else "twice the steps done, the end is unknown"
        )
        final, best = forecast.final, forecast.best
        level = share(final.level)
        lines += [
            "",
            (
                f"By {place(run, forecast.horizon)} ({end}), seen from "
                f"{place(run, forecast.made_at_step)}:"
            ),
            "",
            *_table(
                ("", "median", f"{level} prediction interval"),
                [
                    ("final value", number(final.median), _interval(final.low, final.high)),
                    ("best value", number(best.median), _interval(best.low, best.high)),
                ],
            ),
            "",
            f"**{chance(analysis)}**{_expected(analysis)}.",
        ]
    if ahead:
        lines += [f"- {defused(note)}" for note in forecast.notes]
    lines += _looking_back(analysis)
    return _section("Metric and forecast", [*lines, *_figure(figures, "metric")])


def _expected(analysis: Analysis) -> str:
    """Say what gain is expected, and for what price where that is known."""
    stop, gain = analysis.stop, analysis.forecast.expected_gain
    if not gain:
        return ""
    each, text = per_gpu_hour(analysis), f"; expected gain {number(gain, 2)}"
    if not each or not stop.gain_per_gpu_h:
        return text
    text += f", {each} of the {number(gain / stop.gain_per_gpu_h, 2)} left"
    return text + (f" ({gain / stop.gain_per_money:,.2f} in money)" if stop.gain_per_money else "")


def _noise(noise: float | None) -> str:
    return "unknown, too few evaluations" if noise is None else f"± {number(noise, 2)}"


def _of_examples(metric: MainMetric) -> str:
    """Say what the size of the evaluation set leaves open; empty where it is not told."""
    if metric.examples is None or metric.error is None:
        return ""
    error = number(metric.error, 2)
    told = f"; all share the standard error of {metric.examples} examples, ± {error}"
    return f"{told}, more than the gain that counts" if metric.error > metric.delta else told


def _interval(low: float, high: float) -> str:
    return f"{number(low)} – {number(high)}"


def _looking_back(analysis: Analysis) -> list[str]:
    """Show earlier forecasts beside what came."""
    header, rows = rows_in_words(analysis)
    if not rows:
        return []
    said = tally(analysis)
    closing = ["", said] if said else []
    return [
        "",
        "What was forecast on the way, beside what came:",
        "",
        *_table(header, rows),
        *closing,
    ]


def _time(analysis: Analysis, figures: Mapping[str, str]) -> str:
    eta, life, speed = analysis.eta, analysis.life, analysis.throughput
    rows = []
    if life.started is not None:
        rows.append(("started", moment(life.started)))
        rows.append(("last line", moment(life.last_time)))
    if life.active_s is not None:
        rows.append(("time in training", duration(life.active_s)))
    if eta.remaining_s is not None and life.status != "finished":
        bounds = eta.bounds
        text = duration(eta.remaining_s) + (f" ({bounds})" if bounds else "")
        word = "time left" if life.status in {"running", "evaluating"} else "time left if resumed"
        rows.append((word, f"**{text}**, from {eta.source}"))
        if eta.log_eta_s is not None:
            rows.append(("the log's own estimate", duration(eta.log_eta_s)))
    if speed.iter_time_s is not None:
        waiting = ""
        if speed.data_share is not None:
            waiting = f", {share(speed.data_share)} of it waiting for data"
        rows.append(("one iteration", f"{duration(speed.iter_time_s)}{waiting}"))
    elif eta.remaining_s is None and eta.step_s is not None:
        unit = "epoch" if analysis.run.counts_epochs else "step"
        rows.append((f"one {unit}", f"{duration(eta.step_s)}, from {eta.source}"))
    if eta.eval_s is not None and eta.eval_s > 0:
        rows.append(("one evaluation", duration(eta.eval_s)))
    if eta.checkpoint_s is not None and eta.checkpoint_s >= 1:
        rows.append(("one checkpoint", duration(eta.checkpoint_s)))
    table = _table(("", ""), rows) if rows else []
    return _section("Time", [*table, *_figure(figures, "speed")])


def _findings(analysis: Analysis) -> str:
    lines: list[str] = []
    for finding in analysis.findings:
        lines += _finding(analysis, finding)
    return _section("Findings", lines or ["Nothing stood out."])


def _finding(analysis: Analysis, finding: Finding) -> list[str]:
    badge = _BADGES[str(finding.severity)]
    where = f" ({place(analysis.run, finding.step)})" if finding.step is not None else ""
    lines = [f"### {badge} {defused(finding.title)}{where}", "", defused(finding.explanation), ""]
    lines += [f"- {escaped(str(evidence))}" for evidence in finding.evidence]
    if finding.recommendation:
        lines += ["", f"**Do:** {defused(recommendation(analysis, finding, DISK))}"]
    return [*lines, ""]


def _memory(analysis: Analysis, figures: Mapping[str, str]) -> str:
    memory = analysis.memory
    if memory.peak_mib is None:
        return ""
    text = f"Peak {number(memory.peak_mib / 1024, 3)} GiB"
    if memory.limit_mib is not None:
        text += f" of {number(memory.limit_mib / 1024, 3)} GiB"
    if not memory.growing:
        text += "; it does not keep growing"
    return _section("Memory", [text + ".", *_figure(figures, "memory")])


def _gpus(analysis: Analysis, figures: Mapping[str, str]) -> str:
    header, rows, remarks = gpu_table(analysis)
    if not rows:
        return ""
    lines = [*_table(header, rows), "", *(f"- {remark}" for remark in remarks)]
    return _section("GPUs", [*lines, *_figure(figures, "gpu")])


def _not_judged(analysis: Analysis) -> str:
    gaps = dict.fromkeys((gap.what, gap.why) for gap in analysis.not_judged)
    return _section(
        "Not judged", [f"- **{defused(what)}**, because {defused(why)}." for what, why in gaps]
    )


def _plan(analysis: Analysis) -> str:
    run, life = analysis.run, analysis.life
    meta = run.meta
    steps = run.planned_steps
    planned = "unknown"
    if meta.planned_epochs:
        planned = f"{meta.planned_epochs} epochs"
        if steps and not run.counts_epochs:
            planned += f" ({steps:,} {step_noun(run)}s)"
    elif steps:
        planned = f"{steps:,} {step_noun(run)}s"
    rows = [("length", planned, extent(run))]
    interval = meta.val_interval
    evals = str(len(run.eval_log))
    every = f"every {interval:g} {meta.val_unit or 'epoch'}s" if interval else "unknown"
    rows.append(("evaluations", every.replace("every 1 epochs", "every epoch"), evals))
    schedule = analysis.learning_rate
    seen = ", ".join(
        f"{number(drop.before, 2)} → {number(drop.after, 2)} at {place(run, drop.step, drop.epoch)}"
        for drop in schedule.drops[:4]
    )
    if len(schedule.drops) > 4:
        seen += f" and {len(schedule.drops) - 4} more drops"
    now = f"now {number(schedule.now, 3)}" if schedule.now is not None else ""
    again = restarts_seen(run)
    back = ", ".join(place(run, step) for step in again[:4])
    back += f" and {len(again) - 4} times more" if len(again) > 4 else ""
    course = "; ".join(filter(None, (seen, back and f"restarted at {back}", now)))
    rows.append(("learning rate", schedule.schedule or "unknown", course))
    if meta.optimizer:
        rows.append(("optimizer", escaped(meta.optimizer), ""))
    segments = "none" if life.segments <= 1 else str(life.segments - 1)
    rows.append(("resumes", "", segments))
    for one in analysis.folds:
        metric = f"best {escaped(one.metric)}" if one.metric else ""
        known = f"{metric} {number(one.best)}" if one.best is not None else ""
        rows.append((f"fold {one.fold}", "", ", then ".join(filter(None, (known, one.lost)))))
    if analysis.earlier_runs and not analysis.folds:
        rows.append(("earlier launches in this log", "", f"{analysis.earlier_runs}, not judged"))
    return _section("Plan and course", _table(("", "planned", "so far"), rows))


def _footer(analysis: Analysis) -> str:
    run = analysis.run
    parts = [source_line(run.path), f"log format {run.meta.log_format or 'unknown'}"]
    if run.meta.framework:
        parts.append(escaped(run.meta.framework))
    if run.meta.gpu_name:
        parts.append(escaped(run.meta.gpu_name))
    parts.append(
        f"{plural(len(run.train_log), 'training record')}, "
        f"{plural(len(run.eval_log), 'evaluation')}"
    )
    parts += [escaped(note) for note in run.meta.notes]
    return "---\n\n" + "; ".join(parts) + "."
