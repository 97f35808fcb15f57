"""Whatever numbers a log prints, nothing but a clear error comes out."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_analytics.analysis import Analysis
from copilot_analytics.engine import Session
from copilot_analytics.errors import CopilotError
from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Record
from copilot_analytics.report.document import to_json
from copilot_analytics.report.markdown import render

TEXTS = sorted(
    (log_format.name, sample.text)
    for log_format in known_formats().values()
    for sample in log_format.samples
    if isinstance(sample.text, str)
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
PRINTED = (
    "nan",
    "NaN",
    "inf",
    "-inf",
    "0",
    "-1",
    "1e308",
    "-1e-308",
    "1e400",
    "null",
    "",
    "9" * 25,
)
ODD = (float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e300, -1e-300, 1e12)


def judge(items):
    session = Session(path="odd.log")
    for item in items:
        session.update(item)
    session.close()
    analysis = Analysis.of(session)
    json.loads(to_json(analysis), parse_constant=pytest.fail)  # strict JSON
    assert render(analysis, {}).startswith("# ")


@settings(max_examples=600)
@given(data=st.data())
def test_odd_numbers_in_the_place_of_any_in_a_log(data: st.DataObject) -> None:
    name, text = data.draw(st.sampled_from(TEXTS))
    places = list(NUMBER.finditer(text))
    if not places:
        return
    for place in sorted(
        data.draw(st.lists(st.sampled_from(range(len(places))), max_size=4, unique=True)),
        reverse=True,
    ):
        start, end = places[place].span()
        text = text[:start] + data.draw(st.sampled_from(PRINTED)) + text[end:]
    with suppress(CopilotError):
        reader = LogReader("odd.log", name)
        judge([*reader.feed(text.encode()), *reader.close()])


numbers = st.one_of(st.sampled_from(ODD), st.floats(width=32, allow_nan=True))
records = st.builds(
    Record,
    kind=st.sampled_from(["train", "train", "train", "eval"]),
    step=st.integers(-3, 400),
    epoch=st.one_of(st.none(), st.floats(0, 20)),
    time=st.one_of(st.none(), st.floats(0, 1e9)),
    metrics=st.dictionaries(
        st.sampled_from(["loss", "loss_b", "lr", "acc", "iter_time_s", "grad_norm", "memory_mib"]),
        numbers,
    ),
)


@settings(max_examples=150)
@given(
    st.lists(records, max_size=60),
    st.dictionaries(
        st.sampled_from(["planned_epochs", "planned_steps", "steps_per_epoch"]), st.integers(1, 500)
    ),
)
def test_records_with_odd_numbers_are_judged(rows: list[Record], facts: dict[str, int]) -> None:
    judge([Record("config", facts=facts), *rows])
