"""Bars of long epochs: points within the epoch, from the first frames on."""

from __future__ import annotations

import pytest
from home_logs import facts, points, read

from copilot_analytics.formats.home_text import FORMAT

TOTAL, HELD_OUT = 2000, 250


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def bar(title: str, done: int, total: int, postfix: str, took_s: float = 0.5) -> str:
    """Return a frame as tqdm draws it, without a postfix before the first batch."""
    head = f"{title}{100 * done // total:3d}%|{'#' * (10 * done // total):10s}| {done}/{total} "
    if not done:
        return f"{head}[00:00<?, ?it/s]"
    rate = f"{1 / took_s:.2f}it/s" if took_s < 1 else f"{took_s:.2f}s/it"
    left = clock((total - done) * took_s)
    return f"{head}[{clock(done * took_s)}<{left}, {rate}, {postfix}]"


def loss(epoch: int, done: int, total: int) -> float:
    return round(1 / (epoch + done / total), 4)


def epoch_of(
    number: int,
    title: str = "Epoch {}/3: ",
    held_out: str = "Validation: ",
    apart: int = 4,
    *,
    end: str = "",
) -> str:
    """Return an epoch's two bars, redrawn with a carriage return unless a line ends each frame."""
    begin = "" if end else "\r"
    frames = [
        bar(title.format(number), n, TOTAL, f"loss={loss(number, n, TOTAL)}, lr=2e-4")
        for n in range(0, TOTAL + 1, apart)
    ]
    judged = [
        bar(held_out, n, HELD_OUT, f"loss={loss(number, n, HELD_OUT) + 1}")
        for n in range(0, HELD_OUT + 1, 10)
    ]
    lines = [f"{begin}{frame}{end}" for frame in (*frames, *judged)]
    return "".join([*lines[: len(frames)], "\n", *lines[len(frames) :], "\n"])


