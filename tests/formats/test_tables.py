"""Tables: odd cells, counters that start again, times, and what is no training."""

from __future__ import annotations

import math

import pytest
from call_counts import counted_calls
from home_logs import points, read
from log_texts import records_in
from statements import read_text

from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.formats._table_counters import counters_of
from copilot_analytics.formats.home_table import FORMAT as HOME_TABLE
from copilot_analytics.formats.lightning_csv import FORMAT as LIGHTNING
from copilot_analytics.formats.rl_progress import FORMAT as RL_PROGRESS
from copilot_analytics.formats.tensorboard_csv import FORMAT as TENSORBOARD
from copilot_analytics.formats.ultralytics_txt import FORMAT as RESULTS_TXT
from copilot_analytics.formats.wandb_csv import FORMAT as WANDB
from copilot_analytics.formats.xgboost_text import FORMAT as XGBOOST
from copilot_analytics.reading.detect import Detector
from copilot_analytics.records import Record
from copilot_analytics.run import Run


def _read(text: str, size: int = 1 << 20, file: str = "table.csv") -> list[Record]:
    return records_in(text, file, size)


def _run(text: str) -> Run:
    return Run.from_records(_read(text))


ODD_CELLS = """\
date,phase,epoch,loss,acc,note
2024-01-01 10:00:00.250,train,1/5,"1,400.5",45.5 %,first
2024-01-01 10:01:00.250,val,1/5,2.25,50.0 ± 1.5 %,
2024-01-01 10:02:00.250,train,2/5,,"55,5",best
2024-01-01 10:03:00.250,val,2/5,nan,,best
"""


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_odd_cells_are_read_however_the_bytes_are_cut(size: int) -> None:
    run = Run.from_records(_read(ODD_CELLS, size))
    assert run.meta.planned_epochs == 5
    assert run.train_series("train/loss").value.tolist() == [1400.5]
    assert run.train_series("train/acc").value.tolist() == [45.5, 55.5]
    assert run.eval_series("val/acc").value.tolist() == [50.0]
    assert math.isnan(run.eval_series("val/loss").value[1])
    assert run.last_time == run.first_time + 180
    assert run.first_time == 1704103200.25


FLAIR = """\
EPOCH\tTIMESTAMP\tTRAIN_LOSS\tTRAIN_F-SCORE\tDEV_LOSS\tDEV_F-SCORE\tTEST_LOSS\tTEST_F-SCORE
0\t10:00:01\t0.5\t\t_\t0.75\t0.625\t_\t0.5
1\t10:00:04\t0.25\t\t_\t0.5\t0.875\t_\t0.75
2\t10:00:07\t0.125\t\t_\t0.375\t0.9375\t_\t0.8125
"""


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_blank_cell_too_many_is_no_cell(size: int) -> None:
    run = Run.from_records(_read(FLAIR, size, "loss.tsv"))
    assert run.train_series("TRAIN_LOSS").value.tolist() == [0.5, 0.25, 0.125]
    assert run.eval_series("DEV_F-SCORE").value.tolist() == [0.625, 0.875, 0.9375]
    assert run.eval_series("DEV_LOSS").value.tolist() == [0.75, 0.5, 0.375]


def test_semicolons_let_commas_be_decimal() -> None:
    run = _run("step;loss\n10;1,234\n20;0,5\n30;0,25\n")
    assert run.train_series("loss").value.tolist() == [1.234, 0.5, 0.25]


def test_steps_that_start_again_in_every_epoch_are_counted_on() -> None:
    rows = [(e, s, 3 - e) for e in range(3) for s in range(0, 40, 10)]
    run = _run("epoch,step,loss\n" + "".join(f"{e},{s},{v}\n" for e, s, v in rows))
    assert run.train_log.step.tolist() == list(range(0, 120, 10))


def test_epochs_with_fractions_are_progress() -> None:
    run = _run("epoch,loss\n0.5,3\n1.0,2.5\n1.5,2\n2.0,1.5\n")
    assert run.train_log.step.tolist() == [1, 2, 3, 4]
    assert run.train_log.epoch.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert not run.counts_epochs


