from __future__ import annotations

import json
import math
import os

import numpy as np
import pytest
from event_files import scalars

from copilot_analytics.reading.beside import Beside, joined
from copilot_analytics.reading.run_folders import find_run, logs_beside
from copilot_analytics.run import Run


def console(folder, steps=200, every=10, crash=True, offset=0.0):
    """A console log with time stamps and a crash, but without evaluations."""
    lines = [
        f"2030/01/01 00:{step // 60:02d}:{step % 60:02d} - mmengine - INFO - "
        f"Iter(train) [{step:3d}/400]  lr: 1.0e-01  train_loss: {offset + 5 / (1 + step / 50):.4f}"
        for step in range(0, steps, every)
    ]
    if crash:
        lines += ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no"]
    path = folder / "train.log"
    path.write_text("\n".join(lines) + "\n")
    return path


def table(folder, steps=200, offset=0.0):
    """A table with every step and evaluations, but without time stamps."""
    rows = ["step,epoch,train_loss,val_acc"]
    for step in range(steps):
        rows.append(f"{step},0,{offset + 5 / (1 + step / 50)!r},")
        if step % 50 == 49:
            rows.append(f"{step},0,,{0.5 + step / 1000}")
    path = folder / "metrics.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def read(path, beside):
    from copilot_analytics.reading.parsing import LogReader

    reader = LogReader(str(path))
    items = [*reader.feed(path.read_bytes()), *reader.close()]
    woven = [one for item in items for one in beside.see(item)]
    return Run.from_records([*woven, *beside.close()])


def test_the_richer_log_gives_the_values_and_the_other_the_rest(tmp_path):
    text, csv = console(tmp_path), table(tmp_path)
    assert logs_beside(text) == [text, csv]
    main, beside = joined([text, csv])
    assert main == csv
    run = read(main, beside)
    assert run.train_series("train_loss").step.tolist() == list(range(200))
    assert run.eval_series("val_acc").step.tolist() == [49, 99, 149, 199]
    stamps = run.train_series("train_loss").time
    assert stamps[60] - stamps[0] == pytest.approx(60.0)
    assert math.isnan(stamps[-1]), "no time is invented beyond the last stamp"
    assert run.train_series("lr").step.tolist() == list(range(0, 200, 10))
    assert run.planned_steps == 400
    crash = next(record for record in run.records if record.kind == "crash")
    assert crash.facts["error"] == "ValueError" and crash.file == str(text) and crash.line == 0


def test_what_two_other_logs_add_is_no_step_done_twice(tmp_path):
    text = console(tmp_path, every=10, crash=False)
    for name in "one.csv", "two.csv":
        rows = [f"{s},{5 / (1 + s / 50)!r},{40 + s / 10}\n" for s in range(0, 200, 10)]
        (tmp_path / name).write_text("step,train_loss,fps\n" + "".join(rows))
    main, beside = joined([text, tmp_path / "one.csv", tmp_path / "two.csv"])
    assert main == text
    run = read(main, beside)
    assert run.train_series("train_loss").step.tolist() == list(range(0, 200, 10))
    assert run.train_series("fps").step.tolist() == list(range(0, 200, 10))


def test_what_the_main_log_lacks_comes_at_its_step(tmp_path):
    text = console(tmp_path, every=1, crash=False)
    few = tmp_path / "evals.csv"
    few.write_text("step,epoch,val_acc\n" + "".join(f"{s},0,0.{s}\n" for s in (51, 99, 150)))
    main, beside = joined([text, few])
    assert main == text
    run = read(main, beside)
    assert run.eval_series("val_acc").step.tolist() == [51, 99, 150]
    kinds = [(record.kind, record.step) for record in run.records]
    assert kinds.index(("eval", 99)) == kinds.index(("train", 100)) - 1
    assert np.isfinite(run.train_log.time).all()


def test_another_run_is_not_joined(tmp_path):
    text, csv = console(tmp_path), table(tmp_path, offset=1.0)
    main, beside = joined([text, csv])
    assert main == text
    assert not len(read(main, beside).eval_log)
    shorter = table(tmp_path, steps=60)
    (tmp_path / "other").mkdir()
    long = tmp_path / "other" / "metrics.csv"
    long.write_text("step,epoch,val_acc\n" + "".join(f"{s},0,0.5\n" for s in range(0, 5000, 50)))
    assert joined([text, long])[0] == text
    assert joined([text, shorter])[0] == shorter, "values agree where both have them"


def test_one_log_alone_stays_as_it_is(tmp_path):
    text = console(tmp_path)
    assert logs_beside(text) == [text]
    main, beside = joined([text])
    assert main == text
    assert len(read(main, beside).train_log) == 20
    items = read(main, Beside()).records
    assert repr(items) == repr(read(main, beside).records)


