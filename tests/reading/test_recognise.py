"""Which file is taken for a log by its first bytes."""

from __future__ import annotations

import pytest

from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.recognise import recognise


@pytest.fixture(scope="module")
def training(sample_logs):
    (path,) = (sample_logs / "digits_step").glob("*/*.log")
    return path.read_bytes()


def chunks(*parts, size=1 << 18):
    whole = b"".join(parts)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def test_a_line_too_long_to_be_read_hides_no_log_behind_it(training):
    dump = b"config: " + b"x" * (20 << 20) + b"\n"
    found = recognise(chunks(dump, dump, training), known_formats(), most_bytes=2 << 20)
    assert found == "mmengine_text"


def test_other_lines_count_and_end_the_search(training):
    prose = b"dear diary, this was no day on which anything was trained\n" * 40_000
    read = []

    def seen():
        for chunk in chunks(prose, training):
            read.append(chunk)
            yield chunk

    assert recognise(seen(), known_formats(), most_bytes=1 << 20) is None
    assert sum(map(len, read)) < len(prose)


def test_lines_too_long_to_be_read_are_passed_up_to_a_bound(training, monkeypatch):
    monkeypatch.setattr("copilot_analytics.reading.recognise._MOST_PASSED", 4 << 20)
    dump = b"config: " + b"x" * (20 << 20) + b"\n"
    assert recognise(chunks(dump, training), known_formats()) is None