@pytest.mark.parametrize(
    ("seconds", "known"),
    [((30, 61, 90, 121), (False, True, True, True)), ((30, 31, 29, 30), (False,) * 4)],
)
def test_a_time_counts_only_where_it_sums_up(
    seconds: tuple[int, ...], known: tuple[bool, ...]
) -> None:
    rows = "".join(f"{n},{5 - n},{s}\n" for n, s in enumerate(seconds, 1))
    run = _run("epoch,loss,time\n" + rows)
    assert [bool(t == t) for t in run.train_log.time] == list(known)


def test_rows_with_training_and_validation_are_epochs_where_nothing_counts() -> None:
    head = "Learning Rate\tTrain Loss\tValid Loss\tValid Acc.\t\n"
    run = _run(head + "0.1\t2.5\t2.25\t20.5\t\n0.1\t2.0\t1.75\t30.5\t\n0.01\t1.5\t1.5\t40\t\n")
    assert run.counts_epochs
    assert run.last_step == 3
    assert run.train_series("lr").value.tolist() == [0.1, 0.1, 0.01]
    assert run.eval_series("Valid Acc.").value.tolist() == [20.5, 30.5, 40]


def test_table_in_markdown_is_read() -> None:
    text = "# Notes\n\n| Epoch | Train Loss | mIoU |\n|---|---:|---|\n"
    run = _run(text + "| 1 | 2.5 | 40.5 % |\n| 2 | 2.0 | 50.5 % |\n| 3 | 1.5 | 55 % |\n")
    assert run.train_series("Train Loss").value.tolist() == [2.5, 2.0, 1.5]
    assert run.eval_series("mIoU").value.tolist() == [40.5, 50.5, 55]


def test_metric_told_once_beside_two_losses_is_of_the_validation() -> None:
    head, rows = "epoch,train_loss,valid_loss,error_rate,time\n", "{},2.5,2.25,0.5,00:3{}\n"
    run = _run(head + "".join(rows.format(n, n) for n in range(4)))
    assert run.train_log.metric_names == ("train_loss",)
    assert set(run.metric_names) == {"valid_loss", "error_rate"}
    both = "epoch,train_loss,val_loss,acc,val_acc\n1,2,2,0.5,0.5\n2,2,2,0.5,0.5\n3,2,2,1,1\n"
    assert "acc" in _run(both).train_log.metric_names


def test_total_loss_comes_first() -> None:
    run = _run("step,train_mloss,train_loss\n1,3,4\n2,2,3\n3,1,2\n")
    assert run.loss_names == ("train_loss", "train_mloss")


def test_evaluations_at_steps_count_no_epochs() -> None:
    run = _run("step,val_loss\n100,3\n200,2\n300,1\n")
    assert not run.counts_epochs
    assert run.last_step == 300


@pytest.mark.parametrize(
    "text",
    [
        "image,label,prediction,loss\na.png,1,0,0.5\nb.png,0,0,0.2\nc.png,1,1,0.1\n",
        "model,epochs,top1\nsmall,100,70.5\nbase,300,76\nlarge,300,78\nhuge,400,80\n",
        "Model,Params,Accuracy,Loss\nA,10,0.9,0.2\nB,20,0.91,0.22\nC,30,0.92,0.2\n",
        ",cat,dog,bird\ncat,10,2,3\ndog,1,12,2\nbird,0,1,9\n",
        "category,AP,AP50\nperson,50.5,70\ncar,40.5,60\nbus,30,40\n",
        "threshold,precision,recall\n0.1,0.5,0.9\n0.2,0.6,0.8\n0.3,0.7,0.7\n",
        "fold,accuracy,loss\n1,0.9,0.2\n2,0.91,0.3\n3,0.92,0.1\n",
        "id,cat1,cont1,loss\n1,A,0.7,2213.5\n2,A,0.3,1283.5\n5,B,0.2,3005\n",
        "lr,epochs,val_loss\n0.1,10,0.5\n0.01,10,0.4\n0.001,10,0.45\n",
        "batch,threads,latency,error\n1,1,10.5,0\n2,1,11.5,0\n4,1,12.5,0\n",
        "step,type,amount,balance\n1,PAY,5.5,1\n1,PAY,6.5,2\n2,CASH,7.5,3\n",
        "iter\tPassed\tRemaining\n0\t158\t3000\n1\t183\t2500\n2\t200\t2000\n",
    ],
)
def test_tables_that_are_no_training_are_refused(text: str) -> None:
    with pytest.raises(NotATrainingLogError):
        _read(text)


