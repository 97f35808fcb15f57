"""How runs and analyses show themselves in a notebook."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from copilot_analytics.report.tables import summary_rows
from copilot_analytics.report.verdict import verdict
from copilot_analytics.report.wording import extent
from copilot_analytics.wording import moment

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.run import Run

_ROWS_SHOWN = 5


def run_html(run: Run) -> str:
    """Return what a run shows of itself: what it is, and its newest rows."""
    meta = run.meta
    facts = [
        ("log", run.path),
        ("format", meta.log_format or "unknown"),
        ("progress", extent(run)),
        ("schedule", str(meta.schedule) if meta.schedule else "unknown"),
        ("from – to", f"{moment(run.first_time)} – {moment(run.last_time)}"),
    ]
    parts = [f"<b>{escape(meta.name or 'Run')}</b>", _html_table(facts)]
    for title, frame in (("train", run.train), ("eval", run.eval)):
        if len(frame):
            parts.append(f"<b>{title}</b>: {len(frame):,} rows, the last {_ROWS_SHOWN}:")
            parts.append(frame.tail(_ROWS_SHOWN).to_html(max_cols=14, index=False, border=0))
    return "\n".join(parts)


def analysis_html(analysis: Analysis) -> str:
    """Return what an analysis shows of itself: verdict, answers, overview figure."""
    from copilot_analytics.report.figures import to_png
    from copilot_analytics.report.overview import draw_analysis

    stream = io.BytesIO()
    to_png(draw_analysis(analysis), stream)
    picture = base64.b64encode(stream.getvalue()).decode("ascii")
    rows = [
        (question, f"{answer} – {why}" if why else answer)
        for question, answer, why in summary_rows(analysis)
    ]
    image = f'<img style="max-width:100%" src="data:image/png;base64,{picture}">'
    return f"<p>{escape(verdict(analysis))}</p>\n{_html_table(rows)}\n{image}"


def _html_table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><td style="text-align:left"><b>{escape(left)}</b></td>'
        f'<td style="text-align:left">{escape(right)}</td></tr>'
        for left, right in rows
    )
    return f"<table>{cells}</table>"
