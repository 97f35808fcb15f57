"""Texts of a clock, many at once, are what they are one by one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.formats._clock_texts import clock_seconds
from copilot_analytics.reading.clock_columns import clock_text
from copilot_analytics.reading.decimals import PADDING, Digits
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block

DURATIONS = st.builds(
    "{}{}:{:02d}:{:02d}".format,
    st.sampled_from(["", "1 day, ", "2 days, ", "117 days, "]),
    st.integers(0, 2000),
    st.integers(0, 59),
    st.integers(0, 59),
)
STAMPS = st.builds(
    lambda when, mark, zone: f"{when.isoformat(sep=mark)}{zone}",
    st.datetimes(),
    st.sampled_from("T "),
    st.sampled_from(["", "Z", "+02:00", "-05:30"]),
)
ODD = st.sampled_from(
    ["", "N/A", "0:1:02", "1:00", "-1:00:00", "1 day 0:00:10", "0:00:1x", "x:00:10"]
)


@given(st.lists(DURATIONS | STAMPS | ODD, min_size=1, max_size=40), st.data())
def test_many_texts_mean_what_each_means_alone(texts: list[str], data: st.DataObject) -> None:
    model = clock_text(data.draw(st.sampled_from(texts)).encode())
    if model is None:
        return
    padding = b" " * PADDING
    parts = [text.encode() for text in texts]
    raw = padding + b"".join(b'"' + part + b'"' for part in parts) + padding
    sizes = np.array([len(part) + 2 for part in parts])
    begin = PADDING + np.cumsum(sizes) - sizes + 1
    seconds, good = model.seconds(Digits(raw), begin, begin + sizes - 2)
    for place, text in enumerate(texts):
        if good[place]:
            assert seconds[place] == clock_seconds(text)


def _rows(count: int, *, days: bool) -> list[str]:
    rows = []
    for step in range(1, count + 1):
        left = (count - step) * 977
        clock = f"{left % 86_400 // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        if days and left >= 86_400:
            clock = f"{left // 86_400} day{'s' if left >= 172_800 else ''}, {clock}"
        row = {"current_steps": step, "total_steps": count, "loss": 1 / step, "lr": 1e-4}
        row |= {"epoch": step / 100, "percentage": 1.0, "elapsed_time": f"0:{step // 60:02d}:07"}
        rows.append(json.dumps(row | {"remaining_time": clock}))
    return rows


def _blocks(text: str, size: int) -> list[Block]:
    reader = LogReader("trainer_log.jsonl")
    raw = text.encode()
    items = [item for at in range(0, len(raw), size) for item in reader.feed(raw[at : at + size])]
    return [item for item in (*items, *reader.close()) if isinstance(item, Block)]


@pytest.mark.parametrize("days", [False, True])
def test_rows_with_durations_are_the_same_together_and_alone(days: bool) -> None:
    text = "\n".join(_rows(300, days=days)) + "\n"
    together, alone = (_blocks(text, size) for size in (1 << 20, 150))
    for name in ("loss", "eta_s"):
        one, other = (np.concatenate([b.metrics[name] for b in bs]) for bs in (together, alone))
        assert one.tolist() == other.tolist()
    times = [np.concatenate([block.time for block in blocks]) for blocks in (together, alone)]
    assert times[0].tolist() == times[1].tolist()
    assert len(together) < len(alone)


def test_time_stamps_of_json_lines_tell_the_time() -> None:
    rows = [
        {"ts": f"2024-01-01T00:{n // 60:02d}:{n % 60:02d}.5Z", "step": n, "loss": 1 / (n + 1)}
        for n in range(200)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    times = np.concatenate([block.time for block in _blocks(text, 1 << 20)])
    assert times.tolist() == [1704067200.5 + n for n in range(200)]
