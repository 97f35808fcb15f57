"""Which of the checkpoints to use are on disk: told where it is known, and silent elsewhere."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import make_analysis, make_run

from copilot_analytics import analyze
from copilot_analytics.alerts.advice import checkpoint
from copilot_analytics.alerts.policy import Context
from copilot_analytics.records import Record
from copilot_analytics.report.checkpoint_files import on_disk
from copilot_analytics.report.document import document
from copilot_analytics.report.verdict import actions
from copilot_analytics.report.which_checkpoint import DISK

BEST, TIE = "best_digits_accuracy_epoch_28.pth", "epoch_19.pth"


def saved(log: str, *names: str, status: str = "finished", work_dir: str | None = None):
    """Return the analysis of a run that says it saved checkpoints."""
    run = make_run(40, epochs_done=2)
    run.path = log
    run.append(Record("config", facts={"work_dir": work_dir}))
    for step, name in enumerate(names, start=1):
        run.append(Record("checkpoint", step, facts={"path": name}))
    return make_analysis(run, status=status)


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")


@pytest.fixture
def plateau(sample_logs, tmp_path):
    """A run of MMEngine that keeps its last two checkpoints and the best, as copied."""
    shutil.copytree(sample_logs / "digits_plateau", tmp_path / "run")
    return tmp_path / "run"


def choice(lines: list[str]) -> str:
    (line,) = (line for line in lines if line.startswith(("Use `", f"`{BEST}`")))
    return line


def test_a_report_says_which_checkpoints_were_deleted(plateau):
    put(*(plateau / name for name in (BEST, "epoch_39.pth", "epoch_40.pth")))
    analysis = analyze(plateau, journals=False)
    line = choice(actions(analysis))
    assert line.startswith(f"Use `{BEST}` (on disk): digits/accuracy")
    assert f"`{TIE}` (gone from the disk)" in line
    known = {one["path"]: one["on_disk"] for one in document(analysis)["stop"]["checkpoints"]}
    assert known[BEST] is True and known[TIE] is False


def test_nothing_is_said_of_a_run_whose_checkpoints_are_elsewhere(plateau):
    put(plateau / "epoch_7.png", plateau / "model_7.pth")
    analysis = analyze(plateau, journals=False)
    assert "disk" not in choice(actions(analysis))
    assert {one["on_disk"] for one in document(analysis)["stop"]["checkpoints"]} == {None}


def test_one_that_is_there_is_named_before_a_better_one_that_is_gone(plateau):
    analysis = analyze(plateau, journals=False)
    best, *others = analysis.stop.checkpoints
    names = ("epoch_28.pth", TIE)
    chosen = (replace(best, path=names[0]), replace(others[0], path=names[1]))
    analysis = replace(analysis, stop=replace(analysis.stop, checkpoints=chosen))
    put(plateau / TIE)
    line = choice(actions(analysis))
    assert line.startswith(f"Use `{TIE}` (on disk): ")
    assert "`epoch_28.pth` (gone from the disk) ties" in line


def test_where_none_of_the_best_is_there_the_best_that_is_left_is_named(plateau):
    put(*(plateau / f"epoch_{epoch}.pth" for epoch in (2, 5, 40)))
    analysis = analyze(plateau, journals=False)
    line = choice(actions(analysis))
    assert line.startswith(
        f"`{BEST}` is the one to use, but it is gone from the disk (the best there is "
        "`epoch_40.pth`, 0.9095): digits/accuracy"
    )
    context = Context("key", "run", lambda: analysis, look=DISK)
    told = checkpoint(analysis, context)
    assert told.endswith("but it is gone from the disk; the best there is epoch_40.pth (0.9095).")
    put(plateau / "epoch_28.pth")  # the same weights by another name
    assert "(the best there is `epoch_28.pth`, " in choice(actions(analysis))


def test_a_report_names_what_a_message_names_where_only_the_fifth_is_there(plateau):
    analysis = analyze(plateau, journals=False)
    best = analysis.stop.checkpoints[0]
    chosen = tuple(replace(best, path=f"epoch_{number}.pth") for number in (28, 19, 22, 31, 25, 34))
    analysis = replace(analysis, stop=replace(analysis.stop, checkpoints=chosen))
    put(plateau / "epoch_25.pth")
    (line,) = (line for line in actions(analysis) if "epoch_25" in line)
    assert line.startswith("Use `epoch_25.pth` (on disk): ")
    assert "`epoch_28.pth` (gone from the disk), `epoch_19.pth` (gone" in line
    assert "epoch_34" not in line
    context = Context("key", "run", look=DISK)
    assert checkpoint(analysis, context).startswith("Use epoch_25.pth")


@pytest.mark.parametrize(
    ("name", "work_dir", "lies_in"),
    [
        ("epoch_{}.pth", None, "project/work/run"),
        ("epoch_{}.pth", "out/weights", "project/out/weights"),
        ("out/{}/model.pt", None, "project/out/{}/model.pt"),
        ("/elsewhere/run/checkpoint-{}", None, "project/work/run/checkpoint-{}"),
        (r"out\net_{}.pth", None, "project/out/net_{}.pth"),
        ("model_{}.ckpt", None, "project/work/run/model_{}.ckpt.index"),
    ],
)
def test_where_they_are_looked_for(tmp_path, name, work_dir, lies_in):
    log = tmp_path / "project/work/run/20240301_000000/train.log"
    put(log)
    names = [name.format(number) for number in (1, 2, 10)]
    analysis = saved(str(log), *names, work_dir=work_dir)
    assert on_disk(analysis, names) == {}
    where = lies_in if "{}" in lies_in else f"{lies_in}/{name}"
    put(tmp_path / where.format(10))
    assert on_disk(analysis, names) == {names[0]: False, names[1]: False, names[2]: True}


def test_the_newest_of_a_run_that_goes_on_may_be_written_just_now(tmp_path):
    put(tmp_path / "train.log", tmp_path / "epoch_1.pth")
    names = [f"epoch_{number}.pth" for number in (1, 2, 3)]
    for status, told in (("running", {}), ("crashed", {"epoch_3.pth": False})):
        found = on_disk(saved(str(tmp_path / "train.log"), *names, status=status), names)
        assert found == {"epoch_1.pth": True, "epoch_2.pth": False} | told


def test_a_name_of_another_kind_proves_nothing(tmp_path):
    """The log may name one kind of checkpoint otherwise than it is saved."""
    names = ["epoch_1.pth", "best_acc_epoch_1.pth"]
    put(tmp_path / "train.log", tmp_path / names[1])
    assert on_disk(saved(str(tmp_path / "train.log"), *names), names) == {names[1]: True}


@pytest.mark.parametrize("folder", ["", "work/run/"])
def test_the_one_that_is_the_best_is_gone_where_others_are_kept(tmp_path, folder):
    log = tmp_path / "train.log"
    names = [f"{folder}{one}" for one in ("epoch_1.pth", "best_acc_epoch_1.pth", "epoch_2.pth")]
    put(log, tmp_path / names[2])
    analysis = saved(str(log), *names)
    assert on_disk(analysis, names[1:2]) == {names[1]: False}
    put(tmp_path / names[1])
    assert on_disk(analysis, names[1:2]) == {names[1]: True}
    for name in names[1:]:
        (tmp_path / name).unlink()
    put(tmp_path / f"{folder}epoch_2.pt", tmp_path / "elsewhere/epoch_2.pth")
    assert on_disk(analysis, names[1:2]) == {}


def test_one_that_is_named_from_the_root_beside_the_log_needs_no_other(tmp_path):
    log, weights = tmp_path / "run/logs/train.log", str(tmp_path / "run/best_model.pt")
    put(log)
    assert on_disk(saved(str(log), weights), [weights]) == {weights: False}
    elsewhere = "/elsewhere/run/best_model.pt"
    assert on_disk(saved(str(log), elsewhere), [elsewhere]) == {}


def test_a_folder_that_cannot_be_looked_into_is_unknown(tmp_path):
    """The name leads through a file name that is too long: not there is not what that means."""
    put(tmp_path / "train.log", tmp_path / "1.pth")
    names = ["1.pth", "2.pth", "x" * 300 + "/2.pth", "\0/2.pth"]
    assert on_disk(saved(str(tmp_path / "train.log"), *names), names) == {
        "1.pth": True,
        "2.pth": False,
    }


def test_a_run_without_a_log_has_no_place_to_look():
    assert on_disk(saved("", "epoch_1.pth", "epoch_2.pth"), ["epoch_1.pth"]) == {}


def test_many_that_tie_are_gone_if_the_newest_is_there(tmp_path):
    """A run that keeps only its newest one, of which many were as good."""
    put(tmp_path / "train.log", tmp_path / "epoch_99.pth")
    names = [f"epoch_{number}.pth" for number in range(100)]
    found = on_disk(saved(str(tmp_path / "train.log"), *names), names[:60])
    assert found == dict.fromkeys(names[:60], False)


@pytest.mark.parametrize(
    "place", ["s3://elsewhere/run/", r"\\elsewhere\run" + "\\", "//elsewhere/run/"]
)
def test_a_server_is_never_called_on_and_what_lies_there_not_called_gone(
    tmp_path, monkeypatch, place
):
    put(tmp_path / "train.log", tmp_path / "epoch_2.pth")
    names = [f"{place}epoch_{number}.pth" for number in (1, 2)]
    analysis = saved(str(tmp_path / "train.log"), *names, work_dir=place)
    looked, stat = [], Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: looked.append(str(path)) or stat(path))
    assert on_disk(analysis, names) == {names[1]: True}
    assert looked and not any("elsewhere" in path for path in looked)


def test_each_place_is_looked_at_once(tmp_path, monkeypatch):
    """Disks may be slow, and what is not there is looked for in many places."""
    put(tmp_path / "train.log")
    names = [f"epoch_{number}.pth" for number in range(80)]
    looked, stat = [], Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: looked.append(path) or stat(path))
    assert on_disk(saved(str(tmp_path / "train.log"), *names), names[:40]) == {}
    assert looked and len(looked) == len(set(looked))
    assert len({path.name for path in looked}) == 60, "those asked for, and the newest twenty"
