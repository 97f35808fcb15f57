"""TensorBoard event files: frames, both forms of scalars, tags that count differently."""

from __future__ import annotations

import itertools
import math
import os
import struct

import numpy as np
import pytest
from event_files import event, field, scalars, simple, tensor, version, whole
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics import read_run
from copilot_analytics.formats._event_frames import LENGTH, crc32c, framed, masked
from copilot_analytics.formats.tfevents import FORMAT
from copilot_analytics.live.finding import find_logs
from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.reading.run_folders import find_run
from copilot_analytics.records import Record, records_of
from copilot_analytics.run import Run


def read(raw: bytes, file: str = "events.out.tfevents.1.host", size: int | None = None):
    parser, items = FORMAT.parser(file), []
    for start in range(0, len(raw), size or max(len(raw), 1)):
        items += parser.feed(raw[start : start + (size or len(raw))])
    items += parser.close()
    return list(records_of(items))


def rows(records: list[Record]) -> list[tuple]:
    return [(r.kind, r.step, dict(r.metrics)) for r in records if r.kind in {"train", "eval"}]


def notes(records: list[Record]) -> list[str]:
    return [r.facts["note"] for r in records if "note" in r.facts]


def slow_crc32c(content: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize("size", [0, 1, 3, 4, 511, 512, 513, 516, 1024, 5000])
def test_check_sums_are_those_of_the_definition(size):
    content = os.urandom(size)
    buffer = np.frombuffer(b"xyz" + content + b"z", dtype=np.uint8)
    sums = crc32c(buffer, np.array([3, 0]), np.array([size, 3]))
    assert sums.tolist() == [slow_crc32c(content), slow_crc32c(b"xyz")]


@pytest.mark.parametrize(
    ("kind", "content", "number"),
    [
        (1, field(4, struct.pack("<f", 0.1)), float(np.float32(0.1))),
        (1, field(5, struct.pack("<f", 0.1)), float(np.float32(0.1))),
        (1, b"\x2d" + struct.pack("<f", 2.5), 2.5),
        (2, field(4, struct.pack("<d", 0.1)), 0.1),
        (2, field(6, struct.pack("<d", 0.1)), 0.1),
        (3, field(4, struct.pack("<i", -7)), -7.0),
        (3, field(7, whole(0, -7)[1:]), -7.0),
        (9, whole(10, -5), -5.0),
        (19, field(4, np.float16(0.5).tobytes()), 0.5),
        (19, whole(13, int(np.float16(1.5).view(np.uint16))), 1.5),
        (14, field(4, b"\x80\x3f"), 1.0),
        (1, field(4, struct.pack("<f", math.nan)), math.nan),
    ],
)
def test_tensors_of_one_number_are_scalars(kind, content, number):
    raw = version(1.7e9) + b"".join(
        event(1.7e9 + second, step, tensor("loss", kind, content))
        for second, step in enumerate((0, 1, 300), 1)
    )
    found = rows(read(raw))
    assert [step for _, step, _ in found] == [0, 1, 300]
    assert all(repr(metrics) == repr({"loss": number}) for _, _, metrics in found)


def test_images_texts_and_vectors_are_left_out():
    numbers = field(4, struct.pack("<ff", 1.0, 2.0))
    raw = version(1.7e9) + event(
        1.7e9, 5,
        tensor("grid", 7, field(8, b"png"), "images"),
        tensor("note", 7, field(8, b"text"), "text"),
        tensor("vector", 1, numbers, size=2),
        tensor("pr", 1, field(4, struct.pack("<f", 1.0)), "pr_curves"),
        field(1, b"histogram") + field(5, b"\x09" + bytes(8)),
        simple("loss", 2.0),
    )  # fmt: skip
    assert rows(read(raw)) == [("train", 5, {"loss": 2.0})]


def test_scalars_of_one_step_are_one_row_and_times_are_told():
    raw = scalars([(10, "train/loss", 2.0), (10, "lr", 0.5), (20, "train/loss", 1.0)])
    records = read(raw)
    assert rows(records) == [
        ("train", 10, {"loss": 2.0, "lr": 0.5}),
        ("train", 20, {"loss": 1.0}),
    ]
    assert [r.time for r in records[1:]] == [1.7e9 + 1, 1.7e9 + 3]
    assert records[0].facts["time_is_utc"] is True


def test_evaluations_that_count_epochs_stand_where_training_was():
    steps = []
    for epoch in range(4):
        steps += [(it, "loss_iter", 1.0) for it in range(epoch * 100, epoch * 100 + 100, 10)]
        steps += [(epoch, "val/acc", 0.5 + epoch / 10), (epoch, "train/epoch_acc", 0.5)]
    found = rows(read(scalars(steps)))
    assert [step for kind, step, _ in found if kind == "eval"] == [90, 190, 290, 390]
    train = [(step, metrics) for kind, step, metrics in found if kind == "train"]
    assert [step for step, _ in train] == list(range(0, 400, 10))
    assert all(("train/epoch_acc" in metrics) == (step % 100 == 90) for step, metrics in train)


def test_evaluations_that_count_samples_do_not_move_the_axis():
    steps = []
    for epoch in range(1, 4):
        steps += [(it, "loss", 1.0) for it in range(epoch * 100, epoch * 100 + 100, 10)]
        steps += [(epoch * 64_000, "val/acc", 0.5)]
    found = rows(read(scalars(steps)))
    assert [step for kind, step, _ in found if kind == "eval"] == [190, 290, 390]
    assert [step for kind, step, _ in found if kind == "train"] == list(range(100, 400, 10))


def test_an_evaluation_that_comes_late_keeps_its_step():
    steps = [(it, "loss", 1.0) for it in range(0, 100, 10)]
    steps += [(80, "eval/acc", 0.5), (100, "loss", 1.0), (110, "loss", 1.0)]
    found = rows(read(scalars(steps)))
    assert ("eval", 80, {"eval/acc": 0.5}) in found
    assert found[-1] == ("train", 110, {"loss": 1.0})


def test_a_counter_that_begins_again_is_another_run():
    steps = [(it, "loss", 1.0) for _ in range(2) for it in range(0, 1000, 50)]
    items = [*LaunchFilter().all(read(scalars(steps)))]
    assert [item.kind for item in items].count("launch") == 1


def test_folders_name_the_split():
    raw = scalars([(1, "epoch_loss", 2.0), (2, "epoch_loss", 1.0)])
    in_folder = read(raw, "logs/validation/events.out.tfevents.1.host.v2")
    assert [(r.kind, r.facts.get("split")) for r in in_folder[1:]] == [("eval", "val")] * 2
    assert rows(read(raw, "logs/train/events.out.tfevents.1.host.v2"))[0][0] == "train"
    assert rows(read(raw, "runs/my_test_run/events.out.tfevents.1"))[0][0] == "train"
    of_torch = scalars([(1, "loss", 2.0)])
    assert rows(read(of_torch, "runs/a/loss_val/events.out.tfevents.1"))[0][0] == "eval"


def test_test_results_choose_until_there_is_a_validation():
    only_test = read(scalars([(1, "acc/test", 0.5)]))
    both = read(scalars([(1, "acc/val", 0.5), (1, "acc/test", 0.5)]))
    assert [r.facts["split"] for r in only_test[1:]] == ["val"]
    assert [r.facts["split"] for r in both[1:]] == ["val", "test"]


def test_epochs_beside_the_steps_are_progress():
    of_hugging_face = scalars([(10, "train/loss", 2.0), (10, "train/epoch", 0.25)])
    of_lightning = scalars([(9, "train_loss", 2.0), (9, "epoch", 0), (19, "epoch", 1)])
    assert read(of_hugging_face)[1].epoch == 0.25
    assert [(r.step, r.epoch, dict(r.metrics)) for r in read(of_lightning)[1:]] == [
        (9, 0.0, {"loss": 2.0})
    ]


def test_times_of_an_evaluation_that_counts_epochs_are_not_those_of_training():
    steps = []
    for epoch in range(1, 4):
        for it in (10, 20):
            at = (epoch - 1) * 20 + it
            steps += [(at, "data_time", 0.25), (at, "loss", 1.0), (at, "time", 0.5)]
        steps += [(epoch, "coco/bbox_mAP", 0.5), (epoch, "data_time", 9), (epoch, "time", 9)]
    found = rows(read(scalars(steps), size=31))
    times = {"data_time_s": 0.25, "loss": 1.0, "iter_time_s": 0.5}
    train = [(step, metrics) for kind, step, metrics in found if kind == "train"]
    assert train == [(step, times) for step in range(10, 70, 10)]
    results = [(step, metrics) for kind, step, metrics in found if kind == "eval"]
    assert results == [(step, {"coco/bbox_mAP": 0.5}) for step in (20, 40, 60)]


def test_yolo_counts_epochs():
    records = read(scalars([(n, "train/box_loss", 1.0) for n in range(3)]))
    assert records[0].facts["step_unit"] == "epoch"
    assert [r.step for r in records[1:]] == [1, 2, 3]


@pytest.mark.parametrize("size", [None, 1, 29])
def test_damaged_content_ends_reading_with_a_note(size):
    whole_file = scalars([(n, "loss", float(n)) for n in range(1, 9)])
    step = len(event(1.7e9, 1, simple("loss", 1.0)))
    raw = bytearray(whole_file)
    raw[len(whole_file) - 2 * step - 6] ^= 1  # in the content of the sixth
    records = read(bytes(raw), size=size)
    assert [r.step for r in records if r.kind == "train"] == [1, 2, 3, 4, 5]
    assert notes(records) == ["nothing was read from record 7 on: its content is damaged"]


@pytest.mark.parametrize("size", [None, 1])
def test_a_damaged_or_absurd_length_ends_reading_with_a_note(size):
    good = scalars([(1, "loss", 1.0)])
    absurd = LENGTH.pack(1 << 63)
    check = masked(crc32c(np.frombuffer(absurd, np.uint8), np.array([0]), np.array([8])))
    for header, why in (
        (absurd + check.tobytes(), "longer than 1 GiB"),
        (LENGTH.pack(50) + b"\1\2\3\4", "length is damaged"),
    ):
        records = read(good + header + good, size=size)
        assert [r.step for r in records if r.kind == "train"] == [1]
        assert len(notes(records)) == 1 and why in notes(records)[0]


def test_a_record_that_is_cut_off_is_said():
    raw = scalars([(1, "loss", 1.0), (2, "loss", 0.5)])
    for cut in range(1, len(event(1.7e9, 2, simple("loss", 0.5)))):
        records = read(raw[:-cut])
        assert rows(records) == [("train", 1, {"loss": 1.0})]
        assert notes(records) == ["the last record is cut off"]


def test_frames_without_events_give_nothing():
    raw = version(1.7e9) + framed(b"\x09short") + framed(b"") + framed(os.urandom(300))
    assert rows(read(raw)) == []
    assert not FORMAT.claims(framed(b"\x0a\x03abc" + bytes(20)))  # a data set, not events


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 5, 127, 128, 20_000, 2**40, -1]),
            st.sampled_from(["train/loss", "val/acc", "lr", "epoch", "test/acc", "iter", "ä"]),
            st.floats(width=32),
            st.booleans(),
        ),
        max_size=30,
    ),
    st.integers(1, 90),
)
def test_any_cut_gives_the_same_records(steps, size):
    events = [
        event(
            1.7e9 + n, step,
            tensor(tag, 1, field(4, struct.pack("<f", number)))
            if is_tensor else simple(tag, number),
        )
        for n, (step, tag, number, is_tensor) in enumerate(steps)
    ]  # fmt: skip
    raw = version(1.7e9) + b"".join(events)
    assert repr(read(raw)) == repr(read(raw, size=size))


