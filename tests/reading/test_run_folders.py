from __future__ import annotations

import json
import os

import pytest
from event_files import scalars
from toy_formats import TOYS

from copilot_analytics.errors import (
    LogNotFoundError,
    NotATrainingLogError,
)
from copilot_analytics.reading.run_folders import find_run, logs_beside

TRAINED = b"step 1: loss=1.0\n"


def work_dir(root, stamp, trained=True):
    folder = root / stamp / "vis_data"
    folder.mkdir(parents=True)
    text = TRAINED if trained else b"chatter\n"
    (root / stamp / f"{stamp}.log").write_bytes(text)
    (folder / "scalars.json").write_bytes(b'{"step": 1, "mode": "train", "loss": 1}\n')
    (folder / f"{stamp}.json").write_bytes(b'{"step": 1, "mode": "train", "loss": 1}\n')
    return root / stamp / f"{stamp}.log"


def found(directory):
    return find_run(directory, formats=TOYS)


def test_the_newest_run_is_found_by_its_time_stamp(tmp_path):
    newest = work_dir(tmp_path, "20240302_101500")
    older = work_dir(tmp_path, "20240301_235959")
    os.utime(newest, (1, 1))
    assert found(tmp_path) == newest
    assert found(older.parent) == older
    assert found(older) == older, "a file is itself"


def test_the_json_twin_serves_where_there_is_no_text_log(tmp_path):
    text = work_dir(tmp_path, "20240302_101500", trained=False)
    assert found(tmp_path).suffix == ".json"
    text.unlink()
    assert found(tmp_path).suffix == ".json"


def test_without_stamps_the_last_change_counts(tmp_path):
    for name, when in (("a.log", 2000), ("b.log", 3000), ("c.md", 4000), ("d.txt", 1000)):
        (tmp_path / name).write_bytes(TRAINED)
        os.utime(tmp_path / name, (when, when))
    assert found(tmp_path).name == "b.log"


def test_a_text_log_is_preferred_to_the_twin_written_with_it(tmp_path):
    (tmp_path / "vis_data").mkdir()
    for name, when in (("train.log", 9000), ("vis_data/scalars.json", 9001), ("old.log", 10)):
        text = TRAINED if name.endswith(".log") else b'{"step": 1, "mode": "train", "loss": 1}\n'
        (tmp_path / name).write_bytes(text)
        os.utime(tmp_path / name, (when, when))
    assert found(tmp_path).name == "train.log"
    os.utime(tmp_path / "vis_data" / "scalars.json", (90_000, 90_000))
    assert found(tmp_path).name == "scalars.json"


def test_environments_caches_and_loops_are_left_out(tmp_path):
    good = tmp_path / "runs" / "a.log"
    for folder in (".git", "node_modules", "myenv", "runs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.log").write_bytes(TRAINED)
        os.utime(tmp_path / folder / "a.log", (9000, 9000))
    (tmp_path / "myenv" / "pyvenv.cfg").touch()
    os.utime(good, (5, 5))
    (tmp_path / "runs" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.log").symlink_to("nowhere")
    assert found(tmp_path) == good


def test_five_thousand_runs_are_no_problem(tmp_path):
    for i in range(5000):
        (tmp_path / f"20230101_{i // 3600:02d}{i // 60 % 60:02d}{i % 60:02d}").mkdir()
    newest = work_dir(tmp_path, "20230102_000000")
    assert found(tmp_path) == newest


def test_what_was_tried_is_told(tmp_path):
    with pytest.raises(LogNotFoundError, match="there is no file"):
        found(tmp_path / "nowhere")
    with pytest.raises(LogNotFoundError, match="named like a log"):
        found(tmp_path)
    (tmp_path / "a.log").write_bytes(b"diary\n")
    (tmp_path / "b.log").write_bytes(b"")
    (tmp_path / "c.txt").write_bytes(b"\x7fELF")
    with pytest.raises(NotATrainingLogError) as error:
        found(tmp_path)
    for part in ("a.log (no known format)", "b.log (empty)", "c.txt (unreadable)", "--log-format"):
        assert part in str(error.value)


def test_the_log_that_grows_is_preferred_to_what_is_saved_with_a_checkpoint(tmp_path):
    rows = [{"loss": 2.0 / n, "epoch": n / 9, "step": n} for n in range(1, 9)]
    console = tmp_path / "console.log"
    console.write_text(
        "".join(f"{{'loss': {2.0 / n:.4f}, 'epoch': {n / 9}}}\n" for n in range(1, 9))
    )
    state = tmp_path / "out" / "checkpoint-8" / "trainer_state.json"
    state.parent.mkdir(parents=True)
    document = {"log_history": rows, "global_step": 8, "epoch": 0.9, "max_steps": 90}
    state.write_text(json.dumps(document, indent=2))
    for at, newest in ((9030, console), (9000 + 7200, state)):
        os.utime(console, (9000, 9000))
        os.utime(state, (at, at))
        assert find_run(tmp_path) == newest


def events(folder, begun, rows, last):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{begun}.host"
    path.write_bytes(scalars(rows, begun))
    os.utime(path, (last, last))
    return path


RESULT = [(0, "hparam/val_loss", 0.25)]
CURVE = [(step, tag, 1 / (1 + step)) for step in range(9) for tag in ("train/loss", "val/loss")]
BEGUN = 1_700_000_000


def test_a_part_that_a_writer_keeps_in_a_folder_of_its_own_leads_to_the_writer(tmp_path):
    curve = events(tmp_path / "run", BEGUN, CURVE, BEGUN + 90)
    part = events(tmp_path / "run" / f"{BEGUN + 60}.125", BEGUN + 60, RESULT, BEGUN + 95)
    assert find_run(tmp_path) == curve
    assert logs_beside(curve) == [curve], "settings and a result are no curve"
    assert find_run(part.parent) == part, "unless it is named"


def test_a_run_below_another_or_below_an_empty_writer_is_itself(tmp_path):
    old = tmp_path / "old"
    events(old, BEGUN, CURVE, BEGUN + 90)
    later = events(old / "again", BEGUN + 600, CURVE, BEGUN + 700)
    assert find_run(old) == later
    split = tmp_path / "split"
    events(split, BEGUN, [], BEGUN + 90)
    part = events(split / "loss_val", BEGUN + 10, CURVE, BEGUN + 90)
    assert find_run(split) == part
