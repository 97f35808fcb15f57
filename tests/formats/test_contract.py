"""What every format must keep, over all that are found."""

from __future__ import annotations

import math
import pickle
import re

import numpy as np
import pytest
from statements import read_text, said

from copilot_analytics.formats._base import LineParser, LogFormat, Sample
from copilot_analytics.plugins import discover
from copilot_analytics.records import KINDS, Block, Item, Record
from copilot_analytics.schema import FACTS

FORMATS: list[LogFormat] = list(discover("copilot_analytics.formats", "FORMAT").values())
SAMPLES = [
    pytest.param(log_format, sample, id=f"{log_format.name}-{number}")
    for log_format in FORMATS
    for number, sample in enumerate(log_format.samples)
]


def _flat(items: list[Item]) -> list[Record]:
    return [
        record
        for item in items
        for record in (item.records() if isinstance(item, Block) else (item,))
    ]


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return one == other


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda f: f.name)
def test_is_declared_in_full(log_format: LogFormat) -> None:
    assert re.fullmatch(r"[a-z0-9_]+", log_format.name)
    assert log_format.title
    assert log_format.url.startswith("https://")
    assert log_format.samples
    assert log_format.smoothing is None or log_format.smoothing > 0
    assert {r.kind for s in log_format.samples for r in s.records} & {"train", "eval"}


@pytest.mark.parametrize(("log_format", "sample"), SAMPLES)
def test_sample_is_read_as_it_says(log_format: LogFormat, sample: Sample) -> None:
    records = _flat(list(read_text(log_format, sample.text)))
    assert [r.kind for r in records] == [r.kind for r in sample.records]
    for found, meant in zip(records, sample.records, strict=True):
        assert found.line == meant.line
        assert found.step == meant.step
        assert meant.epoch is None or _same(found.epoch, meant.epoch), found
        assert meant.time is None or found.time == meant.time
        for name, metric in meant.metrics.items():
            assert _same(found.metrics[name], metric), (name, found)
        for name, fact in meant.facts.items():
            assert found.facts[name] == fact, (name, found)


@pytest.mark.parametrize(("log_format", "sample"), SAMPLES)
def test_records_use_the_names_of_the_schema(log_format: LogFormat, sample: Sample) -> None:
    for record in _flat(list(read_text(log_format, sample.text))):
        assert record.kind in KINDS
        assert set(record.facts) <= {*FACTS.get(record.kind, ()), "note"}
        assert all(type(metric) is float for metric in record.metrics.values())


@pytest.mark.parametrize(("log_format", "sample"), SAMPLES)
def test_no_other_format_claims_a_sample(log_format: LogFormat, sample: Sample) -> None:
    raw = sample.text if isinstance(sample.text, bytes) else sample.text.encode()
    others = [f for f in FORMATS if f is not log_format and not f.is_fallback]
    assert not any(f.claims(raw) for f in others)
    if log_format.claims(raw):
        return
    lines = raw.decode().splitlines()
    own = log_format.confidence(lines)
    assert own > 0.5
    assert all(f.confidence(lines) < min(own, 0.5) for f in others)


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00" * 100,
        "{}\n[]\n{",
        "2024-01-01 10:00:00,000 - app - INFO - Epoch finished",
        "2024/01/01 10:00:00 - app - INFO - served 10 requests",
        "Epoch 1/5 - loss: 0.5",
        '{"epoch": 1, "loss": 0.5}\n{"step": 3, "time": "now"}',
    ],
)
def test_claims_nothing_foreign(log_format: LogFormat, text: str) -> None:
    if log_format.is_fallback and "loss" in text:
        pytest.skip("what no other format knows is a fallback's to read")
    assert not log_format.claims(text.encode())
    assert log_format.confidence(text.splitlines()) < 0.5
    assert _flat(list(read_text(log_format, text))) == []


@pytest.mark.parametrize(("log_format", "sample"), SAMPLES)
def test_state_survives_pickling_at_any_line(log_format: LogFormat, sample: Sample) -> None:
    plain = _flat(list(read_text(log_format, sample.text)))
    pickled = _flat(list(read_text(log_format, sample.text, pickled=True)))
    assert repr(plain) == repr(pickled)


@pytest.mark.parametrize(("log_format", "sample"), SAMPLES)
def test_fields_do_not_depend_on_the_digits_in_them(log_format: LogFormat, sample: Sample) -> None:
    parser = log_format.parser("")
    if not isinstance(parser, LineParser):
        return
    for line in str(sample.text).splitlines():
        fields = parser.fields(line)
        for digit in "0379" if fields else "":
            other = list(line)
            for field in fields or ():
                for position in range(field.start, field.end):
                    if line[position].isdigit():
                        other[position] = digit
            assert parser.fields("".join(other)) == fields
        for field in fields or ():
            float(line[field.start : field.end])
            assert line[field.start : field.end].strip() == line[field.start : field.end]
        names = [field.name for field in fields or ()]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("log_format", "sample"), SAMPLES)
def test_training_lines_mean_the_same_one_by_one_and_together(
    log_format: LogFormat, sample: Sample
) -> None:
    """A block of three equal lines is three blocks of one."""
    text = str(sample.text).splitlines()
    one, together = log_format.parser(""), log_format.parser("")
    if not isinstance(one, LineParser) or not isinstance(together, LineParser):
        return
    for number, line in enumerate(text, 1):
        fields = one.fields(line)
        if fields is None:
            assert repr(list(one.parse(line, number))) == repr(list(together.parse(line, number)))
            continue
        columns = {f.name: np.full(3, float(line[f.start : f.end])) for f in fields}
        numbers = np.full(3, number)
        whole = _flat(said(together.block(columns, numbers)))
        parts = [
            record
            for row in range(3)
            for record in _flat(
                said(
                    one.block(
                        {name: column[row : row + 1] for name, column in columns.items()},
                        numbers[row : row + 1],
                    )
                )
            )
        ]
        assert repr(whole) == repr(parts)
    assert repr(list(one.close())) == repr(list(together.close()))
    assert pickle.dumps(one)


@pytest.mark.parametrize(
    "log_format",
    [form for form in FORMATS if hasattr(type(form).confidence, "judges_each_line")],
    ids=lambda f: f.name,
)
def test_what_judges_each_line_is_as_sure_of_all_as_of_the_surest(log_format: LogFormat) -> None:
    for form in FORMATS:
        for sample in form.samples:
            if isinstance(sample.text, str):
                lines = sample.text.splitlines()
                alone = max(log_format.confidence([line]) for line in lines)
                assert log_format.confidence(lines) == alone, form.name