def test_copies_and_other_runs_are_left_out(tmp_path):
    run = tmp_path / "20300101_000000"
    (run / "vis_data").mkdir(parents=True)
    (tmp_path / "20300102_000000").mkdir()
    text = run / "20300101_000000.log"
    text.write_text(
        "2030/01/01 00:00:00 - mmengine - INFO - Iter(train) [10/20]  lr: 1.0e-01  loss: 0.5000\n"
    )
    (run / "vis_data" / "scalars.json").write_text(
        '{"lr": 0.1, "loss": 0.5, "iter": 10, "step": 10, "time": 1.0}\n'
    )
    other = tmp_path / "20300102_000000" / "train.log"
    other.write_text("iter 0: loss 1.0, time 50.00ms\n")
    assert logs_beside(text) == [text]
    assert len(logs_beside(other)) == 1


def test_a_directory_of_a_run_just_works(tmp_path):
    from copilot_analytics import analyze

    console(tmp_path)
    table(tmp_path)
    analysis = analyze(tmp_path, journals=False)
    assert analysis.run.path.endswith("metrics.csv")
    assert analysis.metric.name == "val_acc" and len(analysis.run.eval_log) == 4
    assert analysis.life.status == "crashed" and "ValueError" in analysis.life.reason
    assert analysis.run.planned_steps == 400


def history(path, numbers):
    rows = [f"{n},{x},{x}" for n, x in enumerate(numbers, 1)]
    path.write_text("\n".join(["epoch,train_loss,val_loss", *rows]) + "\n")
    return path


def test_runs_of_one_seed_part_where_one_turns_nan(tmp_path):
    numbers = [round(2 / n, 4) for n in range(1, 41)]
    sound = history(tmp_path / "a.csv", numbers)
    broken = history(tmp_path / "b.csv", [*numbers[:36], *["nan"] * 4])
    main, beside = joined([broken, sound])
    run = read(main, beside)
    assert main == broken
    assert math.isnan(run.train_series("train_loss").value[-1])
    assert len(run.train_series("train_loss").value) == 40
    assert joined([history(tmp_path / "c.csv", numbers), sound])[0].name == "c.csv"


def test_settings_beside_a_table_state_its_plan(tmp_path):
    path = history(tmp_path / "results.csv", [2.5, 1.5, 1.25])
    (tmp_path / "args.yaml").write_text("task: detect\nepochs: 50\npatience: 100\n")
    assert read(*joined([path])).meta.planned_epochs == 50


@pytest.mark.parametrize(
    ("trainer", "planned"),
    [
        ("  max_epochs: 30\n  max_steps: -1\n", 30),
        ("  max_epochs: 30\n  max_steps: 500\n", None),
        ("  max_epochs: -1\n  max_steps: -1\n", None),
        ("  max_epochs: null\n", None),
        ("", None),
    ],
)
def test_the_command_line_of_lightning_states_the_plan(tmp_path, trainer, planned):
    """What other parts are given under the same name is not the trainer's."""
    path = tmp_path / "metrics.csv"
    path.write_text(
        "epoch,step,train_loss\n" + "".join(f"{n // 4},{n},{1 / (n + 1)}\n" for n in range(12))
    )
    (tmp_path / "config.yaml").write_text(
        "# lightning.pytorch==2.6\nseed_everything: 0\n"
        "trainer:\n  logger:\n    init_args:\n      max_epochs: 7\n"
        f"{trainer}  profiler: null\n"
        "model:\n  max_epochs: 9\nlr_scheduler:\n  max_epochs: 11\n"
    )
    assert read(*joined([path])).meta.planned_epochs == planned


def test_the_state_of_the_last_checkpoint_is_beside_the_events_of_a_trainer(tmp_path):
    for step in (100, 300, 200):
        history_ = [{"step": n, "loss": 1 / n, "epoch": n / 100} for n in range(10, step + 1, 10)]
        state = {"global_step": step, "is_hyper_param_search": False, "max_steps": 300}
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps(state | {"log_history": history_}))
    events = tmp_path / "runs" / "Jan01_host"
    events.mkdir(parents=True)
    log = events / "events.out.tfevents.1700000000.host"
    log.write_bytes(scalars((n, "train/loss", 1 / n) for n in range(10, 301, 10)))
    newest = tmp_path / "checkpoint-300" / "trainer_state.json"
    assert logs_beside(log) == [log, newest]
    assert read(*joined([log, newest])).planned_steps == 300


