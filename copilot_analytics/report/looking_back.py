"""Forecasts made on the way beside what came, so that a reader sees how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.analyzers.looking_back import LookingBack
from copilot_analytics.report.wording import place
from copilot_analytics.wording import duration, number, share

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.looking_back import Foretold
    from copilot_analytics.records import Floats, Ints

_FRACTIONS = (0.1, 0.3, 0.5, 0.7)
_NEAR = 0.02
_LEVEL = 0.8


@dataclass(frozen=True, slots=True)
class ValueThen:
    """The value forecast for a step, and the one that was measured there.

    Parameters
    ----------
    median, low, high, level
        What was said, in the metric's units.
    horizon_step
        Of which step.
    actual
        What was measured.
    held
        Whether the interval holds it.
    """

    median: float
    low: float
    high: float
    level: float
    horizon_step: int
    actual: float
    held: bool


@dataclass(frozen=True, slots=True)
class GainThen:
    """The chance of a gain, and whether it came.

    Parameters
    ----------
    probability, delta, horizon_step
        P(best improves by at least `delta` until `horizon_step`), as it was said.
    came
        Whether it did; None if it has not yet and still may.
    """

    probability: float
    delta: float
    horizon_step: int
    came: bool | None


@dataclass(frozen=True, slots=True)
class TimeThen:
    """The time left as it was said, and as it was.

    Parameters
    ----------
    said_s, low_s, high_s, level
        What was said, in seconds.
    actual_s
        How long it took.
    held
        Whether the interval holds it.
    """

    said_s: float
    low_s: float
    high_s: float
    level: float
    actual_s: float
    held: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """What was said at one place of the run beside what came; None where that cannot be compared.

    Parameters
    ----------
    step, epoch
        Where it was said.
    fraction
        That place as a share of the plan, or of what was done where there is none.
    metric
        The main metric, None if there is none.
    value, gain, time_left
        What was said and what came.
    """

    step: int
    epoch: float | None
    fraction: float
    metric: str | None
    value: ValueThen | None
    gain: GainThen | None
    time_left: TimeThen | None


def compared(analysis: Analysis) -> tuple[Compared, ...]:
    """Compare what was said at 10, 30, 50 and 70 % of the run with what came.

    A value is compared once the step is reached of which it was forecast, a time left once the run
    has finished where it was planned to, without a resume on the way. A gain that came has come
    whatever follows; one that did not is judged at its horizon.
    """
    run = analysis.run
    kept = analysis.others.get("looking_back")
    whole = planned_end(run) or run.last_step
    if not isinstance(kept, LookingBack) or whole <= 0:
        return ()
    rows: dict[int, Compared] = {}
    for fraction in _FRACTIONS:
        said = [one for one in kept.said if 0.5 * fraction < one.step / whole <= fraction]
        if said:
            row = _compare(analysis, said[-1], whole)
            if row.value or row.gain or row.time_left:
                rows[row.step] = row
    return tuple(rows.values())


def _compare(analysis: Analysis, said: Foretold, whole: int) -> Compared:
    run, metric = analysis.run, analysis.metric
    value = gain = None
    if said.metric is not None and said.metric == metric.name:
        series = judged_series(run, said.metric)
        value = _value(analysis, said, series.step, series.value)
        gain = _gain(analysis, said, series.step, series.value)
    return Compared(
        said.step,
        run.epoch_of(said.step),
        said.step / whole,
        metric.name,
        value,
        gain,
        _time_left(analysis, said),
    )


def _reached(analysis: Analysis, horizon: int) -> bool:
    """Tell whether a run ended at the step that was planned."""
    near = abs(analysis.run.last_step - horizon) <= _NEAR * horizon
    return near and analysis.life.status == "finished"


def _value(analysis: Analysis, said: Foretold, step: Ints, value: Floats) -> ValueThen | None:
    if said.final is None or said.horizon is None or not len(step):
        return None
    due = np.flatnonzero(step >= said.horizon)
    if len(due):
        actual = float(value[due[0]])
    elif said.end_known and _reached(analysis, said.horizon):
        actual = float(value[-1])
    else:
        return None
    final = said.final
    held = final.low <= actual <= final.high
    return ValueThen(final.median, final.low, final.high, final.level, said.horizon, actual, held)


def _gain(analysis: Analysis, said: Foretold, step: Ints, value: Floats) -> GainThen | None:
    if said.p_gain is None or said.best is None or said.horizon is None or said.seen_step is None:
        return None
    later = value[(step > said.seen_step) & (step <= said.horizon)]
    sign = 1.0 if analysis.metric.direction == "max" else -1.0
    came: bool | None = bool(len(later)) and bool(np.max(sign * (later - said.best)) >= said.delta)
    over = bool(len(step)) and (
        bool(step[-1] >= said.horizon) or (said.end_known and _reached(analysis, said.horizon))
    )
    if not came and not over:
        if not len(later):
            return None
        came = None
    return GainThen(said.p_gain, said.delta, said.horizon, came)


def _time_left(analysis: Analysis, said: Foretold) -> TimeThen | None:
    run = analysis.run
    log = run.train_log if len(run.train_log) else run.eval_log
    known = said.remaining_s is not None and said.planned is not None and said.time is not None
    if not known or not len(log) or log.segment[-1] != said.segment:
        return None
    if not _reached(analysis, said.planned or 0):
        return None
    logs = (part for part in (run.train_log, run.eval_log) if len(part))
    ends = [run.clock.steadied(part.time[-1:], part.line[-1:])[0] for part in logs]
    actual = float(np.nanmax(ends)) - (said.time or 0.0) if np.isfinite(ends).any() else -1.0
    if actual < 0 or said.remaining_s is None:
        return None
    low, high = said.low_s or 0.0, said.high_s or 0.0
    return TimeThen(said.remaining_s, low, high, _LEVEL, actual, low <= actual <= high)


def rows_in_words(analysis: Analysis) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of a table for readers; columns that would be empty are left out."""
    found, run = compared(analysis), analysis.run
    end = planned_end(run)
    values = [_said_value(one.value) for one in found]
    title = "value by the end (80 %)"
    if any(one.value and one.value.horizon_step != end for one in found):
        title = "value (80 %)"
        values = [
            f"{text} at {place(run, one.value.horizon_step)}" if one.value else ""
            for text, one in zip(values, found, strict=True)
        ]
    columns = [
        ("as of", [place(run, one.step, one.epoch) for one in found]),
        (title, values),
        ("came", [_came_value(one.value) for one in found]),
        (f"P(gain ≥ {analysis.metric.delta_text})", [_said_gain(one.gain) for one in found]),
        ("gained", [_came_gain(one.gain) for one in found]),
        ("time left, said (80 %)", [_said_time(one.time_left) for one in found]),
        ("took", [_came_time(one.time_left) for one in found]),
    ]
    shown = [(title, cells) for title, cells in columns if any(cells)]
    titles = tuple(title for title, _ in shown)
    return titles, list(zip(*([cell or "–" for cell in cells] for _, cells in shown), strict=True))


