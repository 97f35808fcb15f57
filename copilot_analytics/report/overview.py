"""One figure of a run for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.analysis import Analysis
from copilot_analytics.engine import Session
from copilot_analytics.report.figure_data import loss_figure, metric_figure
from copilot_analytics.report.figures import draw_loss, draw_metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from copilot_analytics.run import Run


def draw_overview(run: Run) -> Figure:
    """Draw a run that has not been analysed yet."""
    session = Session(path=run.path)
    for item in run.items():
        session.update(item)
    return draw_analysis(Analysis.of(session))


def draw_analysis(analysis: Analysis) -> Figure:
    """Draw the loss if there is one, else the main metric."""
    loss = loss_figure(analysis)
    metric = metric_figure(analysis)
    if loss.loss is None and metric is not None:
        return draw_metric(metric)
    return draw_loss(loss)
