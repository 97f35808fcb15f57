"""Which metric chooses the best checkpoint, told by the state that the Trainer saves with one."""

from __future__ import annotations

import json
import os

import pytest
from followed_logs import follow, settle, touch

from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.api import analyze
from copilot_analytics.live.following import Following
from copilot_analytics.live.replay import Replay

STEPS = 40  # of an epoch


class Trainer:
    """Prints dictionaries and saves states, as the Trainer of Hugging Face does.

    The accuracy gets better to the end, the loss is best in the second epoch.
    """

    def __init__(self, folder, clock=None, *, shift=0.0):
        self.console, self.out = folder / "console.log", folder / "out"
        self.clock, self.shift, self.epoch, self.history = clock, shift, 0, []
        self.console.touch()

    def say(self, step, **values):
        entry = {**values, "epoch": step / STEPS}
        self.history.append({**entry, "step": step})
        frame = f"\r {step / 4.8:.0f}%|###   | {step}/480 [00:05<00:50,  8.00it/s]"
        with self.console.open("a", newline="") as file:
            file.write(f"{entry}\n{frame}")
        if self.clock is not None:
            touch(self.console, self.clock)

    def train(self, epochs=1):
        for _ in range(epochs):
            first, self.epoch = self.epoch * STEPS, self.epoch + 1
            for step in range(first + 10, first + STEPS + 1, 10):
                self.say(step, loss=round(2.0 / (1 + step / 40) + self.shift, 4), grad_norm=0.5)
            self.say(first + STEPS, **self.result(self.epoch))

    def result(self, epoch):
        loss = round(0.7 + 0.02 * abs(epoch - 2) + self.shift, 4)
        return {"eval_loss": loss, "eval_accuracy": round(0.5 + 0.02 * epoch + self.shift, 4)}

    def save(self, metric="eval_loss", choose=min):
        values = [entry[metric] for entry in self.history if metric in entry] if metric else []
        state = self.out / f"checkpoint-{self.epoch * STEPS}" / "trainer_state.json"
        state.parent.mkdir(parents=True)
        document = {
            "best_metric": choose(values) if values else None,
            "epoch": float(self.epoch),
            "global_step": self.epoch * STEPS,
            "is_hyper_param_search": False,
            "log_history": self.history,
            "max_steps": 480,
        }
        state.write_text(json.dumps(document, indent=2))
        return state


def judged(following):
    return following.log.session.results.of(MetricAnalyzer).name


def test_a_run_is_judged_by_the_metric_that_chooses_its_best_checkpoint(tmp_path, clock):
    trainer = Trainer(tmp_path)
    trainer.train(8)
    assert analyze(tmp_path).metric.name == "eval_accuracy"
    newer = trainer.console.stat().st_mtime + 2.0
    os.utime(trainer.save(), (newer, newer))
    assert analyze(tmp_path).metric.name == analyze(trainer.out).metric.name == "eval_loss"
    for path in (tmp_path, trainer.console):
        following = follow(path, clock)
        settle(following, clock)
        assert judged(following) == "eval_loss"
        assert following.file == str(trainer.console)


def test_a_watch_learns_it_from_the_first_checkpoint_that_tells_it(tmp_path, clock):
    trainer = Trainer(tmp_path, clock)
    trainer.train(3)
    following = follow(trainer.console, clock)
    settle(following, clock)
    assert judged(following) == "eval_accuracy"
    trainer.save()
    settle(following, clock, 20.0)
    trainer.train(1)
    settle(following, clock)
    assert judged(following) == "eval_loss"


def test_a_watch_that_is_started_anew_judges_by_the_same_metric(tmp_path, clock):
    """The state is gone with its checkpoint by then."""
    trainer = Trainer(tmp_path, clock)
    trainer.train(3)
    journals = tmp_path / "journals"
    journals.mkdir()
    following = follow(trainer.console, clock, journals=journals)
    settle(following, clock)
    state = trainer.save()
    settle(following, clock, 20.0)
    state.unlink()
    trainer.train(2)
    again = follow(trainer.console, clock, journals=journals)
    settle(again, clock)
    assert judged(again) == "eval_loss"