@pytest.mark.parametrize(
    ("title", "held_out"),
    [
        ("Epoch {}/3: ", "Validation: "),
        ("Epoch {}/3: ", "Epoch 0 [valid]: "),
        ("Epoch [{}/3] ", "Validating: "),
        ("Training: ", "Val: "),
        ("", ""),
        ("", "eval "),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_long_bars_are_points_within_their_epochs(title: str, held_out: str, end: str) -> None:
    text = "".join(epoch_of(e, title, held_out.replace("0", str(e)), end=end) for e in (1, 2, 3))
    records = read(text)
    trained = points(records, "train")
    assert [step for step, _ in trained[-100:]] == list(range(4020, 6001, 20))
    assert [m["loss"] for _, m in trained[-100:]] == [
        loss(3, n, TOTAL) for n in range(20, 2001, 20)
    ]
    assert {(m["lr"], m["iter_time_s"]) for _, m in trained} == {(2e-4, 0.5)}
    assert [r.epoch for r in records if r.kind == "train"][-50] == 2.51
    assert [
        (r.epoch or (r.step or 0) / TOTAL, r.metrics["loss"]) for r in records if r.kind == "eval"
    ] == [(e, loss(e, HELD_OUT, HELD_OUT) + 1) for e in (1, 2, 3)]
    assert facts(records)["steps_per_epoch"] == TOTAL


def test_a_log_opens_with_the_first_frames_of_a_long_bar() -> None:
    lines = epoch_of(1).split("\r")
    assert FORMAT.confidence(lines[:3]) < 0.5
    assert FORMAT.confidence(lines[:6]) > 0.5
    assert FORMAT.confidence(lines[:8]) > 0.95
    steps = [step for step, _ in points(read("\r".join(lines[:12])), "train")]
    assert steps == [4, 8, 12, 16, 20, 24, 28, 32, 36]
    assert len(points(read(epoch_of(1)), "train")) < 150


def test_in_the_middle_of_an_epoch_its_last_point_says_where_training_is() -> None:
    half = epoch_of(1) + epoch_of(2)[: len(epoch_of(2)) // 3]
    last = [r for r in read(half) if r.kind == "train"][-1]
    assert last.step is not None and 2000 < last.step < 3200
    assert last.epoch == pytest.approx(last.step / TOTAL)


def test_cuts_of_the_bytes_do_not_matter() -> None:
    text = epoch_of(1, "") + epoch_of(2, "")
    whole = repr(read(text))
    for cuts in (range(0, len(text), 97), range(5, len(text), 1013), (len(text) // 2,)):
        assert repr(read(text, cuts)) == whole


@pytest.mark.parametrize("first", [0, 1])
def test_lines_below_untitled_bars_name_their_epochs(first: int) -> None:
    text = "".join(
        epoch_of(e + 1, "", "") + f"Epoch {e + first}: train_loss=1.{e} val_loss=2.{e}\n"
        for e in range(3)
    )
    records = read(text)
    trained = [(s, m) for s, m in points(records, "train") if "loss" in m]
    assert [step for step, _ in trained][-100:] == list(range(4020, 6001, 20))
    summed = [(s, m["train_loss"]) for s, m in points(records, "train") if "train_loss" in m]
    assert summed == [(2000, 1.0), (4000, 1.1), (6000, 1.2)]
    ends = [(r.epoch, r.metrics["val_loss"]) for r in records if "val_loss" in r.metrics]
    assert ends == [(1, 2.0), (2, 2.1), (3, 2.2)]


def test_headers_name_the_epochs_of_bars_below_them() -> None:
    text = "".join(f"Epoch {e}/3\n{epoch_of(e, '', 'val ')}" for e in (1, 2, 3))
    records = read(text)
    assert [step for step, _ in points(records, "train")][-1] == 6000
    assert [r.epoch for r in records if r.kind == "eval"] == [1, 2, 3]
    assert facts(records)["planned_epochs"] == 3


def test_a_warning_in_the_middle_of_an_untitled_bar_begins_no_epoch() -> None:
    frames = epoch_of(1, "", "").split("\r")
    text = "\r".join([*frames[:200], "\ntoy.py:3: UserWarning: something is slow\n", *frames[200:]])
    assert points(read(text), "train")[-1] == (2000, {"loss": 0.5, "lr": 2e-4, "iter_time_s": 0.5})


def test_the_bar_over_epochs_stands_around_those_within() -> None:
    text = ""
    for e in (1, 2, 3):
        text += bar("\rEpochs: ", e - 1, 3, f"val_loss=2.{e - 1}", took_s=1000)
        text += epoch_of(e, "Train: ", "Val: ").replace("\r", "\n\r").replace("]", "]\x1b[A")
    records = read(text + bar("\rEpochs: ", 3, 3, "val_loss=2.3", took_s=1000))
    assert points(records, "train")[-1][0] == 6000
    assert facts(records)["planned_epochs"] == 3
    judged = [
        (r.epoch or (r.step or 0) / TOTAL, r.metrics["val_loss"])
        for r in records
        if "val_loss" in r.metrics
    ]
    assert judged == [(1, 2.1), (2, 2.2), (3, 2.3)]


def test_a_bar_of_few_slow_batches_is_long_after_a_minute() -> None:
    text = "".join(
        "\r" + bar(f"Epoch {e}: ", n, 80, f"loss={loss(e, n, 80)}", took_s=4.5)
        for e in (1, 2)
        for n in range(81)
    )
    trained = points(read(text), "train")
    assert [step for step, _ in trained] == [*range(14, 161)]
    assert trained[0][1]["iter_time_s"] == 4.5


def test_the_loss_of_a_title_may_become_tiny_in_the_middle_of_a_bar() -> None:
    text = "".join(
        "\r" + bar(f"loss {1 / n:.2e}: " if n < 1500 else "loss nan: ", n, TOTAL, "x=1")
        for n in range(4, TOTAL + 1, 4)
    )
    steps = [step for step, _ in points(read(text), "train")]
    assert steps[-1] == 2000
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("title", "postfix"),
    [
        ("", "x={}"),
        ("", "acc={}"),
        ("Evaluating: ", "loss={}"),
        ("test ", "loss={}"),
        ("Extracting features: ", "loss={}"),
        ("Validation: ", "loss={}, acc=0.5"),
    ],
)
def test_other_long_bars_are_no_training(title: str, postfix: str) -> None:
    frames = [bar(title, n, TOTAL, postfix.format(loss(1, n, TOTAL))) for n in range(0, TOTAL, 4)]
    assert FORMAT.confidence(frames) < 0.5
