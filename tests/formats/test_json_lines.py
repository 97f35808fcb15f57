"""JSON lines and texts with objects in them: what the samples of the formats do not show."""

from __future__ import annotations

import json
import math

import pytest
from statements import read_text

from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.formats.deit_json import FORMAT as DEIT
from copilot_analytics.formats.llamafactory_jsonl import FORMAT as LLAMA
from copilot_analytics.formats.plain_jsonl import FORMAT as PLAIN
from copilot_analytics.formats.slowfast_json import FORMAT as SLOWFAST
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block, records_of
from copilot_analytics.run import Run


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def run_of(text: str) -> Run:
    reader = LogReader("log")
    return Run.from_records([*reader.feed(text.encode()), *reader.close()])


def test_an_epoch_with_a_fraction_is_progress():
    text = lines(*({"step": n * 10, "epoch": n / 4, "loss": 1 / n} for n in range(1, 9)))
    records = [r for r in records_of(read_text(PLAIN, text)) if r.kind == "train"]
    assert [r.epoch for r in records] == [n / 4 for n in range(1, 9)]
    assert repr([*records_of(_in_one(text))]) == repr([*records_of(read_text(PLAIN, text))])


def test_an_epoch_that_is_not_finite_is_no_fraction():
    text = lines(*({"epoch": n, "loss": 0.5} for n in (1, math.nan, math.inf, 4)))
    records = [r for r in records_of(read_text(PLAIN, text)) if r.kind == "train"]
    assert [records[place].step for place in (0, 3)] == [1, 4]
    assert records[1].epoch is None


def test_a_few_rows_settle_the_format():
    """A watch says nothing of a log before, and an epoch may take an hour."""
    reader = LogReader("log")
    reader.feed(lines(*({"epoch": n, "train_loss": 1 / n} for n in range(1, 8))).encode())
    assert reader.detection is not None and reader.detection.format == "plain_jsonl"


def _in_one(text: str):
    reader = LogReader("", "plain_jsonl")
    items = [*reader.feed(text.encode()), *reader.close()]
    return [item for item in items if isinstance(item, Block) or "log_format" not in item.facts]


@pytest.mark.parametrize(
    "rows",
    [
        [{"level": "info", "step": 3, "loss": 0.5, "msg": "x"}] * 4,
        [{"timestamp": 1.7e9, "status": 200, "step": 1, "latency": 0.5}] * 4,
        [{"step": 1, "count": 5, "name": "copy"}, {"step": 2, "count": 6, "name": "paste"}],
        [{"epoch": 1_700_000_000, "loss": 0.5}] * 3,
        [{"question": "a", "accuracy": 1}] * 5,
    ],
)
def test_objects_of_servers_and_data_sets_are_no_training(rows):
    assert PLAIN.confidence(lines(*rows).splitlines()) == 0.0


def test_history_of_weights_and_biases_is_read():
    rows = [
        {"_step": n, "_timestamp": 1.7e9 + n, "_runtime": n, "train": {"loss": 2.0 / n},
         "grads": {"_type": "histogram", "values": [1, 2]}}
        for n in range(1, 4)
    ]  # fmt: skip
    run = run_of(lines(*rows))
    assert run.train_series("loss").value.tolist() == [2.0, 1.0, 2.0 / 3]
    assert run.train_series("loss").time.tolist() == [1.7e9 + n for n in range(1, 4)]
    assert run.train_log.metric_names == ("loss",)


def test_two_ranks_that_log_each_step_count_once():
    rows = [
        {"current_steps": n, "total_steps": 30, "loss": loss, "lr": 0.1, "percentage": n / 0.3,
         "epoch": n / 30, "elapsed_time": "0:00:10", "remaining_time": "0:00:20"}
        for n in (10, 20, 30) for loss in (1.0, 1.5)
    ]  # fmt: skip
    run = run_of(lines(*rows))
    assert run.train_series("loss").step.tolist() == [10, 20, 30]
    assert run.planned_steps == 30
    assert LLAMA.confidence(lines(*rows).splitlines()) == 1.0