def test_counters_of_reinforcement_learning_tell_the_unit() -> None:
    table = "Epoch\tAverageEpRet\tTotalEnvInteracts\n0\t1.5\t1000\n1\t2.5\t2000\n"
    run = Run.from_records(read_text(RL_PROGRESS, table))
    assert (run.meta.step_unit, run.last_step) == ("timestep", 2000)
    run = Run.from_records(read_text(RL_PROGRESS, "Iteration,AverageReturn\n0,1.5\n1,2.5\n"))
    assert (run.meta.step_unit, run.last_step) == ("iteration", 1)


def test_exported_scalar_is_called_by_its_file() -> None:
    table = "Wall time,Step,Value\n1700000000,10,0.5\n"
    records = list(read_text(TENSORBOARD, table, "run-validation-tag-epoch_loss.csv"))
    assert [(r.kind, dict(r.metrics)) for r in records if isinstance(r, Record)] == [
        ("eval", {"validation/epoch_loss": 0.5})
    ]


def test_exported_runs_keep_their_names_apart() -> None:
    head = '"Step","{0} - loss","{0} - loss__MIN","{0} - loss__MAX"'
    alone = Run.from_records(read_text(WANDB, head.format("a-1") + "\n5,1.5,1,2\n"))
    assert alone.train_log.metric_names == ("loss",)
    both = f'{head.format("a-1")},"b-2 - loss","b-2 - loss__MIN","b-2 - loss__MAX"\n5,1,1,1,2,2,2\n'
    apart = Run.from_records(read_text(WANDB, both))
    assert set(apart.train_log.metric_names) == {"a-1 - loss", "b-2 - loss"}


@pytest.mark.parametrize(
    ("header", "is_its_own"),
    [
        (["epoch", "loss", "step"], True),
        (["loss", "epoch", "step"], True),
        (["lr-Adam", "step", "val_acc", "epoch"], True),
        (["epoch", "step", "loss"], False),
        (["epoch", "loss"], False),
    ],
)
def test_order_of_columns_tells_lightning(header: list[str], is_its_own: bool) -> None:
    assert LIGHTNING.is_header(header) is is_its_own


def test_last_epoch_of_results_txt_is_the_plan_less_one() -> None:
    row = f"{{}}/98  1.5G {'0.1234 ' * 4} 10 640 {'0.2345 ' * 7}\n"
    run = Run.from_records(read_text(RESULTS_TXT, "".join(map(row.format, range(3)))))
    assert (run.meta.planned_epochs, run.last_step) == (99, 3)


def test_an_odd_count_of_labels_is_no_fault_of_a_table_of_results() -> None:
    for odd in ("nan", "inf"):
        row = f"0/98  1.5G {'0.1234 ' * 4} {odd} 640 {'0.2345 ' * 7}\n"
        run = Run.from_records(read_text(RESULTS_TXT, row))
        assert (run.meta.planned_epochs, run.last_step) == (99, 1)


def test_trees_counted_from_the_start_again_are_another_training() -> None:
    lines = [f"[{n}]\ttrain-rmse:{9 - n}\ttest-rmse:{9.5 - n}\n" for n in (0, 5, 0, 5)]
    kinds = [r.kind for r in _read("".join(lines), file="train.log") if r.kind != "config"]
    assert kinds == ["train", "eval"] * 2 + ["launch"] + ["train", "eval"] * 2
    best = "Stopping. Best iteration:\n" + lines[0]
    records = list(read_text(XGBOOST, "".join(lines[:2]) + best))
    assert [r.kind for r in records if isinstance(r, Record)][-1] == "end"


def test_home_table_waits_for_rows_before_it_is_sure() -> None:
    lines = ["epoch,loss", "1,2.5", "2,2", "3,1.5"]
    sure = [HOME_TABLE.confidence(lines[:count]) for count in (1, 2, 4)]
    assert sure[0] < 0.5 < sure[1] < 0.95 < sure[2]


def test_tensors_and_words_around_numbers_are_read() -> None:
    run = _run(
        "epoch,train_loss,val_acc\n"
        "Epoch 1/9,\"tensor(2.5, device='cuda:0', grad_fn=<DivBackward0>)\",[0.25]\n"
        "Epoch 2/9,tensor(1.5),[0.5]\n"
        "Epoch 3/9,tensor(1.25),[0.75]\n"
    )
    assert run.train_series("train_loss").value.tolist() == [2.5, 1.5, 1.25]
    assert run.eval_series("val_acc").step.tolist() == [1, 2, 3]
    assert run.meta.planned_epochs == 9


