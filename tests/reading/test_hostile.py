"""Inputs that break log readers; the numbers are those of no list but this one."""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
import time

import pytest
from toy_formats import TOYS, expanded

from copilot_analytics.errors import CopilotError
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.run import Run

GOOD = b"step 1: loss=1.0\n"
TAIL = b"step 2: loss=0.5\n"


def read(content, log_format=None, chunk=1 << 20):
    reader, launches = LogReader("x.log", log_format, formats=TOYS), LaunchFilter()
    items = []
    for start in range(0, len(content), chunk):
        for item in reader.feed(content[start : start + chunk]):
            items += launches.see(item)
    for item in reader.close():
        items += launches.see(item)
    return expanded([*items, *launches.close()])


def losses(content, **options):
    return [r.metrics["loss"] for r in read(content, **options) if r.kind == "train"]


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_a_line_of_100_mb_is_skipped(ending):
    assert losses(GOOD + b"x" * 100_000_000 + ending, chunk=4 << 20) == [1.0]
    assert losses(GOOD + b"x" * 100_000_000 + b"\n" + TAIL, chunk=1 << 28) == [1.0, 0.5]


def test_a_line_of_100_mb_costs_little_memory(tmp_path):
    log = tmp_path / "x.log"
    with log.open("wb") as stream:
        stream.write(GOOD)
        for _ in range(100):
            stream.write(b"1.5 " * 250_000)
        stream.write(b"\n" + TAIL)
    code = (
        "import sys, resource\n"
        "from toy_formats import TOYS\n"
        "from copilot_analytics.reading.parsing import LogReader\n"
        "from copilot_analytics.reading.sources import read_chunks\n"
        "reader = LogReader('x', formats=TOYS)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for chunk in read_chunks(sys.argv[1]): reader.feed(chunk)\n"
        "reader.close()\n"
        "assert reader.stats.training == 2 and reader.stats.too_long == 1\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    path = os.pathsep.join(sys.path)
    out = subprocess.run(
        [sys.executable, "-c", code, log], env={**os.environ, "PYTHONPATH": path}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert int(out.stdout) < 60 * 1024, "KiB beyond the start"


@pytest.mark.parametrize("log_format", [None, *TOYS, *known_formats()])
@pytest.mark.parametrize("letters", [
    b"a" * 40_000, b"a: " * 15_000, b"1" * 40_000, b"1." * 20_000, b" " * 40_000, b"[" * 40_000,
    b"a=" * 20_000, b"\x1b[" * 20_000, b"\x1b]" * 20_000, b"{" * 40_000, b'"' * 40_000,
    b"loss: " * 8_000, b"Traceback (" * 4_000, b"a." * 20_000, b"\x1b[1;" * 10_000,
])  # fmt: skip
def test_long_lines_take_linear_time(letters, log_format):
    formats = {**known_formats(), **TOYS}
    reader = LogReader("x.log", log_format, formats=formats)
    start = time.process_time()
    try:
        for prefix in (
            b"",
            b"step 1: ",
            b'{"step": 1, "mode": "train", "x": ',
            b"2024/01/01 00:00:00 - mmengine - INFO - Epoch(train) [1][1/2] ",
        ):
            reader.feed(prefix + letters + b"\n")
        reader.close()
    except CopilotError:
        pass
    # Where no format is named, every one of them looks at the line.
    assert time.process_time() - start < (8 if log_format is None else 2)


def test_nul_bytes_and_holes_vanish():
    assert losses(b"\0" * 5_000_000 + GOOD.replace(b" ", b" \0") + b"\0\0" + TAIL) == [1.0, 0.5]


def test_encodings_gone_wrong():
    for junk in (b"\xff\xfe\xfd", b"\xed\xa0\x80", b"\xc3", b"\xf0\x9f\x98", "损失".encode("gbk")):
        assert losses(GOOD + junk + b"\n" + TAIL) == [1.0, 0.5]
        assert losses(GOOD + TAIL + junk) == [1.0, 0.5]
    for encoding in ("utf-16", "utf-8-sig"):
        assert losses((GOOD + TAIL).decode().encode(encoding)) == [1.0, 0.5]
    assert losses((GOOD + TAIL).decode().encode("utf-16-le")) == [1.0, 0.5]


def test_line_ends_of_all_kinds_mixed():
    content = GOOD.replace(b"\n", b"\r\n") + b" 5%\r 10%\r100%\r\n" + TAIL.replace(b"\n", b"\r")
    records = [r for r in read(content) if r.kind == "train"]
    assert [(r.metrics["loss"], r.line) for r in records] == [(1.0, 1), (0.5, 3)]


def test_half_a_line_and_half_a_letter_are_completed_later():
    content = GOOD + "step 2: é loss=0.5\n".encode()
    for cut in range(1, len(content)):
        reader = LogReader("x.log", "toy_text", formats=TOYS)
        items = reader.feed(content[:cut]) + reader.feed(content[cut:])
        trained = [r.metrics["loss"] for r in expanded(items) if r.kind == "train"]
        assert trained == [1.0, 0.5]


def test_two_processes_in_one_file():
    content = b"".join(
        b"step %d: loss=%d.0 rank=%d\n" % (step, step, rank)
        for step in range(50)
        for rank in (0, 1)
    )
    records = read(content)
    assert len([r for r in records if r.kind == "train"]) == 100
    assert not any(r.kind == "launch" for r in records)


def test_steps_that_fall_after_a_resume_and_epochs_that_begin_again():
    steps = [*range(10, 100, 10), *range(50, 80, 10), *range(10, 30, 10)]
    content = b"".join(b"step %d: loss=1.0\n" % step for step in steps)
    records = read(content)
    assert [r.kind for r in records].count("launch") == 1
    run = Run.from_records(r for r in records if r.kind != "launch")
    assert run.train_log.segment[-1] == 2


@pytest.mark.parametrize(("text", "number"), [
    ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf"), ("1e999", "inf"), ("-0", "-0.0"),
    ("9" * 400, "inf"), ("0." + "1" * 400, repr(float("0." + "1" * 400))), ("1e-400", "0.0"),
])  # fmt: skip
def test_strange_numbers_are_what_float_makes_of_them(text, number):
    content = b"".join(f"step {i % 10}: loss={text}\n".encode() for i in range(40))
    assert {repr(loss) for loss in losses(content)} == {number}


@pytest.mark.parametrize("text", ["1_000", "1,5", "--1", "0x1F", "1e", "."])
def test_what_is_no_number_is_no_metric(text):
    assert losses(GOOD + f"step 2: loss={text}\n".encode()) == [1.0]


HOSTILE_JSON = [
    '{"step": 1, "step": 7, "mode": "train", "loss": 1, "loss": 2}',
    '{"step": 1, "mode": "train", "loss": NaN}',
    '{"a":' * 100_000 + "1" + "}" * 100_000,
    "[" * 100_000,
    "{" + ", ".join(f'"k{i}": {i}' for i in range(100_000)) + "}",
    '{"step": 1, "mode": "train", "loss": ' + "9" * 10_000 + "}",
    '{"step": ' + "9" * 400 + ', "mode": "train", "loss": 1}',
    '[{"step": 1}]',
    '"step"',
    '{"step": "1", "mode": "train", "loss": "0.5"}',
    '{"step": 1, "mode": "train", "loss": 1e999}',
    '{"step": null, "mode": ["train"], "loss": {}}',
    '{"step": 1, "mode": "train", "loss": 0.5',
]


@pytest.mark.parametrize("log_format", ["toy_json", *known_formats()])
def test_hostile_json_lines_do_not_hide_good_ones(log_format):
    formats = {**known_formats(), **TOYS}
    good = '{"step": 3, "mode": "train", "loss": 0.25}'
    reader = LogReader("x.log", log_format, formats=formats)
    items = []
    for line in [*HOSTILE_JSON, good, *HOSTILE_JSON, good, good, good]:
        items += reader.feed(line.encode() + b"\n")
    if log_format == "toy_json":
        records = [r for r in expanded(items) if r.kind == "train"]
        assert [r.metrics["loss"] for r in records].count(0.25) == 4
        assert [r.metrics["loss"] for r in records if r.step == 7] == [2.0, 2.0]


def test_names_without_number_are_read_in_bounded_memory():
    rows = (f"step {i}: m{i}=1.0\n" for i in range(40_000))
    reader = LogReader("x.log", formats=TOYS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(4):
        reader.feed("".join(next(rows) for _ in range(10_000)).encode())
    assert reader.stats.training == 40_000
    assert len(pickle.dumps(reader)) < 30 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    texts = (json.dumps({"step": i, "mode": "train", f"m{i}": 1.0}) for i in range(50_000))
    reader = LogReader("x.json", formats=TOYS)
    reader.feed("\n".join(texts).encode() + b"\n")
    assert reader.stats.training == 50_000
    assert len(pickle.dumps(reader)) < 5 << 20


def test_a_pickle_named_log_is_refused(tmp_path):
    for protocol in range(2, 6):
        (tmp_path / "x.log").write_bytes(pickle.dumps({"loss": [1.0] * 99}, protocol))
        with pytest.raises(CopilotError, match="pickle"):
            list(read_chunks(tmp_path / "x.log"))
