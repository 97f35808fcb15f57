from __future__ import annotations

import json
import math
import pickle

import jsonschema
import numpy as np
import pytest

from copilot_analytics.analysis import Analysis
from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.looking_back import LookingBackAnalyzer
from copilot_analytics.engine import Session
from copilot_analytics.records import Block, Record
from copilot_analytics.report.document import json_schema, to_json
from copilot_analytics.report.figure_data import metric_figure
from copilot_analytics.report.looking_back import TimeThen, _said_time, compared, lines, tally
from copilot_analytics.report.markdown import render

EVERY, END = 100, 4000


def accuracy(step: int) -> float:
    return 0.9 - 0.5 * (step / 100) ** -0.5 + 0.002 * math.sin(step)


def made(
    until: int = END, *, planned: int | None = END, value=accuracy, stamped: bool = True
) -> list[Record]:
    """Return a run of half a second a step, and 8 s an evaluation."""
    records = [Record("config", facts={"planned_steps": planned} if planned else {})]
    now = 1000.0
    for step in range(20, until + 1, 20):
        now += 10.0
        line = len(records)
        time = now if stamped else None
        records.append(Record("train", step, time=time, metrics={"loss": 1.0}, line=line))
        if step % EVERY == 0:
            now += 8.0
            time = now if stamped else None
            metrics = {"accuracy": value(step)}
            records.append(Record("eval", step, time=time, metrics=metrics, line=line + 1))
    return records


def analysis_of(records: list[Record], *, over: bool = True) -> Analysis:
    session = Session()
    for record in records:
        session.update(record)
    session.close(silence_s=None if over else 1.0)
    return Analysis.of(session)


def test_a_finished_run_is_compared_at_four_places() -> None:
    analysis = analysis_of(made())
    rows = compared(analysis)
    assert [round(one.fraction, 1) for one in rows] == [0.1, 0.3, 0.5, 0.7]
    for one in rows:
        assert one.value is not None and one.gain is not None and one.time_left is not None
        assert one.value.actual == pytest.approx(accuracy(END))
        assert one.value.held == (one.value.low <= accuracy(END) <= one.value.high)
        left = (END - one.step) * 0.5 + (END - one.step) // EVERY * 8.0
        assert one.time_left.actual_s == pytest.approx(left, abs=8.0)
        assert one.time_left.said_s == pytest.approx(left, rel=0.02, abs=8.0)
    steps = [step for step in range(EVERY, END + 1, EVERY) if step > rows[0].step]
    best_then = max(accuracy(step) for step in range(EVERY, rows[0].step + 1, EVERY))
    assert rows[0].gain.came == (max(map(accuracy, steps)) - best_then >= rows[0].gain.delta)
    assert rows[0].gain.came


def test_what_was_said_then_is_shown_and_not_what_is_known_now() -> None:
    at = 1200
    before = analysis_of(made(at), over=False)
    row = next(one for one in compared(analysis_of(made())) if one.step == at)
    assert row.value is not None and before.forecast.final is not None
    assert row.value.median == before.forecast.final.median
    assert row.gain is not None and row.gain.probability == before.forecast.p_gain
    assert row.time_left is not None and row.time_left.said_s == before.eta.remaining_s


def test_a_wrong_forecast_is_called_missed() -> None:
    def collapses(step: int) -> float:
        return accuracy(step) if step <= 3000 else 0.2

    analysis = analysis_of(made(value=collapses))
    rows = compared(analysis)
    assert rows and all(one.value is not None and not one.value.held for one in rows)
    assert "**missed**" in render(analysis, {})
    assert f"value 0 of {len(rows)}" in tally(analysis)


def test_a_slow_down_makes_the_time_left_missed() -> None:
    records = made()
    slower = [
        record
        if record.time is None or (record.step or 0) <= 2900
        else Record(
            record.kind, record.step, None, 3.0 * record.time, record.metrics, {}, record.line
        )
        for record in records
    ]
    rows = compared(analysis_of(slower))
    assert [one.time_left.held for one in rows if one.time_left] == [False] * len(rows)


def test_a_running_run_compares_only_what_has_come() -> None:
    analysis = analysis_of(made(2400), over=False)
    rows = compared(analysis)
    assert rows
    assert all(one.value is None and one.time_left is None for one in rows)
    came = [one.gain.came for one in rows if one.gain]
    assert True in came and False not in came, "what may still come has not failed to"
    assert "yes" in "\n".join(lines(analysis))
    assert tally(analysis).startswith("Gains:") or not tally(analysis)