def test_train_and_validation_of_keras_are_one_run(tmp_path):
    logs = []
    for split, worse in (("train", 0.0), ("validation", 0.5)):
        folder = tmp_path / split
        folder.mkdir()
        logs.append(folder / "events.out.tfevents.1700000000.host")
        rows = ((n, "epoch_loss", worse + 1 / (n + 1)) for n in range(5))
        logs[-1].write_bytes(scalars(rows))
    main, beside = joined(logs_beside(logs[1]))
    run = read(main, beside)
    assert len(run.train_series("loss").value) == 5
    assert len(run.eval_series("epoch_loss").value) == 5
    assert run.counts_epochs


def per_split(folder, name, offset, columns="epoch,loss,acc"):
    rows = "".join(f"{e},{offset + 2 / e!r},{0.9 - offset - 0.5 / e!r}\n" for e in range(1, 11))
    path = folder / name
    path.write_text(f"{columns}\n{rows}")
    return path


@pytest.mark.parametrize("first", ["train", "val"])
def test_tables_of_a_split_each_are_one_run(tmp_path, first):
    paths = [per_split(tmp_path, "train_log.csv", 0.0), per_split(tmp_path, "val_log.csv", 0.1)]
    main, beside = joined(paths if first == "train" else paths[::-1])
    assert main == paths[0]
    run = read(main, beside)
    assert run.train_series("loss").value[-1] == 0.2
    assert run.eval_series("loss").value[-1] == pytest.approx(0.3)
    assert run.eval_series("acc").step.tolist() == list(range(1, 11))


def test_tables_of_other_measures_are_no_twins(tmp_path):
    other = per_split(tmp_path, "val_log.csv", 0.1, "epoch,dice_loss,f1")
    run = read(*joined([per_split(tmp_path, "train_log.csv", 0.0), other]))
    assert "dice_loss" not in run.eval_log.metric_names


def test_the_table_of_the_validation_may_hold_more(tmp_path):
    other = per_split(tmp_path, "val_log.csv", 0.1, "epoch,loss,f1")
    run = read(*joined([per_split(tmp_path, "train_log.csv", 0.0), other]))
    assert set(run.eval_log.metric_names) == {"loss", "f1"}


@pytest.mark.parametrize("offset_s", [0.0, 8 * 3600.0, 57 * 365.25 * 86400.0])
def test_times_of_another_clock_are_left_out(tmp_path, offset_s):
    """A console may print no year, and event files count in the time of the world."""
    text = console(tmp_path, every=1, crash=False)
    start = read(text, Beside()).first_time
    rows = [(step, "val/acc", step / 1000) for step in range(200)]
    events = tmp_path / "events.out.tfevents.1.a"
    events.write_bytes(scalars(rows, start=start - offset_s - 1.0))
    run = read(*joined([text, events]))
    assert run.eval_series("val/acc").step.tolist()[:3] == [0, 1, 2]
    assert run.last_time - run.first_time == pytest.approx(199.0)
    timed = [one.time is not None for one in run.records if one.kind == "eval"]
    assert all(timed) if not offset_s else not any(timed)


def test_a_console_above_a_stamped_folder_is_of_the_run_in_it(tmp_path):
    old, new = tmp_path / "20300101_000000", tmp_path / "20300101_090000"
    for folder in (old, new):
        folder.mkdir()
        console(folder, crash=False, offset=0.3 * (folder is old))
    log = new / "train.log"
    printed = tmp_path / "nohup.out"
    printed.write_text(console(tmp_path, offset=0.0).read_text())
    (tmp_path / "train.log").unlink()
    assert find_run(tmp_path) == log
    assert logs_beside(log) == [log, printed]
    run = read(*joined(logs_beside(log)))
    assert [one.facts["error"] for one in run.records if one.kind == "crash"] == ["ValueError"]
    os.utime(printed, (5000, 5000))
    assert logs_beside(log) == [log], "it was written by another start"


def epochs_console(folder, epochs=12):
    """A console that names evaluations by their epoch, and tells no time."""
    path = folder / "train.log"
    path.write_text(
        "".join(
            f"Epoch {n}/{epochs} - loss: {3 / n:.6f} - val_loss: {3.2 / n:.6f}\n"
            for n in range(1, epochs + 1)
        )
    )
    return path


def epochs_events(folder, epochs):
    rows = [
        row
        for n in range(1, epochs + 1)
        for row in (
            (n, "loss", 3 / n),
            (n, "val/loss", 3.2 / n),
        )
    ]
    path = folder / "events.out.tfevents.1.a"
    path.write_bytes(scalars(rows))
    return path