def test_results_of_coco_on_an_averaged_model_have_names_of_their_own():
    row = {"train_lr": 0.1, "train_loss": 5.0, "epoch": 0, "n_parameters": 3}
    row |= {"test_coco_eval_bbox": [0.25] * 12, "ema_test_coco_eval_bbox": [0.5] * 12}
    row |= {"test_coco_eval_masks": [0.125] * 12, "now_time": "2022-01-01", "ids": [1, 2]}
    [result] = [r for r in records_of(read_text(DEIT, lines(row))) if r.kind == "eval"]
    assert result.facts["split"] == "val"
    assert result.metrics["ema_test_bbox_AP"] == 0.5
    assert result.metrics["test_segm_AP50"] == 0.125
    assert len(result.metrics) == 36


def test_slowfast_counts_iterations_where_it_logs_them():
    text = (
        'json_stats: {"_type": "train_iter", "epoch": "1/2", "iter": "10/20", "loss": 2.0}\n'
        'json_stats: {"_type": "train_iter", "epoch": "1/2", "iter": "20/20", "loss": 1.5}\n'
        'json_stats: {"_type": "train_epoch", "epoch": "1/2", "loss": 1.75, "lr": 0.5}\n'
        'json_stats: {"_type": "val_epoch", "epoch": "1/2", "top1_err": 40.0}\n'
        'json_stats: {"_type": "test_final", "split": "test_final", "top1_acc": "61.50"}\n'
    )
    records = list(records_of(read_text(SLOWFAST, text)))
    assert [(r.kind, r.step) for r in records if r.kind in {"train", "eval"}][:3] == [
        ("train", 10), ("train", 20), ("train", 20),
    ]  # fmt: skip
    assert records[-1].facts["split"] == "test"
    assert records[-1].metrics == {"top1_acc": 61.5}


def test_a_history_of_lists_is_read_on_one_line_too():
    history = {"loss": [3.0, 2.0, 1.5, 1.0], "val_acc": [0.25, 0.5], "lr": [0.1] * 4}
    run = run_of(json.dumps(history))
    assert run.meta.log_format == "plain_json"
    assert run.train_series("loss").value.tolist() == [3.0, 2.0, 1.5, 1.0]
    assert run.eval_series("val_acc").step.tolist() == [2, 4]
    assert run.counts_epochs


def test_rows_with_lists_in_them_are_lines():
    rows = [{"epoch": n, "loss": 1.0 / n, "all_losses": [1.0, 2.0]} for n in range(1, 4)]
    assert run_of(lines(*rows)).meta.log_format == "plain_jsonl"
    assert run_of(json.dumps(rows)).meta.log_format == "plain_json"
    assert run_of(json.dumps(rows)).train_series("loss").step.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("best", "metric", "direction"),
    [(0.5, "eval_f1", "max"), (1.25, "eval_loss", "min"), (9.0, None, None), (None, None, None)],
)
def test_the_best_metric_of_a_trainer_tells_what_chooses(best, metric, direction):
    history = [
        {"step": 10 * n, "epoch": n, "eval_loss": loss, "eval_f1": f1}
        for n, (loss, f1) in enumerate([(2.0, 0.25), (1.25, 0.5), (1.5, 0.375)], 1)
    ]
    text = json.dumps({"best_metric": best, "log_history": history, "max_steps": 30}, indent=1)
    meta = run_of(text).meta
    assert (meta.save_best, meta.save_best_direction) == (metric, direction)


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e6, 1e9])
def test_time_stamps_count_seconds_or_parts_of_them(unit):
    text = lines(
        *(
            {"timestamp": int((1.7e9 + 60 * n) * unit), "step": n, "loss": 1 / n}
            for n in range(1, 9)
        )
    )
    run = run_of(text)
    assert run.train_log.time.tolist() == pytest.approx([1.7e9 + 60 * n for n in range(1, 9)])
    assert run_of(text.replace("17000", "17000" + "0" * 20)).last_time is None


def test_rows_of_a_service_with_a_level_are_a_training_if_they_tell_a_loss():
    rows = [{"level": "debug", "step": n, "loss": 1 / n} for n in range(1, 10)]
    assert PLAIN.confidence(lines(*rows).splitlines()) > 0.95
    served = [{"level": "info", "step": n, "latency": 0.5} for n in range(1, 10)]
    assert PLAIN.confidence(lines(*served).splitlines()) == 0.0


