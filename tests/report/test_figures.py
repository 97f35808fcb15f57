"""Figure data is right, and every figure can be drawn at any size."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_runs import make_analysis, make_run
from matplotlib.backends.backend_agg import FigureCanvasAgg

from copilot_analytics import analyze
from copilot_analytics.analyzers.metric import Tie
from copilot_analytics.records import Record
from copilot_analytics.report.figure_data import (
    MAX_POINTS,
    loss_figure,
    memory_figure,
    metric_figure,
    speed_figure,
    thin_curve,
)
from copilot_analytics.report.figures import draw_loss, draw_metric, draw_series, to_png
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    from copilot_analytics.analysis import Analysis


any_float = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(arrays(np.float64, st.integers(0, 3000), elements=any_float))
def test_thinning_keeps_the_envelope(y: np.ndarray) -> None:
    curve = thin_curve(np.arange(len(y), dtype=float), y, "y")
    finite = y[np.isfinite(y)]
    assert len(curve.x) <= MAX_POINTS
    if len(finite):
        assert curve.low.min() == finite.min()
        assert curve.high.max() == finite.max()
        assert (curve.low <= curve.high).all()
        assert np.isfinite(curve.mid).all()


def test_x_axis_is_epochs_once_two_are_done() -> None:
    assert loss_figure(make_analysis(make_run(100, epochs_done=4))).x_label == "epoch"
    assert loss_figure(make_analysis(make_run(100, epochs_done=1))).x_label == "step"


def test_a_spike_does_not_flatten_the_course() -> None:
    run = make_run(400)
    run.append(Record("train", step=8010, epoch=16.02, metrics={"loss": 1e6}, line=999))
    figure = loss_figure(make_analysis(run))
    assert figure.y_limits is not None
    assert figure.y_limits[1] < 10
    assert figure.loss is not None
    assert figure.loss.high.max() == 1e6  # still there, drawn as out of range


def test_not_finite_loss_is_marked_where_it_begins() -> None:
    run = make_run(400)
    run.append(Record("train", step=8010, metrics={"loss": float("nan")}, line=999))
    marks = {mark.kind: mark.x for mark in loss_figure(make_analysis(run)).marks}
    assert marks["nan"] == pytest.approx(8010 / 500)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("loss", "val_loss"), ["training loss", "val_loss"]),
        (("train_loss", "Val Loss"), ["train_loss", "Val Loss"]),
    ],
)
def test_a_legend_names_each_split_once(
    names: tuple[str, str], labels: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "run.log"
    train, val = names
    rows = (f"Epoch {n}/40 | {train}: {1 / n:.4f} | {val}: {2 / n:.4f}\n" for n in range(1, 30))
    log.write_text("".join(rows))
    figure = loss_figure(analyze(log))
    assert [figure.loss.label, figure.validation.label] == labels


def test_metric_figure_shows_best_ties_fan_and_end(analysis: Analysis) -> None:
    figure = metric_figure(analysis)
    assert figure is not None
    assert figure.best == (analysis.metric.best_step / 500, analysis.metric.best)
    assert figure.end == 24
    assert figure.drop == 22
    assert figure.fan.shape == (5, 8)
    assert figure.fan_x[-1] == 24
    assert len(figure.x) == 16


def test_without_a_metric_there_is_no_metric_figure(analysis: Analysis) -> None:
    bare = dataclasses.replace(analysis, metric=type(analysis.metric)())
    assert metric_figure(bare) is None


@pytest.mark.parametrize(("rows", "epochs"), [(1, 1), (2, 1), (24, 3), (80, 16), (80_000, 16)])
def test_figures_draw_at_any_size_without_warnings(rows: int, epochs: int) -> None:
    analysis = make_analysis(make_run(rows, epochs_done=epochs))
    metric, speed = metric_figure(analysis), speed_figure(analysis.run)
    memory = memory_figure(analysis)
    assert metric is not None
    assert speed is not None
    assert memory is not None
    for figure in (
        draw_loss(loss_figure(analysis)),
        draw_metric(metric),
        draw_series(speed),
        draw_series(memory),
    ):
        stream = io.BytesIO()
        to_png(figure, stream)
        assert stream.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "losses",
    [
        [float("nan")] * 60,
        [float("inf"), 1.0, 2.0],
        [0.0] * 100,
        [1e300, -1e300] * 50,
        [-1.0, -2.0, -3.0] * 30,
        [1e-12 * k for k in range(1, 90)],
    ],
)
def test_strange_losses_are_drawn(losses: list[float]) -> None:
    records = [
        Record("train", step=k + 1, metrics={"loss": loss, "lr": 0.0}, line=k)
        for k, loss in enumerate(losses)
    ]
    analysis = make_analysis(make_run())
    strange = dataclasses.replace(analysis, run=Run.from_records(records))
    stream = io.BytesIO()
    to_png(draw_loss(loss_figure(strange)), stream)
    assert stream.getvalue().startswith(b"\x89PNG")


def test_labels_do_not_overlap(analysis: Analysis) -> None:
    figure = draw_loss(loss_figure(analysis))
    figure.draw_without_rendering()
    ax = figure.axes[0]
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in ax.texts if text.get_text()]
    (legend,) = figure.legends
    boxes.append(legend.get_window_extent(renderer))
    for i, box in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert not box.overlaps(other)


def test_a_wild_interval_does_not_flatten_the_metric(analysis: Analysis) -> None:
    tame = metric_figure(analysis)
    assert tame is not None
    wild = (float(tame.x[3]), 0.01, float(tame.value.max()), 60.0)
    low, high = draw_metric(dataclasses.replace(tame, past=(wild,))).axes[0].get_ylim()
    seen = np.concatenate([tame.value, tame.fan[2]])
    assert low < seen.min() and high > tame.fan.max(), "what is near is shown whole"
    assert high - low < 6 * np.ptp(seen)


@pytest.mark.parametrize("lowest", [2e-3, 1e-3, 1e-9])
def test_labels_of_the_learning_rate_do_not_overlap(analysis: Analysis, lowest: float) -> None:
    data = loss_figure(analysis)
    x = np.arange(60.0)
    rate = thin_curve(x, lowest + 0.05 * np.cos(x / 40.0) ** 2, "learning rate")
    figure = draw_loss(dataclasses.replace(data, rate=rate))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axis = figure.axes[1].yaxis
    low, high = figure.axes[1].get_ylim()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = [t.label1 for t in ticks if t.label1.get_text() and low <= t.get_loc() <= high]
    boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: box.y0)
    assert len(boxes) >= 2 and all(a.y1 < b.y0 for a, b in itertools.pairwise(boxes))


def test_a_legend_of_many_entries_is_not_cut_off(analysis: Analysis) -> None:
    data = metric_figure(analysis)
    assert data is not None and data.ties and data.fan.size
    figure = draw_metric(dataclasses.replace(data, past=((1000.0, 0.1, 0.2, 0.3),)))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert any(text.get_text().startswith("forecast of the end") for text in legend.get_texts())
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_the_same_analysis_gives_the_same_bytes(analysis: Analysis) -> None:
    def png() -> bytes:
        stream = io.BytesIO()
        to_png(draw_loss(loss_figure(analysis)), stream)
        return stream.getvalue()

    assert png() == png()


def test_names_in_chinese_are_drawn_without_warnings() -> None:
    records = [Record("train", step=k, metrics={"训练损失": 3 / k}, line=k) for k in range(1, 40)]
    drawn = dataclasses.replace(make_analysis(make_run()), run=Run.from_records(records))
    stream = io.BytesIO()
    to_png(draw_loss(loss_figure(drawn)), stream)
    assert stream.getvalue().startswith(b"\x89PNG")


def test_warm_restarts_are_marked_and_stand_in_plan_and_course() -> None:
    run = Run()
    run.append(Record("config", facts={"planned_epochs": 6, "steps_per_epoch": 100}))
    for step in range(10, 601, 10):
        rate = 0.05 * (1 + math.cos(math.pi * (step % 200) / 200)) + 1e-5
        metrics = {"loss": 1 + 100 / step, "lr": rate}
        run.append(Record("train", step, step / 100, metrics=metrics, line=step))
    analysis = analyze(run, journals=False)
    marks = [mark.x for mark in loss_figure(analysis).marks if mark.text == "LR restarts"]
    assert marks == [2.0, 4.0]  # not the last row, of which no cycle is seen
    assert "restarted at epoch 2, epoch 4; now 0.1" in analysis.to_markdown()


@pytest.mark.parametrize(("last", "is_log"), [(0.0, True), (1e-4, True), (0.5, False)])
def test_a_loss_that_spans_orders_of_magnitude_has_a_logarithmic_axis(
    last: float, is_log: bool
) -> None:
    run = Run()
    for step in range(1, 101):
        loss = round(max(3.0 * math.exp(-step / 8), last), 4)
        run.append(Record("train", step, metrics={"loss": loss}, line=step))
    figure = loss_figure(analyze(run, journals=False))
    assert figure.log_scale is is_log
    assert figure.y_limits is not None and (figure.y_limits[0] > 0 or not is_log)


def test_no_mark_of_a_tie_lies_on_another_or_on_the_best(analysis: Analysis) -> None:
    steps = [7000, 7010, 3000, 3100, 7500]
    ties = tuple(Tie(step, step / 500, 0.316, 0) for step in steps)
    main = dataclasses.replace(analysis.metric, ties=ties, best_step=7000)
    figure = metric_figure(dataclasses.replace(analysis, metric=main))
    assert figure is not None
    assert [x for x, _ in figure.ties] == [6.0, 15.0]
