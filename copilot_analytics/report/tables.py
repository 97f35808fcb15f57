"""The answers at a glance, as a table that an analyst can go on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.report.verdict import chance
from copilot_analytics.report.wording import extent, place
from copilot_analytics.wording import duration, number, share

if TYPE_CHECKING:
    import pandas as pd

    from copilot_analytics.analysis import Analysis


def summary_rows(analysis: Analysis) -> list[tuple[str, str, str]]:
    """Return question, answer and reason, in the order of a reader's interest."""
    run, metric, eta = analysis.run, analysis.metric, analysis.eta
    rows = [
        ("status", analysis.life.status, analysis.life.reason),
        ("progress", extent(run), ""),
        ("phase", analysis.phases.current.value, analysis.phases.reason),
    ]
    if metric.name is not None:
        best = f"{number(metric.best)} at {place(run, metric.best_step, metric.best_epoch)}"
        rows.append((f"best {metric.name}", best, metric.reason))
    if eta.remaining_s is not None and analysis.life.status != "finished":
        bounds = eta.bounds
        left = duration(eta.remaining_s) + (f" ({bounds})" if bounds else "")
        rows.append(("time left", left, eta.source))
    if analysis.forecast.final is not None:
        final = analysis.forecast.final
        bounds = f"{number(final.low)} – {number(final.high)}"
        span = f"{number(final.median)} ({share(final.level)}: {bounds})"
        rows.append(("final value", span, "; ".join(analysis.forecast.notes)))
        if analysis.forecast.p_gain is not None:
            rows.append(("P(gain)", share(analysis.forecast.p_gain), chance(analysis)))
    rows.append(("advice", analysis.stop.advice, analysis.stop.reason))
    rows += [(f"finding ({f.severity})", f.title, str(f.evidence[0])) for f in analysis.findings]
    rows += [("not judged", gap.what, gap.why) for gap in analysis.not_judged]
    return rows


def summary_frame(analysis: Analysis) -> pd.DataFrame:
    """Return the rows as a DataFrame with columns ``question``, ``answer`` and ``why``."""
    import pandas as pd

    return pd.DataFrame(summary_rows(analysis), columns=["question", "answer", "why"])