def test_without_a_plan_values_are_compared_where_their_horizon_was_reached() -> None:
    analysis = analysis_of(made(planned=None))
    rows = compared(analysis)
    assert "value (80 %)" in render(analysis, {}) and ") at step 2,400 |" in render(analysis, {})
    due = {one.step: one.value for one in rows}
    assert due
    for step, value in due.items():
        if value is not None:
            assert value.horizon_step <= END and step < value.horizon_step
            at = math.ceil(value.horizon_step / EVERY) * EVERY
            assert value.actual == pytest.approx(accuracy(at))
    assert any(value is not None for value in due.values())
    assert all(value is None for step, value in due.items() if 2 * step > END + EVERY)


def test_a_run_that_was_stopped_early_has_no_value_at_the_end() -> None:
    rows = compared(analysis_of([*made(2400), Record("crash", facts={"error": "killed"})]))
    assert all(one.value is None and one.time_left is None for one in rows)


def test_time_before_a_resume_is_not_compared() -> None:
    records = made()
    cut = next(i for i, r in enumerate(records) if r.step == 2000 and r.kind == "eval") + 1
    resumed = [*records[:cut], Record("resume", 2000, line=5000), *records[cut:]]
    rows = compared(analysis_of(resumed))
    assert [one.time_left is None for one in rows] == [one.step <= 2000 for one in rows]
    assert all(one.value is not None for one in rows)


def test_without_time_stamps_the_columns_of_time_are_left_out() -> None:
    text = "\n".join(lines(analysis_of(made(stamped=False))))
    assert "value by the end" in text and "took" not in text


def test_nothing_to_compare_says_nothing() -> None:
    analysis = analysis_of(made(60), over=False)
    assert compared(analysis) == () and lines(analysis) == []
    assert "What was forecast on the way" not in render(analysis, {})


def test_the_document_holds_it_by_its_schema() -> None:
    found = json.loads(to_json(analysis_of(made())))
    jsonschema.validate(found, json_schema())
    assert len(found["looking_back"]) == 4
    assert set(found["looking_back"][0]["gain"]) == {
        "probability", "delta", "horizon_step", "came",
    }  # fmt: skip
    wrong = json.loads(json.dumps(found))
    wrong["looking_back"][0]["gain"]["came"] = "yes"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json_schema())


def test_the_figure_shows_forecasts_where_they_were_made() -> None:
    analysis = analysis_of(made())
    figure = metric_figure(analysis)
    assert figure is not None
    rows = compared(analysis)
    assert [past[0] for past in figure.past] == [one.step for one in rows]
    assert all(low <= median <= high for _, low, median, high in figure.past)


def test_what_is_kept_is_bounded_and_even() -> None:
    records = [Record("config", facts={"planned_steps": 200_000})]
    records += [
        Record("eval", step, time=float(step), metrics={"accuracy": 0.5}, line=step)
        for step in range(1, 1200)
    ]
    fold = Fold([LookingBackAnalyzer])
    for record in records:
        fold.update(record)
    said = fold.results.of(LookingBackAnalyzer).said
    assert 48 <= len(said) <= 128
    assert np.diff([one.step for one in said]).max() <= 0.05 * 1200
    assert said[0].step < 0.05 * 1200


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_blocks_of_any_size_keep_the_same(size: int) -> None:
    step = np.arange(10, 5010, 10)
    block = Block(
        step, np.full(500, np.nan), step * 0.5, np.arange(500), {"loss": np.full(500, 1.0)}
    )

    def kept(pieces: list[Block]) -> object:
        fold = Fold([LookingBackAnalyzer])
        fold.update(Record("config", facts={"planned_steps": 8000}))
        for i, piece in enumerate(pieces):
            if i == len(pieces) // 2:
                fold = pickle.loads(pickle.dumps(fold))  # noqa: S301  # our own
            fold.update(piece)
        return fold.results.of(LookingBackAnalyzer)

    assert kept([block[i : i + size] for i in range(0, 500, size)]) == kept([block])


def test_a_run_without_a_plan_is_told_its_pace() -> None:
    text = render(analysis_of(made(2400, planned=None), over=False), {})
    assert "| one step | 0.5 s, from time stamps |" in text and "time left" not in text


def test_an_interval_of_time_that_rounds_to_its_middle_is_left_out() -> None:
    assert _said_time(TimeThen(1800.0, 1799.0, 1801.0, 0.8, 1800.0, True)) == "30 min"
    wide = TimeThen(1800.0, 1500.0, 2100.0, 0.8, 1800.0, True)
    assert _said_time(wide) == "30 min (25 min – 35 min)"