def test_rows_may_stand_among_other_lines():
    text = "".join(
        f"noise {n}\n{lines({'event': 'fit', 'step': n, 'loss': 1 / n})}more noise\n"
        for n in range(1, 12)
    )
    assert run_of(text).train_series("loss").value.tolist() == [1 / n for n in range(1, 12)]
    assert PLAIN.confidence(["noise"] * 99 + lines({"step": 1, "loss": 0.5}).splitlines()) == 0.0


def test_a_detector_is_judged_by_its_average_precision_whatever_row_tells_it():
    rows = [
        {"epoch": n, "loss": 1 / n, **({"mAP50": n / 10} if n % 2 else {})} for n in range(1, 9)
    ]
    assert run_of(lines(*rows)).eval_series("mAP50").value.tolist() == [0.1, 0.3, 0.5, 0.7]


def test_an_epoch_of_slowfast_has_no_time_of_an_iteration_however_its_kind_is_called():
    row = {"_type": "train_epoch_ssl", "dt": 0.5, "dt_data": 0.25, "epoch": "1/9", "loss": 2.5}
    (record,) = [
        r
        for r in records_of(read_text(SLOWFAST, f"json_stats: {json.dumps(row)}"))
        if r.kind == "train"
    ]
    assert dict(record.metrics) == {"loss": 2.5}


def test_evaluations_of_an_agent_are_a_training_by_their_rewards():
    run = run_of(
        lines(
            *(
                {
                    "episode": 40.0 * n,
                    "mean_episode_reward": 50.5 * n,
                    "eval_time": 3.5,
                    "step": 9000 * n,
                }
                for n in range(9)
            )
        )
    )
    assert run.eval_series("mean_episode_reward").step.tolist() == [9000 * n for n in range(9)]
    assert not run.loss_names


@pytest.mark.parametrize("epochs", [1, 2])
def test_rounds_that_count_their_epochs_anew_go_on(epochs):
    rows = [
        {"round": n, "epoch": e, "train_loss": 1 / (n * 10 + e)}
        for n in range(1, 7)
        for e in range(1, epochs + 1)
    ]
    run = run_of(lines(*rows))
    assert run.train_series("loss").step.tolist() == list(range(1, 6 * epochs + 1))
    assert not run.counts_epochs


def test_an_evaluation_of_a_round_stands_where_its_training_does():
    rows = []
    for n in range(5, 9):
        rows += [{"round": n, "epoch": 1, "train_loss": 1 / n}]
        rows += [{"round": n, "epoch": 1, "val_loss": 2 / n}]
    run = run_of(lines(*rows))
    assert run.train_series("loss").step.tolist() == [5, 6, 7, 8]
    assert run.eval_series("val_loss").step.tolist() == [5, 6, 7, 8]


def test_rounds_are_placed_the_same_whatever_the_pieces():
    text = lines(*({"round": n // 3, "epoch": n % 3, "loss": 1 / (n + 1)} for n in range(12)))
    assert repr([*records_of(_in_one(text))]) == repr([*records_of(read_text(PLAIN, text))])


def test_steps_of_a_prediction_are_no_training() -> None:
    row = (
        '{{"current_steps": {}, "total_steps": 60, "percentage": 50.0, '
        '"elapsed_time": "0:00:05", "remaining_time": "0:00:05"}}\n'
    )
    with pytest.raises(NotATrainingLogError, match="holds no training"):
        run_of("".join(row.format(step) for step in range(5, 61, 5)))


def test_what_the_trainer_sums_up_is_no_loss_of_a_step() -> None:
    rows = "".join(f'{{"step": {s}, "loss": {8 / s}, "epoch": {s / 20}}}\n' for s in (4, 8, 12))
    summary = '{"step": 12, "train_runtime": 9.5, "train_loss": 1.5, "epoch": 0.6}\n'
    records = [r for item in read_text(PLAIN, rows + summary) for r in records_of([item])]
    assert [r.metrics["loss"] for r in records if r.kind == "train"] == [2.0, 1.0, 8 / 12]
    assert [r.kind for r in records][-1] == "end"
