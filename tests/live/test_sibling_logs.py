"""A log that is followed, and what the console beside it says of its run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from followed_logs import follow, settle, touch
from supervised import Pigeon, passes, supervisor

from copilot_analytics.live import sibling_logs
from copilot_analytics.live.replay import Replay
from copilot_analytics.live.watched import CRASHED, FINISHED

EPOCHS, STEPS = 8, 20
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "train.py", line 9, in <module>\n    main()\n'
    "RuntimeError: CUDA out of memory\n"
)


class Trainer:
    """Writes rows to metrics.csv and a bar an epoch to the console, as Lightning does."""

    def __init__(self, folder, clock=None, *, seed=0.0, console="console.log", version=0):
        self.log = folder / "lightning_logs" / f"version_{version}" / "metrics.csv"
        self.log.parent.mkdir(parents=True)
        self.console = folder / console
        self.clock, self.seed, self.epoch = clock, seed, 0
        self.log.write_text("epoch,step,train_loss,val_acc\n")
        self.say("GPU available: False, used: False\n")

    def say(self, text, path=None):
        path = path or self.console
        with path.open("a") as file:
            file.write(text)
        if self.clock is not None:
            touch(path, self.clock)

    def train(self, epochs=1):
        for _ in range(epochs):
            n, self.epoch = self.epoch, self.epoch + 1
            loss = 2.0 / (n + 1) + self.seed
            accuracy = 0.9 - 0.6 / (n + 1) - self.seed / 9
            rows = [f"{n},{n * STEPS + s - 1},{loss - 0.01 * s / STEPS:.6f}," for s in (5, 10, 15)]
            rows.append(f"{n},{(n + 1) * STEPS - 1},,{accuracy:.6f}")
            self.say("\n".join(rows) + "\n", self.log)
            bar = f"Epoch {n}: 100%|██████████| {STEPS}/{STEPS} [00:02<00:00,  9.5it/s, v_num=0, "
            self.say(f"{bar}train_loss={loss:.3f}, val_acc={accuracy:.3f}]\n")

    def finish(self):
        self.say(f"`Trainer.fit` stopped: `max_epochs={EPOCHS}` reached.\n")


def keys(following):
    return [event.key for event in following.log.run_events if event.kind == "status"]


@pytest.mark.parametrize("lean", [False, True])
def test_the_end_on_the_console_ends_the_run(lean, tmp_path, clock):
    trainer, journals = Trainer(tmp_path / "run", clock), tmp_path / "journals"
    journals.mkdir()
    trainer.train(3)
    following = follow(trainer.log, clock, journals=journals, lean=lean)
    settle(following, clock)
    for _ in range(3, EPOCHS):
        trainer.train()
        settle(following, clock, 30)
    assert following.status == "running"
    trainer.finish()
    settle(following, clock, 2000 if lean else 60)
    assert following.status == "finished" and keys(following).count("finished") == 1
    assert following.log.run.meta.planned_epochs == EPOCHS
    live = [following.log.relative(event) for event in following.log.run_events]
    following.close()

    again = follow(trainer.log, clock, journals=journals, lean=lean)
    settle(again, clock, 100)
    assert [again.log.relative(event) for event in again.log.run_events] == live
    again.close()
    replay = Replay(trainer.log, journals=journals)
    list(replay)
    assert [replay.log.relative(event) for event in replay.events] == live


def test_a_replay_of_the_folder_tells_once_what_the_journal_holds_too(tmp_path, clock):
    trainer, journals = Trainer(tmp_path / "run", clock), tmp_path / "journals"
    journals.mkdir()
    trainer.train(EPOCHS)
    trainer.say(TRACEBACK)
    following = follow(trainer.log, clock, journals=journals)
    settle(following, clock, 60)
    assert following.status == "crashed" and "CUDA out of memory" in _text(following, "crashed")
    following.close()
    for source in (False, journals):
        replay = Replay(tmp_path / "run", journals=source)
        list(replay)
        assert Counter(event.key for event in replay.events)["crashed"] == 1
        assert [one.kind for one in replay.log.run.iter_records()].count("crash") == 1
        assert Path(replay.log.path) == trainer.log


@pytest.mark.parametrize("crowd", [0, 9])
def test_a_traceback_in_a_file_without_training_is_the_crash(crowd, tmp_path, clock):
    trainer = Trainer(tmp_path / "run", clock, console="stderr.txt")
    for number in range(crowd):
        trainer.say("{}", trainer.log.with_name(f"settings_{number}.json"))
    trainer.train(4)
    trainer.console.write_text("")
    following = follow(trainer.log, clock)
    settle(following, clock, 10)
    assert following.status == "running"
    trainer.say(TRACEBACK)
    settle(following, clock, 60)
    assert following.status == "crashed" and "CUDA out of memory" in _text(following, "crashed")
    following.close()


def test_a_traceback_beside_the_log_of_a_process_that_lives_may_be_handled(tmp_path, clock):
    trainer = Trainer(tmp_path / "run", clock)
    trainer.train(4)
    errors = trainer.log.with_name("stderr.txt")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        following = follow(trainer.log, clock, pid=process.pid)
        settle(following, clock, 10)
        trainer.say(TRACEBACK, errors)
        settle(following, clock, 100)
        assert "crashed" not in keys(following)
        trainer.train()
        settle(following, clock, 10)
        trainer.say(TRACEBACK, errors)  # once more, and now it dies
        settle(following, clock, 40)
        assert "crashed" not in keys(following)
        process.communicate(b"\n")
    settle(following, clock, 60)
    assert keys(following)[-1] == "crashed" and "CUDA out of memory" in _text(following, "crashed")
    following.close()


def _text(following, key):
    return next(event.text for event in following.log.run_events if event.key == key)


@pytest.mark.parametrize("settings", [False, True], ids=["console", "args.yaml"])
def test_the_plan_is_known_at_once(settings, tmp_path, clock):
    trainer = Trainer(tmp_path / "run", clock)
    if settings:
        (trainer.log.parent / "args.yaml").write_text(f"epochs: {EPOCHS}\n")
    else:
        trainer.finish()  # an earlier call of `fit` within the same program
    trainer.train(4)
    following = follow(trainer.log, clock)
    following.step(clock.wall)
    clock.now += 1.0
    following.step(clock.wall)
    assert following.log.run.meta.planned_epochs == EPOCHS
    assert following.status == "running"
    following.close()


def test_another_run_in_the_folder_does_not_end_this_one(tmp_path, clock):
    """Not one of the same plan either, that comes equally far and finishes."""
    trainer = Trainer(tmp_path / "run", clock)
    other = Trainer(tmp_path / "run", clock, seed=0.3, console="other.log", version=1)
    other.log.unlink()
    trainer.console.unlink()
    trainer.train(EPOCHS)
    trainer.console.unlink()
    other.train(EPOCHS)
    other.say(TRACEBACK)
    following = follow(trainer.log, clock)
    settle(following, clock, 100)
    assert "crashed" not in keys(following) and following.log.run.meta.planned_epochs is None
    following.close()


def test_an_end_before_the_last_row_is_of_an_earlier_start(tmp_path, clock):
    trainer = Trainer(tmp_path / "run", clock)
    trainer.train(EPOCHS - 1)
    trainer.say(TRACEBACK)
    clock.now += 100.0
    trainer.say(f"{EPOCHS - 1},{EPOCHS * STEPS - 5},0.2,\n", trainer.log)
    following = follow(trainer.log, clock)
    settle(following, clock, 100)
    assert "crashed" not in keys(following)
    following.close()


def test_rows_that_come_after_all_make_it_run_again(tmp_path, clock):
    trainer = Trainer(tmp_path / "run", clock)
    trainer.train(EPOCHS - 2)
    following = follow(trainer.log, clock)
    settle(following, clock)
    trainer.say(TRACEBACK)
    settle(following, clock, 40)
    assert following.status == "crashed"
    trainer.train(2)
    settle(following, clock, 40)
    assert following.status == "running" and keys(following).count("crashed") == 1
    following.close()


def test_siblings_are_read_only_when_they_may_have_an_answer(tmp_path, clock, monkeypatch):
    trainer = Trainer(tmp_path / "run", clock)
    trainer.train(4)
    asked = Counter()
    digest = sibling_logs.Digest.of

    def counted(path):
        asked[path.name] += 1
        return digest(path)

    monkeypatch.setattr(sibling_logs.Digest, "of", counted)
    following = follow(trainer.log, clock, lean=True)
    for _ in range(30):
        trainer.say("x" * 100 + "\n")
        settle(following, clock, 20)
    assert asked["console.log"] <= 5  # for the plan: at once, then after 1, 2, 4 and 8 min
    before = asked.copy()
    with trainer.console.open("r+b") as file:
        os.truncate(file.fileno(), 300 << 10)
    touch(trainer.console, clock)
    settle(following, clock, 170)
    assert asked == before  # too large, and nothing is to be told yet
    following.close()


@pytest.mark.parametrize("crash", [False, True])
def test_a_watch_that_is_killed_tells_the_end_once(crash, ledger, tmp_path):
    trainer, pigeon = Trainer(tmp_path / "run"), Pigeon()
    trainer.train(4)
    watch = supervisor(ledger, [trainer.log], [pigeon])
    passes(watch, lambda: watch.runs[0].run_key)
    trainer.train(EPOCHS - 4)
    trainer.say(TRACEBACK) if crash else trainer.finish()
    past = trainer.log.stat().st_mtime - 30.0
    for path in (trainer.log, trainer.console):
        os.utime(path, (past, past))
    for _ in range(2):  # killed after it was told, and started anew
        watch = supervisor(ledger, [trainer.log], [pigeon])
        status = "crashed" if crash else "finished"
        passes(watch, lambda w=watch, s=status: w.runs[0].following.status == s)
        assert watch.runs[0].outcome == (CRASHED if crash else FINISHED)
    messages = [entry.message for entry in ledger.claim("pigeon", 4e9, limit=50)]
    assert len([one for one in messages if "CRASHED" in one.text or "FINISHED" in one.text]) == 1


def test_of_a_crowd_of_logs_none_is_asked(tmp_path, clock, monkeypatch):
    trainer = Trainer(tmp_path / "run", clock)
    trainer.train(EPOCHS)
    trainer.say(TRACEBACK)
    for number in range(4):
        trainer.say("epoch 1 loss 2.0\n", tmp_path / "run" / f"other{number}.log")
    monkeypatch.setattr(sibling_logs.Digest, "of", None)  # to read one fails
    following = follow(trainer.log, clock)
    settle(following, clock, 100)
    assert "crashed" not in keys(following)
    following.close()
