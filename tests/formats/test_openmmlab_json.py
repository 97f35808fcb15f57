"""JSON logs of MMEngine and MMCV: what their samples do not show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openmmlab_logs import dumped, in_epoch, kinds, records, result_at
from statements import read_text

from copilot_analytics.formats._epoch_length import EpochLength
from copilot_analytics.formats.mmcv_json import FORMAT as MMCV_JSON
from copilot_analytics.formats.mmengine_json import FORMAT as MMENGINE_JSON
from copilot_analytics.records import Block, Record, records_of
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.records import Item


def _train(step: int, epoch: int | None = None) -> dict[str, Any]:
    place = {"step": step} if epoch is None else {"epoch": epoch, "step": step}
    return {"lr": 0.1, "data_time": 0.0, "loss": 1.0, "time": 0.1, **place}


@given(
    per_epoch=st.integers(1, 300),
    interval=st.integers(1, 60),
    epochs=st.integers(1, 12),
    repeats=st.booleans(),
)
def test_the_length_of_an_epoch_is_a_true_bound(
    per_epoch: int, interval: int, epochs: int, *, repeats: bool
) -> None:
    """Lines at the same iterations of every epoch tell more than lines at regular steps."""
    within = np.arange(interval, per_epoch + 1, interval, dtype=float)
    within = within if len(within) else np.array([float(per_epoch)])
    steps = (np.arange(epochs)[:, None] * per_epoch + within).ravel()
    if not repeats:
        steps = np.arange(interval, per_epoch * epochs + interval, interval, dtype=float)
    epoch = np.ceil(steps / per_epoch)
    length = EpochLength()
    progress = length.of_global(epoch, steps)
    assert length.low <= per_epoch
    known = ~np.isnan(progress)
    assert np.all(progress[known] >= epoch[known] - 1)
    assert np.all(progress[known] <= epoch[known])
    if not repeats:
        return
    np.testing.assert_allclose(progress[known], (steps / per_epoch)[known])
    if epochs > 1:
        assert length.length == per_epoch
    if epochs > 2:
        assert length.exact
    if length.exact:
        assert length.length == per_epoch


def test_lines_repeat_at_the_same_iterations_of_every_epoch() -> None:
    steps = [e * 38 + k for e in range(4) for k in (10, 20, 30)]
    lines = [_train(step, (step - 1) // 38 + 1) for step in steps]
    for epoch in (4, 3, 2, 1):
        lines.insert(epoch * 3, result_at(epoch))
    found = records(MMENGINE_JSON, *dumped(lines))
    assert [r.step for r in kinds(found, "eval")] == [30, 76, 114, 152]
    plan = kinds(found, "config")[-1].facts
    assert plan == {"steps_per_epoch": 38, "steps_per_epoch_exact": True}


def _records_of(said: Block | Iterable[Item]) -> list[Record]:
    return [*records_of([said] if isinstance(said, Block) else said)]


@given(cut=st.integers(1, 59), seed=st.integers(0, 20))
def test_json_blocks_mean_their_rows(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    per_epoch = int(rng.integers(3, 12))
    count = np.arange(60)
    numbers = count + 1
    for log_format, place in (
        (MMCV_JSON, {"epoch": count // per_epoch + 1, "iter": count % per_epoch + 1}),
        (MMCV_JSON, {"epoch": count // per_epoch + 1, "iter": count + 1}),
        (MMCV_JSON, {"epoch": count % 30 // per_epoch + 1, "iter": count % 30 % per_epoch + 1}),
        (MMENGINE_JSON, {"epoch": count // per_epoch + 1, "step": count + 1}),
        (MMENGINE_JSON, {"epoch": count * 3 // 8 + 1, "step": count * 3 + 3}),
    ):
        columns = {name: np.asarray(column, dtype=float) for name, column in place.items()}
        whole = log_format.parser("")
        parts = log_format.parser("")
        together = _records_of(whole.block(columns, numbers))
        apart = [
            record
            for rows in (slice(0, cut), slice(cut, None))
            for record in _records_of(
                parts.block({name: column[rows] for name, column in columns.items()}, numbers[rows])
            )
        ]
        assert repr(together) == repr(apart)
        assert repr(list(whole.close())) == repr(list(parts.close()))


def test_the_step_of_a_result_is_an_epoch_or_an_iteration() -> None:
    by_epoch = [
        _train(4, 1),
        _train(8, 1),
        result_at(1),
        _train(12, 2),
        _train(16, 2),
        result_at(2),
    ]
    by_step = [_train(50), result_at(50), _train(100), result_at(100)]
    epochs_with_steps = [_train(8, 1), _train(16, 2), result_at(16)]
    without = [_train(50), result_at(0)]
    for lines, expected in (
        (by_epoch, [(8, 1.0), (16, 2.0)]),
        (by_step, [(50, None), (100, None)]),
        (epochs_with_steps, [(16, 2.0)]),
        (without, [(50, None)]),
    ):
        found = kinds(records(MMENGINE_JSON, *dumped(lines)), "eval")
        assert [(r.step, r.epoch) for r in found] == expected


def test_an_evaluation_may_report_a_loss() -> None:
    found = records(MMENGINE_JSON, *dumped([_train(5, 1), {**result_at(1), "loss": 0.5}]))
    assert [r.kind for r in found] == ["train", "config", "eval"]
    assert found[-1].metrics["loss"] == 0.5


def test_iterations_count_from_the_epoch_or_from_the_start() -> None:
    inner = [in_epoch(1, 50), in_epoch(1, 100), in_epoch(2, 50)]
    onward = [in_epoch(1, 50), in_epoch(1, 100), in_epoch(2, 150)]
    for lines in (inner, onward):
        found = kinds(records(MMCV_JSON, *dumped(lines)), "train")
        assert [r.step for r in found] == [50, 100, 150]


def test_the_configuration_tells_from_where_iterations_count() -> None:
    header = {
        "config": "runner = dict(type='IterBasedRunner', max_iters=400)\n"
        "evaluation = dict(interval=100)\nlog_config = dict(interval=50)\n"
    }
    lines = [
        header,
        in_epoch(3, 50),
        in_epoch(3, 100),
        in_epoch(3, 7, "val"),
        in_epoch(4, 150),
    ]
    found = records(MMCV_JSON, *dumped(lines))
    assert [r.step for r in kinds(found, "train")] == [50, 100, 150]
    assert [(r.step, r.epoch) for r in kinds(found, "eval")] == [(100, None)]
    assert kinds(found, "config")[0].facts["planned_steps"] == 400


@pytest.mark.parametrize(("version", "length"), [("1.3.3", 120), ("1.7.0", 100)])
def test_old_versions_print_the_length_of_the_epoch(version: str, length: int) -> None:
    header = {"env_info": f"MMCV: {version}", "config": "total_epochs = 3\n"}
    lines = [
        header,
        in_epoch(1, 50),
        in_epoch(1, 100),
        in_epoch(1, 120, "val"),
        in_epoch(2, 50),
    ]
    found = records(MMCV_JSON, *dumped(lines))
    assert [r.step for r in kinds(found, "eval")] == [length]
    assert kinds(found, "train")[-1].step == length + 50


def test_launches_appended_to_one_file_begin_anew() -> None:
    first = [in_epoch(1, 50), in_epoch(1, 100), in_epoch(2, 50)]
    second = [in_epoch(1, 20), in_epoch(2, 20)]
    found = kinds(records(MMCV_JSON, *dumped([*first, *second])), "train")
    assert [r.step for r in found] == [50, 100, 150, 20, 40]


def test_copies_and_texts_are_no_metrics() -> None:
    line = {
        **in_epoch(1, 5, "val"),
        "mAP": 0.5,
        "mAP_copypaste": "0.5 0.1",
        "ok": True,
        "n": None,
    }
    (found,) = kinds(records(MMCV_JSON, json.dumps(line)), "eval")
    assert dict(found.metrics) == {"lr": 0.1, "loss": 1.0, "mAP": 0.5}


VALUES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.integers(0, 3)
    | st.just(10**400)
    | st.sampled_from(["train", "val", "x", "MMCV: 1.3.0", "a = dict(", [0.1, 0.2], {"g": [0.1]}])
)


KEYS = st.sampled_from(
    ["mode", "epoch", "iter", "step", "lr", "loss", "time", "data_time", "acc", "env_info",
     "config", "seed", "exp_name", "CLASSES"]
)  # fmt: skip


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=8))
def test_any_json_is_taken(lines: list[dict[str, Any]]) -> None:
    for log_format, fixed in (
        (MMENGINE_JSON, {"lr": 0.1, "step": 1}),
        (MMCV_JSON, {"mode": "train", "epoch": 1, "iter": 1}),
        (MMCV_JSON, {"mode": "val"}),
    ):
        text = dumped([*lines, *({**fixed, **line} for line in lines)])
        Run.from_records(read_text(log_format, "\n".join(text)))
        assert 0 <= log_format.confidence(text) <= 1
