from __future__ import annotations

import codecs
import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.reading.lines import LineSplitter, clean


def split(chunks, longest=1 << 20):
    splitter = LineSplitter(longest)
    lines = [line for chunk in chunks for line in splitter.feed(chunk).cleaned()]
    return [*lines, *splitter.close().cleaned()], splitter.too_long


def chunked(content, cuts):
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[a:b] for a, b in itertools.pairwise(places)]


PIECES = st.sampled_from(
    [b"loss", b" 1.5", b"\n", b"\r", b"\r\n", b"\0", "é".encode(), "😀".encode(), b"\xff",
     b"\x1b[31m", b"\x9b", b"\xef\xbb\xbf", b"\xff\xfe", b"x" * 9, b""]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 400), max_size=8))
def test_the_chunking_never_matters(pieces, cuts):
    content = b"".join(pieces)
    assert split(chunked(content, cuts), 12) == split([content], 12)
    assert split([bytes([b]) for b in content], 12) == split([content], 12)


@given(
    text=st.text(alphabet="ab é😀\n\r\0", max_size=40),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
@pytest.mark.parametrize(("mark", "encoding"), [
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
])  # fmt: skip
def test_encodings_with_a_mark_read_as_plain_utf8(mark, encoding, text, cuts):
    assert split(chunked(mark + text.encode(encoding), cuts)) == split([text.encode()])


def test_numbers_are_those_of_an_editor():
    lines, _ = split([b"a\r\n\n10%\r20%\r\r\nb\rc"])
    assert lines == [(1, "a"), (2, ""), (3, "10%"), (3, "20%"), (3, ""), (4, "b"), (4, "c")]


def test_a_long_line_is_left_out_and_counted():
    limit = 50
    content = b"a\n" + b"x" * 51 + b"\n" + b"y" * 50 + b"\nb\n" + b"z" * 51
    expected = [(1, "a"), (3, "y" * 50), (4, "b")]
    assert split([content], limit) == (expected, 2)
    assert split([content[i : i + 7] for i in range(0, len(content), 7)], limit) == (expected, 2)


def test_a_long_line_is_never_held():
    splitter = LineSplitter()
    for _ in range(100):
        splitter.feed(b"x" * (1 << 18))
        assert len(pickle.dumps(splitter)) < 2 << 20
    assert list(splitter.feed(b"\nok\n").cleaned()) == [(2, "ok")]
    assert splitter.too_long == 1


@pytest.mark.parametrize(("raw", "text"), [
    (b"\x1b[1;32mok\x1b[0m", "ok"),
    (b"\x1b]0;title\x07loss", "loss"),
    (b"\x1b]52;c;aGk=\x1b\\loss", "loss"),
    ("\x9b31mred".encode(), "red"),
    (b"\x9b31mred", "red"),
    (b"\x9bloss", "\ufffdloss"),
    (b"5%\b\b\b6%", "5%6%"),
    (b"\x1b(Bplain\x1b[K", "plain"),
    (b"a\x1b", "a"),
    ("ünï".encode(), "ünï"),
    (b"\xff\xc3", "\ufffd\ufffd"),
    (b"tab\tstays", "tab\tstays"),
])  # fmt: skip
def test_what_only_a_terminal_understands_is_taken_out(raw, text):
    assert clean(raw) == text


def test_it_can_be_pickled_anywhere():
    content = codecs.BOM_UTF16_LE + "aé\r\nb\r".encode("utf-16-le")
    splitter, lines = LineSplitter(), []
    for i in range(len(content)):
        splitter = pickle.loads(pickle.dumps(splitter))  # noqa: S301  # our own bytes
        lines += splitter.feed(content[i : i + 1]).cleaned()
    assert lines == [(1, "aé"), (2, "b")]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_chinese_in_gbk_is_read_wherever_it_is_cut(size):
    text = "第1轮 训练损失: 0.5、最佳\nplain\n\n第2轮 训练损失: 0.4"
    raw, splitter = text.encode("gbk"), LineSplitter()
    found = [
        line
        for start in range(0, len(raw), size)
        for _, line in splitter.feed(raw[start : start + size]).cleaned()
    ]
    found += [line for _, line in splitter.close().cleaned()]
    assert found == text.split("\n")


@pytest.mark.parametrize(
    "raw", [b"caf\xe9 loss 0.5", b"1 \xff\xfe\xfd", "损失 0.5".encode() + b"\xff", b"50 \xb0 C"]
)
def test_what_is_no_chinese_stays_as_it_is(raw):
    splitter = LineSplitter()
    ((_, line),) = splitter.feed(raw + b"\n").cleaned()
    assert line == raw.decode("utf-8", "replace")
