"""JSON documents of home-made scripts: every arrangement of a history, and what is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from log_texts import records_in

from copilot_analytics import analyze
from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from copilot_analytics.records import Record

LOSS, VAL, ACC = [2.5, 1.5, 1.25], [2.75, 1.75, 1.5], [0.25, 0.5, 0.625]
ROWS = [
    {"epoch": n, "train_loss": a, "val_loss": b}
    for n, (a, b) in enumerate(zip(LOSS, VAL, strict=True), 1)
]


def _read(text: str, size: int = 1 << 20) -> list[Record]:
    return records_in(text, "history.json", size)


def _run(document: Any) -> Run:
    return Run.from_records(_read(json.dumps(document)))


ARRANGEMENTS = [
    {"train": {"loss": LOSS}, "val": {"loss": VAL}},
    {"result": {"history": {"training": {"loss": LOSS}, "validation": {"loss": VAL}}}},
    {"train_losses": LOSS, "val_losses": VAL, "best_epoch": 3},
    {"loss": [str(x) for x in LOSS], "val_loss": [str(x) for x in VAL]},
    {"loss": dict(zip("012", LOSS, strict=True)), "val_loss": dict(zip("012", VAL, strict=True))},
    {
        str(n): {"train_loss": a, "val_loss": b}
        for n, (a, b) in enumerate(zip(LOSS, VAL, strict=True))
    },
    {
        f"epoch_{n}": {"loss": a, "val_loss": b}
        for n, (a, b) in enumerate(zip(LOSS, VAL, strict=True), 1)
    },
    {"columns": [*ROWS[0]], "data": [[*row.values()] for row in ROWS]},
    [{key: row[key] for key in ("train_loss", "val_loss")} for row in ROWS],
    {"lr": 0.1, "log": ROWS},
    {
        "train": [{"epoch": n, "loss": x} for n, x in enumerate(LOSS, 1)],
        "val": [{"epoch": n, "loss": x} for n, x in enumerate(VAL, 1)],
    },
    [
        {"epoch": n, "phase": phase, "loss": x}
        for n, pair in enumerate(zip(LOSS, VAL, strict=True), 1)
        for phase, x in zip(("train", "val"), pair, strict=True)
    ],
]


@pytest.mark.parametrize("document", ARRANGEMENTS)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_history_is_found_however_it_is_arranged(document: Any, indent: int | None) -> None:
    run = Run.from_records(_read(json.dumps(document, indent=indent), 50))
    assert run.counts_epochs
    train = run.train_series(run.loss_names[0])
    assert (train.step.tolist(), train.value.tolist()) == ([1, 2, 3], LOSS)
    val = run.eval_series(next(name for name in run.metric_names if "loss" in name))
    assert (val.step.tolist(), val.value.tolist()) == ([1, 2, 3], VAL)


def test_numbers_beside_their_steps_stand_there():
    run = _run({"loss": [[10, 2.5], [20, 1.5]], "val_loss": [[20, 1.75]]})
    assert run.train_series("loss").step.tolist() == [10, 20]
    assert run.eval_series("val_loss").step.tolist() == [20]


def test_folds_are_runs_of_their_own(tmp_path):
    file = tmp_path / "folds.json"
    folds = {f"fold{n}": {"loss": [x + n for x in LOSS], "val_loss": VAL} for n in range(3)}
    file.write_text(json.dumps(folds))
    found = analyze(file)
    assert found.earlier_runs == 2
    assert found.run.train_series("loss").value.tolist() == [x + 2 for x in LOSS]


def test_evaluations_of_boosting_are_told_apart_by_their_sets():
    run = _run({"training": {"logloss": LOSS}, "valid_1": {"logloss": VAL, "auc": ACC}})
    assert run.metric_names == ("valid_1/logloss", "valid_1/auc")
    assert run.train_series("training/logloss").value.tolist() == LOSS


def test_a_test_split_counts_where_there_is_no_other():
    run = _run({"train_loss": LOSS, "test_acc": ACC})
    assert run.eval_series("test_acc").value.tolist() == ACC
    assert _run({"train_loss": LOSS, "val_acc": ACC, "test_acc": ACC}).metric_names == ("val_acc",)


def test_settings_beside_a_history_tell_the_plan():
    run = _run({"config": {"epochs": 50, "lr": 0.1}, "history": ROWS})
    assert run.meta.planned_epochs == 50


def test_returns_of_episodes_count_episodes():
    run = _run({"episode_rewards": [10.0, 20.0, 30.0], "losses": LOSS})
    assert not run.counts_epochs
    assert run.eval_series("episode_rewards").step.tolist() == [1, 2, 3]


def test_a_document_that_is_cut_off_is_read_so_far():
    text = json.dumps(ROWS)
    run = Run.from_records(_read(text[: text.rindex("{") + 10]))
    assert run.train_series("loss").value.tolist() == LOSS[:2]


@pytest.mark.parametrize(
    "document",
    [
        {"loss_weights": [1.0, 0.5], "layers": [64, 32]},
        {"accuracy": 0.9, "loss": 0.25},
        [{"lr": 0.1, "batch_size": 32, "loss": 0.5}, {"lr": 0.2, "batch_size": 32, "loss": 0.25}],
        [{"epochs": 10, "batch_size": 8, "loss": 1.0}, {"epochs": 10, "batch_size": 16, "loss": 2}],
        [{"model": "a", "loss": 0.5}, {"model": "b", "loss": 0.25}],
        {"2019": {"loss": 3.5}, "2020": {"loss": 1.5}},
        [{"date": "2024-01-01", "close": 10.5}, {"date": "2024-01-02", "close": 11.5}],
        {"scores": [1, 2, 3], "names": ["a", "b", "c"]},
        {"accuracy": [0.5, 0.75]},
        [{"title": f"The toy, part {n}", "episode": n, "score": 7 + n % 2} for n in range(1, 9)],
        [1.0, 2.0, 3.0],
    ],
)
def test_what_is_no_history_is_refused(document: Any) -> None:
    with pytest.raises(NotATrainingLogError):
        _read(json.dumps(document))


def _lines(*rows: Any) -> Run:
    return Run.from_records(_read("".join(json.dumps(row) + "\n" for row in rows)))


def test_lines_may_wrap_their_metrics_and_name_their_split():
    run = _lines(
        {"event": "train", "step": 10, "metrics": {"loss": 2.5}},
        {"event": "eval", "step": 10, "metrics": {"loss": 2.75, "acc": 0.25}},
        {"event": "train", "step": 20, "metrics": {"loss": "tensor(1.5, device='cuda:0')"}},
    )
    assert run.train_series("loss").value.tolist() == [2.5, 1.5]
    assert run.metric_names == ("val/loss", "val/acc")


def test_lines_count_episodes_where_they_count_nothing_else():
    run = _lines({"episode": 1, "reward": 5.0}, {"episode": 2, "reward": 7.5})
    assert run.eval_series("reward").step.tolist() == [1, 2]
    run = _lines(
        {"episode": 1, "step": 40, "reward": 5.0}, {"episode": 2, "step": 90, "reward": 6.0}
    )
    assert run.eval_series("reward").step.tolist() == [40, 90]


def test_lines_with_results_on_a_test_split_alone_are_judged_by_it():
    run = _lines(*({"epoch": n, "loss": 1 / n, "test_acc": n / 4} for n in (1, 2, 3)))
    assert run.eval_series("test_acc").value.tolist() == [0.25, 0.5, 0.75]


def test_lists_named_by_their_split_alone_are_losses_where_the_file_says_so(tmp_path):
    file = tmp_path / "loss_history.json"
    file.write_text(json.dumps({"train": LOSS, "val": VAL}))
    run = analyze(file).run
    assert run.train_series("train/loss").value.tolist() == LOSS
    assert run.eval_series("val/loss").value.tolist() == VAL


def test_rewards_are_of_an_agent_where_its_settings_are():
    run = _run({"config": {"gamma": 0.99}, "rewards": [-10.5, 20.0, 30.0]})
    assert run.eval_series("rewards").value.tolist() == [-10.5, 20.0, 30.0]
    with pytest.raises(NotATrainingLogError):
        _run({"rewards": [10, 20, 50], "title": "a quest"})


def test_indices_of_splits_are_no_losses():
    with pytest.raises(NotATrainingLogError):
        _run({"train": [0, 1, 2], "val": [3, 4, 5]})


def test_results_in_an_indented_document_are_no_text_log():
    with pytest.raises(NotATrainingLogError):
        _read(json.dumps({"scores": {"a": {"mae": 34.1, "r2": 0.5}, "b": {"mae": 31.7}}}, indent=2))


def test_a_list_that_does_not_divide_the_others_ends_with_them():
    run = _run({"train_loss": [1.0 / n for n in range(1, 12)], "eval_loss": [0.5, 0.25]})
    assert run.train_series("loss").step.tolist() == [*range(1, 12)]
    found = run.eval_series("eval_loss")
    assert (found.step.tolist(), found.value.tolist()) == ([5, 11], [0.5, 0.25])


def test_steps_of_an_episode_do_not_count_the_training_in_lines_either():
    rows = [{"episode": n, "outcome": "lost", "steps": 9, "win_rate": n / 8} for n in range(1, 5)]
    run = Run.from_records(_read("".join(json.dumps(row) + "\n" for row in rows)))
    assert run.eval_series("win_rate").step.tolist() == [1, 2, 3, 4]


def test_an_epoch_that_is_no_number_places_no_result() -> None:
    rows = '{"history": [{"epoch": %s, "val": {"loss": 2.5}}, {"epoch": 2, "val": {"loss": 1.5}}]}'
    for odd in ('"nan"', "Infinity", "1e308"):
        results = [record for record in _read(rows % odd) if record.kind == "eval"]
        assert [record.epoch for record in results] == [None, 2.0]
        assert len(Run.from_records(results).eval_log) == 2


@pytest.mark.parametrize(("train", "val"), [("perda", "val_perda"), ("损失", "val_损失")])
def test_losses_of_a_history_may_be_called_so_in_another_language(train: str, val: str) -> None:
    run = _run({train: LOSS, val: VAL})
    assert run.loss_names == (train,)
    assert run.eval_series(val).value.tolist() == VAL


def test_lines_are_no_document_though_the_last_one_holds_the_marks_of_one():
    rows = [
        {"loss": 2.5, "epoch": 0.5, "global_step/max_steps": "10/20"},
        {"best_metric": 1.5, "global_step": 20, "log_history": [{"loss": 2.5, "step": 10}]},
    ]
    (found,) = [r for r in _read("".join(json.dumps(row) + "\n" for row in rows)) if r.metrics]
    assert (found.step, found.metrics["loss"]) == (10, 2.5)


def test_lines_of_json_whose_last_one_sums_up_are_no_document() -> None:
    claims = known_formats()["hf_trainer_state"].claims  # type: ignore[attr-defined]
    rows, summary = (
        b'{"loss": 1.0, "step": 1}\n{"loss": 0.5, "step": 2}\n',
        b'{"log_history": []}\n',
    )
    assert (claims(rows + summary), claims(summary), claims(summary + rows)) == (False, True, True)


def test_episodes_of_an_agent_may_name_it():
    rows = [{"name": "toy", "episode": n, "reward": 1.5 * n} for n in range(1, 9)]
    assert len(_run(rows).eval_series("reward").value) == 8