def test_a_log_is_preferred_to_event_files_that_say_the_same(tmp_path):
    """They do not tell what a step counts, and may hold an evaluation after the last epoch."""
    text, events = epochs_console(tmp_path), epochs_events(tmp_path, 13)
    main, beside = joined([events, text])
    assert main == text
    run = read(main, beside)
    assert run.meta.planned_epochs == 12 and run.counts_epochs and len(run.eval_log) == 12
    dense = tmp_path / "events.out.tfevents.2.a"
    dense.write_bytes(scalars([(n, "loss", 3 / n) for n in range(1, 400)]))
    assert joined([dense, text])[0] == dense, "which holds more rows"


def test_measures_that_another_log_adds_make_no_further_evaluation(tmp_path):
    text, events = table(tmp_path), tmp_path / "events.out.tfevents.1.a"
    rows = [(s, tag, 0.5 + s / 1000) for s in range(49, 200, 50) for tag in ("val/acc", "val/f1")]
    events.write_bytes(scalars(rows))
    run = read(*joined([text, events]))
    assert run.eval_series("val_acc").step.tolist() == [49, 99, 149, 199]
    assert run.eval_series("val/f1").step.tolist() == [49, 99, 149, 199]
    assert len(run.eval_log) == 4


def test_the_time_since_the_start_gives_way_to_the_date(tmp_path):
    text = tmp_path / "train.log"
    text.write_text(
        "".join(
            f"Epoch {n}: 100%|###| 20/20 [00:00<00:00, 99.0it/s, v_num=0, train_loss={3 / n:.4f}]\n"
            for n in range(1, 30)
        )
    )
    events = tmp_path / "events.out.tfevents.1.a"
    events.write_bytes(scalars([(20 * n + 19, "train_loss", 3 / n) for n in range(1, 30)]))
    main, beside = joined([text, events])
    assert main == text
    run = read(main, beside)
    assert run.last_time - run.first_time == pytest.approx(28.0, abs=2.0)
    assert run.first_time >= 1.7e9


def test_rows_before_the_first_one_are_of_the_same_series(tmp_path):
    """A console begins later than a table, and may call the loss otherwise."""
    text = tmp_path / "train.log"
    rows = [f"iter {step}: loss {5 / (1 + step):.5f}, time 10.00ms\n" for step in range(20, 400, 2)]
    text.write_text("".join(rows))
    csv = tmp_path / "metrics.csv"
    found = [f"{step},{5 / (1 + step):.6f}" for step in range(0, 400, 10)]
    csv.write_text("\n".join(["step,train_loss", *found]) + "\n")
    main, beside = joined([text, csv])
    assert main == text
    run = read(main, beside)
    assert run.train_series("loss").step.tolist() == [0, 10, *range(20, 400, 2)]
    assert run.loss_names == ("loss",)


def test_episodes_are_no_evaluations_of_the_run_beside_them(tmp_path):
    csv = tmp_path / "progress.csv"
    rows = [f"{n * 100},{20 + n},{30 + n if n % 5 == 0 else ''}" for n in range(1, 41)]
    head = "time/total_timesteps,rollout/ep_rew_mean,eval/mean_reward"
    csv.write_text("\n".join([head, *rows]) + "\n")
    monitor = tmp_path / "monitor.csv"
    played = [f"{20.0 + n},20,{n}.5" for n in range(1, 201)]
    header = '#{"t_start": 1700000000.0, "env_id": "Pole"}'
    monitor.write_text("\n".join([header, "r,l,t", *played]) + "\n")
    main, beside = joined([csv, monitor])
    assert main == csv
    assert len(read(main, beside).eval_log) == len(read(csv, Beside()).eval_log)
    assert joined([monitor])[0] == monitor


def test_steps_of_another_count_are_no_steps_of_the_main_log(tmp_path):
    rows = [f"{{'loss': {2 / e:.4f}, 'epoch': {e}.0}}\n" for e in range(1, 5)]
    summary = "{'train_runtime': 9.0, 'train_loss': 1.0, 'epoch': 4.0}\n"
    text = tmp_path / "console.log"
    text.write_text("".join(rows) + summary)
    state = tmp_path / "checkpoint-80" / "trainer_state.json"
    state.parent.mkdir()
    history = [{"loss": round(2 / e, 4), "epoch": float(e), "step": 20 * e} for e in range(1, 5)]
    plan = {"max_steps": 80, "num_train_epochs": 4, "global_step": 80, "epoch": 4.0}
    state.write_text(json.dumps({**plan, "log_history": history}))
    main, beside = joined([text, state])
    run = read(main, beside)
    assert main == text and run.meta.step_unit == "line"
    assert (run.last_step, run.meta.planned_epochs) == (4, 4)