def test_the_state_is_looked_at_before_an_end_is_told(tmp_path, clock):
    """A short run ends between two looks at its checkpoints, or before its first one is seen."""
    trainer = Trainer(tmp_path, clock)
    trainer.train(7)
    following = follow(trainer.console, clock)
    settle(following, clock, 100.0)
    assert judged(following) == "eval_accuracy"
    trainer.save()
    trainer.train(5)
    trainer.say(12 * STEPS, train_runtime=60.0, train_samples_per_second=4.0, train_loss=0.5)
    events = following.step(clock.wall)
    assert "finished" in [event.key for event in events]
    assert judged(following) == "eval_loss"
    report = analyze(tmp_path)
    assert judged(following) == report.metric.name
    assert following.log.session.results.of(MetricAnalyzer).best == report.metric.best


def test_a_state_that_was_ahead_of_the_log_is_asked_again_at_the_end(tmp_path, clock):
    """The console of a run may be buffered while its checkpoints are not."""
    trainer = Trainer(tmp_path, clock)
    trainer.train(3)
    shown, printed = trainer.console.read_bytes(), len(trainer.history)
    trainer.train(2)
    trainer.history = trainer.history[printed:]  # what the console has not shown yet
    trainer.save()
    whole = trainer.console.read_bytes()
    trainer.console.write_bytes(shown)
    touch(trainer.console, clock)
    following = follow(trainer.console, clock)
    settle(following, clock, 100.0)
    assert judged(following) == "eval_accuracy"
    with trainer.console.open("ab") as file:
        file.write(whole[len(shown) :] + b"\nTraceback (most recent call last):\n")
        file.write(b'  File "train.py", line 9, in <module>\n    step()\nKeyError: 7\n')
    touch(trainer.console, clock)
    events = settle(following, clock, 30.0)
    assert "crashed" in [event.key for event in events]
    assert judged(following) == "eval_loss" == analyze(tmp_path).metric.name


def test_a_report_of_the_console_alone_judges_as_its_watch_does(tmp_path, clock):
    trainer = Trainer(tmp_path, clock)
    trainer.train(8)
    trainer.save()
    following = follow(trainer.console, clock)
    settle(following, clock)
    report = analyze(trainer.console, journals=False)
    assert report.metric.name == judged(following) == "eval_loss"
    assert report.metric.best == following.log.session.results.of(MetricAnalyzer).best


def test_a_replay_judges_otherwise_from_where_its_watch_heard_of_the_choice(tmp_path, clock):
    trainer = Trainer(tmp_path, clock)
    trainer.train(3)
    journals = tmp_path / "journals"
    journals.mkdir()
    following = follow(trainer.console, clock, journals=journals)
    told = settle(following, clock)
    trainer.save()
    told += settle(following, clock, 20.0)
    trainer.train(2)
    told += settle(following, clock)
    following.close()
    best = [event for event in told if event.kind == "best"]
    assert [event.key for event in best][:2] == ["eval_accuracy", "eval_loss"]
    replay = Replay(trainer.console, journals=journals)
    list(replay)
    assert [event for event in replay.events if event.kind == "best"][-len(best) :] == best
    assert analyze(trainer.console, journals=journals).metric.name == "eval_loss"


@pytest.mark.parametrize("metric", [None, "eval_accuracy"])
def test_a_state_that_chooses_nothing_or_the_usual_metric_changes_nothing(tmp_path, clock, metric):
    trainer = Trainer(tmp_path)
    trainer.train(8)
    trainer.save(metric, max)
    following = follow(trainer.console, clock)
    settle(following, clock)
    assert judged(following) == "eval_accuracy"


def test_the_state_of_another_run_is_not_asked(tmp_path, clock):
    other = Trainer(tmp_path, shift=0.1)
    other.train(8)
    other.save()
    other.console.unlink()
    trainer = Trainer(tmp_path)
    trainer.train(8)
    following = follow(trainer.console, clock)
    settle(following, clock)
    assert judged(following) == "eval_accuracy"
    assert analyze(tmp_path).metric.name == "eval_accuracy"


def test_a_state_is_followed_only_where_no_log_is(tmp_path):
    trainer = Trainer(tmp_path)
    trainer.console.write_text("It loads\n")
    trainer.train(8)
    state = trainer.save()
    os.utime(state, (0, 0))
    assert Following(tmp_path).path == str(trainer.console)
    assert Following(trainer.out).path == str(state)