def test_layouts_give_the_numbers_of_single_parsing():
    """What is taken from its place is what a parse of that event alone gives."""
    tags = ["a", "b/c", "loss" * 40]
    steps = [0, 1, 127, 128, 16_384, 2_097_152]
    made = list(itertools.product(steps, tags))
    many = b"".join(event(1.7e9 + s, s, simple(t, s / 7)) for s, t in made)
    together = rows(read(version(1.7e9) + many))
    alone = [
        rows(read(version(1.7e9) + event(1.7e9 + s, s, simple(t, s / 7))))[0][2] for s, t in made
    ]
    joined = [metrics for _, _, metrics in together]
    assert joined == [{k: v for one in alone[n : n + 3] for k, v in one.items()}
                      for n in range(0, len(alone), 3)]  # fmt: skip


def test_event_files_are_found_and_read(tmp_path):
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    path = folder / "events.out.tfevents.1700000000.host"
    path.write_bytes(scalars([(n, "train/loss", 1 / n) for n in range(1, 40)]))
    assert find_run(tmp_path) == path
    found = find_logs(tmp_path, look_s=0.0, sleep=lambda _: None)
    assert found.chosen is not None and found.chosen.log_format == FORMAT.title
    run = read_run(path)
    assert isinstance(run, Run)
    assert run.train_series("loss").step.tolist() == list(range(1, 40))


def test_many_events_at_once_are_what_each_is_alone():
    tags = ["loss", "lr", "train/acc", "val/acc", "time/fps", "a" * 40]
    parts = [version(1.7e9)]
    for step in range(0, 90_000, 300):
        for place, tag in enumerate(tags):
            number = step / 7 + place
            value = simple(tag, number)
            if place % 3 == 1:
                value = tensor(tag, 1, field(4, struct.pack("<f", number)))
            parts.append(event(1.7e9 + step, step, value))
    raw = b"".join(parts)
    together, alone = read(raw), read(raw, size=400)
    assert together == alone
    assert len(rows(together)) == 2 * 300


def test_what_keras_tells_by_iterations_too_is_told_once() -> None:
    rows = []
    for epoch in range(3):
        rows.append((20 * epoch + 20, "evaluation_loss_vs_iterations", 0.5**epoch))
        rows.append((epoch, "epoch_loss", 0.5**epoch))
    records = [r for r in read(scalars(rows)) if r.metrics]
    assert [(r.step, dict(r.metrics)) for r in records] == [
        (epoch + 1, {"loss": 0.5**epoch}) for epoch in range(3)
    ]
