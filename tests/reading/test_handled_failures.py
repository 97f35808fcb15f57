"""A traceback is the end of a training, or of nothing: what comes next tells."""

from __future__ import annotations

import pytest

from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import records_of

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "fit.py", line 31, in publish\n'
    "    client.put(path)\n"
    "TimeoutError: the tracker did not answer\n"
)


def row(epoch, second):
    stamp = f"2025-03-04 10:{second // 60:02d}:{second % 60:02d},000"
    return f"{stamp} INFO epoch {epoch}/20 train loss {2 / epoch:.4f} val loss {3 / epoch:.4f}\n"


def kinds(text, chunk=1 << 20):
    reader = LogReader("fit.log")
    data = text.encode()
    items = [one for at in range(0, len(data), chunk) for one in reader.feed(data[at : at + chunk])]
    return [one.kind for one in records_of([*items, *reader.close()])]


ROWS = "".join(row(epoch, 5 * epoch) for epoch in range(1, 9))


@pytest.mark.parametrize("chunk", [1 << 20, 90, 11])
@pytest.mark.parametrize(
    ("after", "failed"),
    [
        (row(9, 47) + row(10, 52), False),  # as if nothing had been
        ("saved the weights to fit_8.pt\n" + row(9, 47), False),
        (row(9, 1000), True),  # a quarter of an hour later: somebody started it again
        (row(7, 60) + row(8, 65), True),  # from the checkpoint of epoch 6
        ("", True),
        ("bash: line 1:  4711 Killed     python fit.py\n" + row(9, 47), True),
    ],
)
def test_a_failure_is_none_if_training_goes_on_where_it_stood(after, failed, chunk):
    assert ("crash" in kinds(ROWS + TRACEBACK + after, chunk)) == failed


def test_the_same_failure_counts_when_it_is_no_longer_handled():
    handled = ROWS + TRACEBACK + row(9, 45) + TRACEBACK + row(10, 50)
    assert kinds(handled).count("crash") == 0
    assert kinds(handled + TRACEBACK).count("crash") == 1
