"""Home-made logs made from random templates whose meaning is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from home_logs import facts, points, read
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_analytics.formats.home_text import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Habit:
    """How somebody prints a training line: where it stands, and the plan that it states."""

    write: Callable[[int, int, int, int], str]  # epoch from 0, iteration from 0, totals
    states_epochs: bool
    states_length: bool


HABITS = [
    Habit(lambda e, i, es, n: f"Epoch [{e + 1}/{es}] Step [{i + 1}/{n}]", True, True),
    Habit(lambda e, i, es, n: f"Epoch: [{e}][{i}/{n}]", False, True),
    Habit(lambda e, i, _, n: f"[Epoch {e} Batch {i + 1}/{n}]", False, True),
    Habit(lambda e, i, es, n: f"epoch {e + 1} of {es}, iter {i + 1} / {n},", True, True),
    Habit(lambda e, i, es, n: f"Ep {e + 1:03d}/{es:03d} - {i + 1}/{n} -", True, True),
    Habit(lambda e, i, es, n: f"[{e + 1}/{es}][{i + 1}/{n}]", True, True),
    Habit(lambda e, i, es, n: f"[{e + 1}, {i + 1:5d}]", False, False),
    Habit(lambda e, i, es, n: f"(epoch: {e + 1}, iters: {e * n + i + 1})", False, False),
    Habit(lambda e, i, es, n: f"Step {e * n + i + 1}/{es * n}:", False, False),
    Habit(lambda e, i, es, n: f"global_step={e * n + i + 1:,} |", False, False),
]
STAMPS = ["", "2024-03-01 10:20:{:02d},500 - train - INFO - ", "[03/01 10:20:{:02d}] ", "[rank0]: "]
NAMES = ["loss", "train_loss", "KD Loss", "acc", "Acc@1", "mIoU", "loss_cls"]
NOISE = [
    "Saved new best model with val loss 0.0123",
    "GPU memory: 10.5 GB (max: 12.0)",
    "/site-packages/torch/optim.py:28: UserWarning: 1.0 is deprecated",
    "Downloading weights: 50%|#####     | 5/10 [00:01<00:01, 3.1MB/s]",
    "    (conv1): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2))",
    "[rank3]: something took 0.5 s",
]


@st.composite
def logs(draw: st.DrawFn) -> tuple[str, list[tuple[int, dict[str, float]]], Habit, int, int, list]:
    habit = draw(st.sampled_from(HABITS))
    epochs, length = draw(st.integers(2, 4)), draw(st.integers(3, 6))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    if not any("loss" in name.lower() for name in names):
        names = ["loss", *names]
    join, apart = (
        draw(st.sampled_from([": ", "=", " = ", ":", " "])),
        draw(st.sampled_from([", ", " | ", "\t", "  ", " - ", " || "])),
    )
    stamp = draw(st.sampled_from(STAMPS))
    noise = draw(st.lists(st.sampled_from(NOISE), max_size=3))
    own_line = draw(st.booleans())
    lines, trained, judged, at = ["nohup: ignoring input"], [], [], 0
    for epoch in range(epochs):
        for i in range(length):
            numbers = {name: at / 8 + place + 0.25 for place, name in enumerate(names)}
            pairs = apart.join(f"{name}{join}{number:.4f}" for name, number in numbers.items())
            lines.append(f"{stamp.format(at % 60)}{habit.write(epoch, i, epochs, length)} {pairs}")
            at += 1
            trained.append((at, numbers))
            lines += noise[:1] if i == 1 else []
        lines += noise[1:]
        if own_line:
            lines.append(f"{stamp.format(at % 60)}Val loss: {at / 4:.4f}, Acc: {at}.50%")
            judged.append({"Val loss": at / 4, "Acc": at + 0.5})
    return "\n".join(lines) + "\n", trained, habit, epochs, length, judged


@settings(max_examples=200, deadline=None)
@given(logs())
def test_random_logs_are_read_as_they_were_meant(log: tuple) -> None:  # type: ignore[type-arg]
    text, trained, habit, epochs, length, judged = log
    records = read(text)
    assert points(records, "train") == trained
    assert [metrics for _, metrics in points(records, "eval")] == judged
    assert all(r.facts["split"] == "val" for r in records if r.kind == "eval")
    told = facts(records)
    assert told.get("planned_epochs") == (epochs if habit.states_epochs else None)
    if habit.states_length:
        assert told["steps_per_epoch"] == length
    assert FORMAT.confidence(text.splitlines()) > 0.95


@settings(max_examples=60, deadline=None)
@given(logs(), st.lists(st.integers(0, 10**6), max_size=12))
def test_cuts_do_not_matter(log: tuple, cuts: list[int]) -> None:  # type: ignore[type-arg]
    assert repr(read(log[0], cuts)) == repr(read(log[0]))


EPOCH_ENDS = [
    lambda e, es, t, v: f"Epoch {e + 1}/{es} | LR: 0.001 | Train Loss: {t} | Val Loss: {v}",
    lambda e, es, t, v: f"Epoch: {e + 1}, Training Loss: {t}, Validation Loss: {v}",
    lambda e, es, t, v: f"epoch {e:02d}: train_loss={t} val_loss={v} time=3.5s",
    lambda e, es, t, v: f"第 {e + 1} 轮 训练损失: {t}, 验证损失: {v}",
    lambda e, es, t, v: f"Epoch {e + 1}/{es}\n----------\ntrain Loss: {t} Acc: 0.5\nval Loss: {v}",
    lambda e, es, t, v: f"epoch:  {e}\ntrain loss : {t}\nvalidation loss: {v}",
    lambda e, es, t, v: f"[Epoch {e}] loss {t}, time 3.25 s\n[Epoch {e}] valid loss {v}",
    lambda e, es, t, v: (
        f"Epoch {e + 1}:   0%|     | 0/9 [00:00<?, ?it/s]\r"
        f"Epoch {e + 1}: 100%|#####| 9/9 [00:04<00:00, 2.1it/s, loss={t}]\n"
        f"Epoch {e + 1}: 100%|#####| 9/9 [00:04<00:00, 2.1it/s, loss={t}]\nVal Loss: {v}"
    ),
    lambda e, es, t, v: (
        f"Train Epoch: {e + 1} Loss: {t}: 100%|#| 50/50 [00:04<00:00, 2.1it/s]\n"
        f"Test set: Average loss: {v}, Acc@1: 8.5%"
    ),
]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(EPOCH_ENDS),
    st.lists(st.tuples(st.floats(0.001, 99), st.floats(0.001, 99)), min_size=4, max_size=8),
)
def test_lines_of_epochs_are_read_as_they_were_meant(
    write: Callable[[int, int, float, float], str], losses: list[tuple[float, float]]
) -> None:
    losses = [(round(t, 4), round(v, 4)) for t, v in losses]
    text = "\n".join(write(e, len(losses), t, v) for e, (t, v) in enumerate(losses)) + "\n"
    records = read(text)

    def of(kind: str) -> list[float]:
        found = [r for r in records if r.kind == kind and r.metrics]
        return [
            next(n for name, n in r.metrics.items() if "oss" in name or "损失" in name)
            for r in found
        ]

    assert of("train") == [t for t, _ in losses]
    assert of("eval") == [v for _, v in losses]
    assert [r.step for r in records if r.kind == "train"] == list(range(1, len(losses) + 1))
    assert [r.epoch for r in records if r.kind == "eval"] == list(range(1, len(losses) + 1))
    assert facts(records)["step_unit"] == "epoch"
    assert FORMAT.confidence(text.splitlines()) > 0.95
