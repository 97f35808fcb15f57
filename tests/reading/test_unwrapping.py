from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st
from toy_formats import TOYS, expanded

from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.unwrapping import Unwrapper

TEXT = (
    "toy header\nstep 1: loss=0.5\r\nstep 2: loss=0.25\n 10%\r 20%\rdone\n"
    "step 3: loss=1e-3\nstep 4: loss=nan\nchätter\n"
)


def wrapped(pieces):
    rows = [json.dumps({"stream_name": "stdout", "time": 1.5, "data": p}) for p in pieces]
    return ("[" + "\n,".join(rows).replace('": "', '":"') + "\n]\n").encode()


def cut(content, places):
    bounds = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[a:b] for a, b in itertools.pairwise(bounds)]


def read(chunks):
    reader = LogReader("toy.log", formats=TOYS)
    items = [item for chunk in chunks for item in reader.feed(chunk)]
    return [
        (record.kind, record.step, repr(record.metrics))
        for record in expanded([*items, *reader.close()])
    ]


@given(
    st.lists(st.integers(0, 200), max_size=6),
    st.lists(st.integers(0, 900), max_size=6),
)
def test_a_wrapped_log_says_what_the_plain_one_says(pieces, cuts):
    content = wrapped(piece for piece in cut(TEXT, pieces))
    assert read(cut(content, cuts)) == read([TEXT.encode()])


@given(st.lists(st.integers(0, 900), max_size=6))
def test_lines_keep_the_number_of_the_line_of_the_file(cuts):
    content = wrapped(["a\nb\n", "10%", "\r20%", "\n", "step 1: loss=1\n"])
    unwrapper = Unwrapper()
    text = b"".join(unwrapper.feed(chunk) for chunk in cut(content, cuts)) + unwrapper.close()
    assert text.split(b"\n")[4] == b"step 1: loss=1"


def test_what_is_not_wrapped_passes_unchanged():
    for content in (b"", b"[", b'[{"stream"', b'[{"loss": 1}]', b"\n[1]"):
        unwrapper = Unwrapper()
        assert unwrapper.feed(content) + unwrapper.close() == content