def test_a_name_that_stands_twice_in_a_header_gets_a_number() -> None:
    run = _run("epoch,loss,acc,loss\n1,2.5,0.25,2.75\n2,1.5,0.5,1.75\n3,1.0,0.75,1.5\n")
    assert run.train_series("loss").value.tolist() == [2.5, 1.5, 1.0]
    assert run.train_series("loss.1").value.tolist() == [2.75, 1.75, 1.5]


def test_steps_of_an_episode_do_not_count_the_training() -> None:
    run = _run("Episode,Total Reward,Steps\n1,5.5,20\n2,7.5,18\n3,9.5,31\n")
    assert run.eval_series("Total Reward").step.tolist() == [1, 2, 3]


def test_steps_before_their_episodes_count_the_training() -> None:
    """An agent's environment counts on: only a length stands behind the episode it is of."""
    assert counters_of(["steps", "update", "episodes", "reward"]).names["steps"] == "#step"
    assert counters_of(["episode", "reward", "steps"]).names["steps"] is None


def test_a_list_of_numbers_in_a_cell_names_no_rows() -> None:
    rows = "".join(f'{2 / n:.3f},{2.5 / n:.3f},"{3 / n:.4f}, {4 / n:.4f}"\n' for n in range(1, 9))
    records = _read("train loss,test loss,interval loss\n" + rows)
    assert sum(record.kind == "eval" for record in records) == 8


def test_samples_of_an_epoch_do_not_count_the_training() -> None:
    counters = counters_of(["epoch", "samples", "avg_return"])
    assert counters.unit == "epoch"
    assert counters.names == {"epoch": "#epoch", "samples": None}


def test_counters_of_evaluations_and_episodes_leave_epochs_alone() -> None:
    run = _run(
        "epoch,test/episode,train/episode,test/success_rate\n"
        "0,20,100,0.25\n1,40,200,0.5\n2,60,300,0.75\n"
    )
    assert run.counts_epochs
    assert run.eval_series("test/success_rate").step.tolist() == [1, 2, 3]


def test_a_monitor_without_its_first_line_is_one() -> None:
    run = _run("r,l,t\n5.5,20,1.5\n7.5,30,2.5\n")
    assert run.meta.log_format == "sb3_monitor"
    assert run.eval_series("episode_reward").step.tolist() == [20, 50]


@pytest.mark.parametrize(
    "text",
    [
        "Year,Events,total loss\n2006,storm,84.5\n2007,flood,72.5\n2008,rain,1.5\n2009,rain,2.5\n",
        "id,weight loss,height,age\n1,2.5,170,30\n2,1.5,180,40\n3,1.0,165,50\n",
        "country,loss,gain\nA,1.5,2.5\nB,2.5,3.5\nC,3.5,4.5\n",
    ],
)
def test_losses_of_other_kinds_are_no_training(text: str) -> None:
    with pytest.raises(NotATrainingLogError):
        _read(text)


def test_a_table_that_is_still_in_its_first_epoch_is_a_training() -> None:
    run = _run("epoch,batch,loss_gen\n0,0,0.75\n0,1,0.5\n0,2,0.625\n0,3,0.375\n")
    assert run.train_series("loss_gen").step.tolist() == [0, 1, 2, 3]


def test_a_counter_that_is_no_number_leaves_the_next_ones_epochs() -> None:
    run = _run("epoch,loss,val_loss\n1,0.5,0.75\nnan,0.5,0.75\n3,0.25,0.5\n4,0.25,0.5\n")
    assert run.meta.step_unit == "epoch"
    assert run.last_step == 4


def test_a_line_that_names_no_loss_is_dismissed_fast():
    spent = []
    for last in ("size", "loss"):
        names = [f"name {letter}" for letter in "abcdefghijklmnop"] + [last]
        with counted_calls() as calls:
            HOME_TABLE.heading(names)
        spent += calls
    assert spent[0] < 0.5 * spent[1]