def tally(analysis: Analysis) -> str:
    """Sum up how often intervals held and gains came; empty if nothing was compared."""
    found = compared(analysis)
    values = [one.value.held for one in found if one.value]
    times = [one.time_left.held for one in found if one.time_left]
    gains = [one.gain for one in found if one.gain and one.gain.came is not None]
    text = []
    held = [
        f"{what} {sum(part)} of {len(part)}"
        for what, part in (("value", values), ("time left", times))
        if part
    ]
    if held:
        text.append(f"80 % intervals that held: {', '.join(held)}.")
    if gains:
        expected = number(sum(one.probability for one in gains), 2)
        text.append(f"Gains: {expected} expected, {sum(bool(one.came) for one in gains)} came.")
    return " ".join(text)


def lines(analysis: Analysis) -> list[str]:
    """Return the table as plain text, aligned, with the tally below; empty if nothing compares."""
    header, rows = rows_in_words(analysis)
    if not rows:
        return []
    table = [header, *([cell.replace("*", "") for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    text = ["", "What was forecast on the way, beside what came:"]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        text.append(f"  {'  '.join(cells)}".rstrip())
    return [*text, tally(analysis)]


def _held(held: bool) -> str:
    return "held" if held else "**missed**"


def _said_value(one: ValueThen | None) -> str:
    return "" if one is None else f"{number(one.median)} ({number(one.low)} – {number(one.high)})"


def _came_value(one: ValueThen | None) -> str:
    return "" if one is None else f"{number(one.actual)}, {_held(one.held)}"


def _said_gain(one: GainThen | None) -> str:
    return "" if one is None else share(one.probability)


def _came_gain(one: GainThen | None) -> str:
    if one is None:
        return ""
    return {True: "yes", False: "no", None: "not yet"}[one.came]


def _said_time(one: TimeThen | None) -> str:
    if one is None:
        return ""
    said, low, high = map(duration, (one.said_s, one.low_s, one.high_s))
    return said if said == low == high else f"{said} ({low} – {high})"


def _came_time(one: TimeThen | None) -> str:
    return "" if one is None else f"{duration(one.actual_s)}, {_held(one.held)}"