def test_the_lines_before_a_table_are_understood_once():
    def header(start):
        return [f"option {start + n}: part, size and kind of it, as set" for n in range(200)]

    with counted_calls() as once:
        HOME_TABLE.confidence(header(0))
    detector, lines = Detector({"home_table": HOME_TABLE}), header(200)
    with counted_calls() as growing:
        for line in lines:
            detector.see(line)
    assert growing[0] < 1.5 * once[0]


def test_epochs_of_lightning_are_counted_as_done() -> None:
    rows = ["epoch,lr-Adam,step,train_loss,val_acc,val_loss"]
    for epoch in range(5):
        for step in (9, 19, 29):
            rows += [f",0.001,{38 * epoch + step},,,", f"{epoch},,{38 * epoch + step},0.{step},,"]
        rows.append(f"{epoch},,{38 * epoch + 37},,0.{epoch + 1},0.5")
    records = _read("\n".join(rows) + "\n")
    assert [r.epoch for r in records if r.kind == "eval"] == [None, 2.0, 3.0, 4.0, 5.0]
    trained = [r.epoch for r in records if r.kind == "train" and r.step == 38 * 4 + 9]
    assert trained == [pytest.approx(4 + 10 / 38)] * 2
    assert Run.from_records(records).last_epoch == 5.0


def test_a_cell_of_json_or_a_duration_in_two_units_names_no_rows() -> None:
    text = "round,global_loss,took,clients\n" + "".join(
        f'{r},2.{9 - r}5,{r}m {r}5s,"[{{""id"": {r}, ""loss"": 1.{r}}}, {{""id"": 7}}]"\n'
        for r in range(1, 6)
    )
    assert HOME_TABLE.confidence(text.splitlines()) > 0.9
    rows = [record for record in _read(text) if record.kind == "train"]
    assert [(row.step, dict(row.metrics)) for row in rows] == [
        (r, {"global_loss": float(f"2.{9 - r}5")}) for r in range(1, 6)
    ]


def test_lines_of_a_checkpoint_between_rows_do_not_spoil_durations() -> None:
    text = "Epoch,Train Loss,Val Acc,Epoch Time\n" + "".join(
        f"{e},0.{9 - e}5,0.{e}5,{e}m 1{e}s\nBest model saved at epoch {e} with Val Acc: 0.{e}5\n"
        for e in range(1, 6)
    )
    assert HOME_TABLE.confidence(text.splitlines()) > 0.9


def test_settings_above_a_table_tell_its_plan() -> None:
    rows = "".join(f" 1.{9 - e}5  0.{e}1  0.{e}2  0.{e}3\n" for e in range(1, 6))
    text = f"model =toy\nnb_epochs =12\n\ntrain loss   val_loss  train_acc   val_acc\n{rows}"
    assert _run(text).meta.planned_epochs == 12


def test_columns_may_be_called_by_their_splits_alone() -> None:
    text = "using cpu\n epoch  train   val   time\n" + "".join(
        f"   {e}   4.{9 - e}5   5.{9 - e}   3.1\n" + "saving checkpoint to toy.pt\n" * (e % 4 == 0)
        for e in range(1, 9)
    )
    assert HOME_TABLE.confidence(text.splitlines()) > 0.95
    records = read(text)
    assert points(records, "train")[0] == (1, {"train": 4.85})
    assert points(records, "eval")[-1] == (8, {"val": 5.1})
    assert HOME_TABLE.confidence(text.replace("val", "size").splitlines()) < 0.5
    assert HOME_TABLE.confidence(text.replace(" epoch", " place").splitlines()) < 0.5


@pytest.mark.parametrize("above", ["", "Epoch {}/9\n"])
def test_a_heading_above_each_row_heads_one_table(above: str) -> None:
    text = "".join(
        f"{above.format(e)}train_loss val_loss acc\n1.{e} 2.{e} 0.{e}5\n" for e in range(1, 9)
    )
    assert HOME_TABLE.confidence(text.splitlines()) > 0.95
    assert points(read(text), "train") == [
        (e, {"train_loss": float(f"1.{e}")}) for e in range(1, 9)
    ]


def test_the_steps_of_the_training_count_before_the_rows_of_the_tracker() -> None:
    text = "_step,_runtime,train/loss,train/global_step\n" + "".join(
        f"{n},{60 * n},0.{9 - n},{500 * n}\n" for n in range(1, 6)
    )
    assert [step for step, _ in points(_read(text), "train")] == [500, 1000, 1500, 2000, 2500]
